"""Flow runs that pause and resume without a server, through the local store."""

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from prefect import flow, get_client, task
from prefect._io import drive
from prefect.engine.interruption import stopping
from prefect.exceptions import (
    Abort,
    CancelledRun,
    FlowPauseTimeout,
    FlowRunWaitTimeout,
    NotPausedError,
    ObjectNotFound,
)
from prefect.flow_runs import asuspend_flow_run, pause_flow_run, resume_flow_run, suspend_flow_run, wait_for_flow_run
from prefect.input import RunInput, read_flow_run_input
from prefect.runtime import flow_run as runtime
from prefect.schemas.states import Cancelled
from prefect.types import new_id
from tests.engine.shells import SHELLS, Shell

POLL: Any = 0.02


class Person(RunInput):
    name: str
    age: int = 3


def read(run_id: UUID) -> Any:
    with get_client(sync_client=True) as client:
        return client.read_flow_run(run_id)


class Helper:
    """A thread that acts on a run once it is paused."""

    def __init__(self, act: Callable[[UUID], None]) -> None:
        self._act = act
        self.error: BaseException | None = None
        self._thread: threading.Thread | None = None

    def watch(self) -> None:
        """Start the thread; called in the flow before it pauses."""
        self._thread = threading.Thread(target=self._run, args=(UUID(runtime.id),))
        self._thread.start()

    def _run(self, run_id: UUID) -> None:
        deadline = time.monotonic() + 60
        try:
            while not read(run_id).state.is_paused():
                assert time.monotonic() < deadline
                threading.Event().wait(0.01)
            self._act(run_id)
        except BaseException as error:
            self.error = error

    def done(self) -> None:
        assert self._thread is not None
        self._thread.join(60)
        if self.error is not None:
            raise self.error


def states(run_id: UUID) -> list[str | None]:
    with get_client(sync_client=True) as client:
        return [state.name for state in client.read_flow_run_states(run_id)]


def test_pause_waits_until_run_is_resumed():
    helper = Helper(lambda run_id: resume_flow_run(run_id))

    @flow
    def main() -> str:
        helper.watch()
        assert pause_flow_run(timeout=60, poll_interval=POLL) is None
        return runtime.id

    run_id = UUID(main())
    helper.done()
    assert states(run_id) == ["Pending", "Running", "Paused", "Running", "Completed"]
    assert read(run_id).empirical_policy.pause_keys == {"1"}


def test_pause_returns_requested_input():
    def answer(run_id: UUID) -> None:
        while read_flow_run_input("paused-who-schema", run_id) is None:
            threading.Event().wait(0.01)
        with pytest.raises(NotPausedError, match="cannot be resumed"):
            resume_flow_run(run_id, {"age": "many"})
        resume_flow_run(run_id, {"name": "Ann"})

    helper = Helper(answer)

    @flow
    def main() -> Any:
        helper.watch()
        return pause_flow_run(wait_for_input=Person, timeout=60, poll_interval=POLL, key="who")

    person = main()
    helper.done()
    assert (person.name, person.age) == ("Ann", 3)


def test_pause_returns_requested_value_in_async_flow():
    def answer(run_id: UUID) -> None:
        while read_flow_run_input("paused-1-schema", run_id) is None:
            threading.Event().wait(0.01)
        resume_flow_run(run_id, {"value": 7})

    helper = Helper(answer)
    pause: Any = pause_flow_run

    @flow
    async def main() -> int:
        helper.watch()
        return await pause(wait_for_input=int, timeout=60, poll_interval=POLL)

    assert asyncio.run(main()) == 7
    helper.done()


def test_pause_fails_after_timeout():
    @flow
    def main() -> None:
        pause_flow_run(timeout=0, poll_interval=POLL)

    state = main(return_state=True)
    assert state.is_failed()
    with pytest.raises(FlowPauseTimeout, match="was not resumed within"):
        state.result()


@pytest.mark.parametrize("interval", [0.0, 1000.0])
def test_paused_run_that_is_cancelled_ends_as_cancelled(interval: float, monkeypatch: pytest.MonkeyPatch):
    """Whether it has looked itself up just before or not."""
    monkeypatch.setattr(stopping, "CHECK_INTERVAL_SECONDS", interval)

    def cancel(run_id: UUID) -> None:
        with get_client(sync_client=True) as client:
            client.set_flow_run_state(run_id, Cancelled(), force=True)

    helper = Helper(cancel)
    ids: list[UUID] = []
    called: list[str] = []

    @flow(on_cancellation=[lambda flow, run, state: called.append(state.name)])
    def main() -> None:
        ids.append(UUID(runtime.id))
        helper.watch()
        with pytest.raises(Abort, match="Cancelled") as aborted:
            pause_flow_run(timeout=60, poll_interval=POLL)
        raise aborted.value

    with pytest.raises(CancelledRun):
        main()
    helper.done()
    assert states(ids[0])[-1] == "Cancelled"
    assert called == ["Cancelled"]


@pytest.mark.parametrize("submitted", [False, True])
def test_task_pauses_its_flow_run(submitted: bool):
    helper = Helper(lambda run_id: resume_flow_run(run_id))

    @task
    def tries() -> int:
        pause_flow_run(timeout=60, poll_interval=POLL)
        return 7

    @flow
    def main() -> str:
        helper.watch()
        assert (tries.submit().result() if submitted else tries()) == 7
        return runtime.id

    run_id = UUID(main())
    helper.done()
    assert states(run_id) == ["Pending", "Running", "Paused", "Running", "Completed"]


def test_pause_and_suspend_need_a_flow_run():
    @task
    def tries() -> None:
        pause_flow_run()

    for call in (pause_flow_run, suspend_flow_run, tries):
        with pytest.raises(RuntimeError, match="There is no current flow run"):
            call()


@pytest.mark.parametrize("shell", SHELLS)
def test_suspend_without_a_deployment_is_an_error_that_fails_the_run(shell: str):
    ids: list[UUID] = []
    kind = Shell(shell)

    @kind.flow()
    def main() -> None:
        ids.append(UUID(runtime.id))
        drive(asuspend_flow_run())

    with pytest.raises(RuntimeError, match="cannot be suspended: A run without a deployment"):
        kind.call(main)
    assert states(ids[0]) == ["Pending", "Running", "Failed"]


def test_suspend_fails_in_a_subflow_and_in_a_task():
    @flow
    def child() -> None:
        suspend_flow_run()

    @task
    def tries() -> None:
        suspend_flow_run()

    @flow
    def main(call: Any) -> None:
        call()

    for call, reason in ((child, "A subflow cannot be suspended"), (tries, "A task cannot suspend")):
        with pytest.raises(RuntimeError, match=reason):
            main(call)


def test_resume_fails_for_run_that_is_not_paused():
    @flow
    def main() -> None: ...

    state = main(return_state=True)
    assert state.state_details.flow_run_id is not None
    with pytest.raises(NotPausedError):
        resume_flow_run(state.state_details.flow_run_id)
    with pytest.raises(ObjectNotFound):
        resume_flow_run(new_id())


def test_wait_for_flow_run():
    release = threading.Event()
    ids: list[UUID] = []
    begun = threading.Event()

    @flow
    def main() -> None:
        ids.append(UUID(runtime.id))
        begun.set()
        release.wait(60)

    thread = threading.Thread(target=main)
    thread.start()
    assert begun.wait(60)

    async def wait() -> Any:
        with pytest.raises(FlowRunWaitTimeout, match="did not end within 0 seconds"):
            await wait_for_flow_run(ids[0], timeout=0)
        release.set()
        return await wait_for_flow_run(ids[0], timeout=60, log_states=True)

    assert asyncio.run(wait()).state.is_completed()
    thread.join()
