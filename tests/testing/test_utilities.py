"""The test harness isolates runs, and the assertions can fail."""

import asyncio
import subprocess
import sys
import threading
import warnings
from pathlib import Path

import pytest

from prefect import flow, get_client, journal, task
from prefect.blocks.core import Block
from prefect.filesystems import LocalFileSystem
from prefect.settings import PREFECT_API_URL, PREFECT_HOME, temporary_settings
from prefect.testing.utilities import (
    a_test_step,
    assert_blocks_equal,
    assert_does_not_warn,
    assert_uses_result_serializer,
    assert_uses_result_storage,
    b_test_step,
    exceptions_equal,
    get_most_recent_flow_run,
    kubernetes_environments_equal,
    prefect_test_harness,
)


@task
def double(x: int) -> int:
    return 2 * x


@flow
def twice(x: int = 1) -> int:
    return double(x)


def count() -> tuple[int, int]:
    with get_client(sync_client=True) as client:
        return len(client.read_flow_runs()), len(client.read_task_runs())


class TestHarness:
    def test_harness_records_runs_in_a_temporary_home(self, home: Path):
        with prefect_test_harness():
            inside = PREFECT_HOME.value()
            assert inside != home
            assert count() == (0, 0)
            assert twice(3) == 6
            assert count() == (1, 1)
            assert inside.exists()
        assert not inside.exists()
        assert PREFECT_HOME.value() == home
        assert not home.exists()

    def test_harness_hides_earlier_runs_and_restores_them(self, home: Path):
        twice()
        with prefect_test_harness():
            twice()
            twice()
            assert count() == (2, 2)
        assert count() == (1, 1)
        twice()
        assert count() == (2, 2)
        assert journal.current().home == home

    def test_harness_applies_to_threads(self, home: Path):
        seen = []
        with prefect_test_harness():
            thread = threading.Thread(target=lambda: seen.append((twice(), PREFECT_HOME.value())))
            thread.start()
            thread.join()
            assert seen == [(2, PREFECT_HOME.value())]
            assert count() == (1, 1)
        assert not home.exists()

    def test_harness_unsets_api_url(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:1/api")
        with prefect_test_harness():
            assert PREFECT_API_URL.value() is None
            twice()
            assert count() == (1, 1)
        assert PREFECT_API_URL.value() == "http://127.0.0.1:1/api"

    def test_harness_inside_temporary_settings(self, tmp_path: Path):
        with temporary_settings({PREFECT_HOME: tmp_path / "other"}):
            with prefect_test_harness():
                assert PREFECT_HOME.value() != tmp_path / "other"
                twice()
            assert PREFECT_HOME.value() == tmp_path / "other"
        assert not (tmp_path / "other").exists()

    def test_harnesses_can_be_nested(self):
        with prefect_test_harness():
            twice()
            with prefect_test_harness():
                assert count() == (0, 0)
            assert count() == (1, 1)

    def test_harness_restores_state_after_an_error(self, home: Path):
        with pytest.raises(ZeroDivisionError), prefect_test_harness():
            1 / 0
        assert PREFECT_HOME.value() == home
        assert journal.current() is None

    def test_harness_inside_a_flow_keeps_its_records(self):
        @flow
        def outer() -> None:
            with prefect_test_harness():
                pass

        outer()
        with get_client(sync_client=True) as client:
            (run,) = client.read_flow_runs()
        assert run.state.is_completed()

    def test_harness_waits_for_submitted_tasks(self):
        started, go, done = threading.Event(), threading.Event(), []

        @task
        def slow() -> None:
            started.set()
            go.wait(30)
            done.append(1)

        with prefect_test_harness():
            slow.submit()
            started.wait(30)
            threading.Timer(0.05, go.set).start()
        assert done == [1]

    async def test_harness_in_async_code(self):
        with prefect_test_harness(server_startup_timeout=None):
            await asyncio.to_thread(twice)
            async with get_client() as client:
                assert len(await client.read_flow_runs()) == 1

    def test_harness_stores_results_in_its_home(self, home: Path):
        with prefect_test_harness():
            state = twice.with_options(persist_result=True)(2, return_state=True)
            assert str(PREFECT_HOME.value()) in state.data.metadata.storage_key
        assert not home.exists()

    def test_harness_as_session_fixture(self, program: Path):
        """The example of the documentation."""
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly", program]
        ran = subprocess.run(command, capture_output=True, text=True, cwd=program.parent)
        assert ran.returncode == 0, ran.stdout


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "test_inner.py"
    path.write_text(
        """
import pytest
from prefect import flow, get_client
from prefect.testing.utilities import prefect_test_harness

@pytest.fixture(autouse=True, scope="session")
def isolated():
    with prefect_test_harness():
        yield

@flow
def one():
    return 1

def test_one():
    assert one() == 1

def test_both_are_in_one_home():
    assert one() == 1
    with get_client(sync_client=True) as client:
        assert len(client.read_flow_runs()) == 2
"""
    )
    return path


class TestAssertDoesNotWarn:
    def test_assertion_fails_when_code_warns(self):
        with pytest.raises(AssertionError, match="careful"), assert_does_not_warn():
            warnings.warn("careful", UserWarning, stacklevel=1)

    def test_assertion_passes_without_or_with_ignored_warning(self):
        with assert_does_not_warn():
            pass
        with assert_does_not_warn(ignore_warnings=[UserWarning]):
            warnings.warn("careful", UserWarning, stacklevel=1)

    def test_assertion_fails_for_warnings_that_are_not_ignored(self):
        with pytest.raises(AssertionError), assert_does_not_warn(ignore_warnings=[UserWarning]):
            warnings.warn("old", DeprecationWarning, stacklevel=1)


@pytest.mark.parametrize(
    "a, b, equal",
    [
        (ValueError("a"), ValueError("a"), True),
        (ValueError("a"), ValueError("b"), False),
        (ValueError("a"), TypeError("a"), False),
        (None, None, True),
        (ValueError(), None, False),
    ],
)
def test_exceptions_equal(a, b, equal):
    assert exceptions_equal(a, b) is equal


_A, _B = {"name": "A", "value": "1"}, {"name": "B", "value": "2"}


@pytest.mark.parametrize(
    "actual, expected, equal",
    [
        ([_A], {"A": "1"}, True),
        ([_A, _B], [_B, _A], True),
        ([_A], {"A": "2"}, False),
        ([_A, _B], {"A": "1"}, False),
        ([], {"A": "1"}, False),
    ],
)
def test_kubernetes_environments_equal(actual, expected, equal, capsys):
    assert kubernetes_environments_equal(actual, expected) is equal
    assert bool(capsys.readouterr().out) is not equal


class Box(Block):
    size: int = 1


class OtherBox(Block):
    size: int = 1


class TestAssertBlocksEqual:
    def test_equal_blocks_pass(self):
        assert_blocks_equal(Box(size=2), Box(size=2))
        assert_blocks_equal(Box(size=2), Box(size=3), exclude={"size"})

    def test_private_attributes_are_compared_when_wanted(self):
        found, expected = Box(size=2), Box(size=2)
        found._is_anonymous = not expected._is_anonymous

        assert_blocks_equal(found, expected, exclude_private=True)
        with pytest.raises(AssertionError, match="_is_anonymous"):
            assert_blocks_equal(found, expected, exclude_private=False)

    def test_different_value_or_type_fails(self):
        with pytest.raises(AssertionError, match="size is 2, expected 3"):
            assert_blocks_equal(Box(size=2), Box(size=3))
        with pytest.raises(AssertionError, match="Unexpected type Box"):
            assert_blocks_equal(Box(), OtherBox())


class TestAssertionsOnResults:
    async def test_assert_uses_result_serializer(self):
        state = twice.with_options(persist_result=True, result_serializer="json")(2, return_state=True)
        await assert_uses_result_serializer(state, "json", get_client())
        with pytest.raises(AssertionError, match="expected 'pickle'"):
            await assert_uses_result_serializer(state, "pickle", get_client())

    async def test_assert_uses_result_storage(self, tmp_path: Path):
        storage = LocalFileSystem(basepath=str(tmp_path / "here"))
        state = twice.with_options(persist_result=True, result_storage=storage)(2, return_state=True)
        await assert_uses_result_storage(state, storage, get_client())
        await assert_uses_result_storage(state, tmp_path / "here", get_client())
        with pytest.raises(AssertionError, match="expected in"):
            await assert_uses_result_storage(state, tmp_path / "there", get_client())

    async def test_assertions_fail_for_result_that_is_not_stored(self, tmp_path: Path):
        state = twice(2, return_state=True)
        with pytest.raises(AssertionError, match="was not stored"):
            await assert_uses_result_serializer(state, "json")
        with pytest.raises(AssertionError, match="was not stored"):
            await assert_uses_result_storage(state, tmp_path)


class TestMostRecentFlowRun:
    async def test_returns_latest_run_of_all_or_one_flow(self):
        twice()
        other = flow(name="other")(lambda: None)
        other()
        assert (await get_most_recent_flow_run(flow_name="twice")).parameters == {"x": 1}
        assert (await get_most_recent_flow_run(get_client())).parameters == {}

    async def test_fails_without_a_run(self):
        with pytest.raises(AssertionError, match="no flow run of the flow 'twice'"):
            await get_most_recent_flow_run(flow_name="twice")


def test_steps_return_inputs_and_three_outputs():
    for step in (a_test_step, b_test_step):
        assert step(x=1) == {"x": 1, "output1": 1, "output2": ["b", 2, 3], "output3": "This one is actually a string"}
