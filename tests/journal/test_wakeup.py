"""Waking a thread that waits."""

from concurrent.futures import ThreadPoolExecutor

from prefect.journal.wakeup import Wakeup


def test_wait_clears_what_was_set() -> None:
    wakeup = Wakeup()
    assert not wakeup.wait(0)
    wakeup.set()
    wakeup.set()
    assert wakeup.wait()
    assert not wakeup.wait(0)


def test_clear_without_waiting() -> None:
    wakeup = Wakeup()
    wakeup.set()
    wakeup.clear()
    wakeup.clear()
    assert not wakeup.wait(0)


def test_set_wakes_a_thread_that_waits() -> None:
    wakeup = Wakeup()
    with ThreadPoolExecutor(1) as executor:
        waiting = executor.submit(wakeup.wait, 60)
        wakeup.set()
        assert waiting.result(60)
