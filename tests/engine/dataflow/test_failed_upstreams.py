"""A run whose upstream run did not complete is never begun: it stays NotReady, and says which run failed and why."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from prefect import allow_failure, flow, task
from prefect.client.orchestration import get_client
from prefect.exceptions import FailedRun, UnfinishedRun, UpstreamTaskError
from prefect.schemas.states import Cancelled, Crashed, Failed, State, StateType
from tests.recorded import records, run


@task(task_run_name="extract-{row}")
def extract(row: int) -> int:
    raise ValueError(f"bad row {row}")


@task
def after(value: Any) -> Any:
    return value


@task
async def async_after(value: Any) -> Any:
    return value


@task
def generate_after(value: Any) -> Any:
    yield value


@flow(validate_parameters=False)
def flow_after(value: Any) -> Any:
    return value


REASON = "Upstream task run 'extract-3' failed: ValueError: bad row 3"

CALLS: dict[str, Callable[[Any], State[Any]]] = {
    "call": lambda upstream: after(upstream, return_state=True),
    "submit": lambda upstream: after.submit(upstream, return_state=True),
    "map": lambda upstream: after.map([upstream], return_state=True)[0],
    "in a list": lambda upstream: after.submit([upstream], return_state=True),
    "wait_for": lambda upstream: after.submit(1, wait_for=[upstream], return_state=True),
    "async": lambda upstream: async_after.submit(upstream, return_state=True),
    "generator": lambda upstream: generate_after.submit(upstream, return_state=True),
    "coroutine": lambda upstream: asyncio.run(async_after(upstream, return_state=True)),
}


@pytest.mark.parametrize("way", CALLS)
@pytest.mark.parametrize("upstream", ["future", "state"])
def test_not_ready_names_the_failed_run_and_its_error(way: str, upstream: str):
    @flow
    def program() -> tuple[str | None, str | None, str]:
        failed = extract.submit(3)
        state = CALLS[way](failed if upstream == "future" else failed.state if not failed.wait() else None)
        with pytest.raises(UnfinishedRun) as raised:
            state.result()
        return state.name, state.message, str(raised.value)

    assert program() == ("NotReady", REASON, REASON)


@pytest.mark.parametrize("as_parameter", [True, False])
def test_subflow_of_a_failed_run_is_not_ready(as_parameter: bool):
    def call(**options: Any) -> Any:
        failed = extract.submit(3)
        return flow_after(failed, **options) if as_parameter else flow_after(1, wait_for=[failed], **options)

    @flow(flow_run_name="parent")
    def program() -> Any:
        with pytest.raises(UpstreamTaskError, match=REASON):
            call()
        state = call(return_state=True)
        return state.type, state.name, state.message

    assert program() == (StateType.PENDING, "NotReady", REASON)
    with get_client(sync_client=True) as client:
        runs = [each for each in client.read_flow_runs() if each.name != "parent"]
        stand_ins = [each for each in client.read_task_runs() if each.name.startswith("flow-after")]
    assert [(each.state_name, each.start_time) for each in (*runs, *stand_ins)] == [("NotReady", None)] * 4


COLLECTIONS: dict[str, Callable[[Any], Any]] = {
    "future": lambda failed: failed,
    "list": lambda failed: [failed, after.submit(1)],
    "dict": lambda failed: {"a": failed},
    "nested list": lambda failed: [[failed]],
    "states": lambda failed: [failed.state] if not failed.wait() else None,
    "future list": lambda failed: extract.map([1, 2]),
}


@pytest.mark.parametrize("shape", COLLECTIONS)
def test_allow_failure_in_wait_for_allows_every_run_inside(shape: str):
    @flow
    def program() -> list[Any]:
        runs = allow_failure(COLLECTIONS[shape](extract.submit(3)))
        return [
            after.submit(1, wait_for=[runs]).result(),
            after.submit(2, wait_for=runs).result(),
            after(3, wait_for=[runs]),
            flow_after(4, wait_for=[runs]),
        ]

    assert program() == [1, 2, 3, 4]


def test_map_maps_over_the_result_of_a_state():
    @flow
    def program() -> Any:
        state = after([1, 2, 3], return_state=True)
        futures = after.map(state)
        assert after.map([1, 2], wait_for=[state]).result() == [1, 2]
        assert after.map(allow_failure(state)).result() == [1, 2, 3]
        return futures.result()

    assert program() == [1, 2, 3]


def test_map_over_a_failed_state_raises_its_reason():
    @flow
    def program() -> None:
        after.map(extract(3, return_state=True))

    with pytest.raises(UpstreamTaskError, match=REASON):
        program()


def test_not_ready_names_the_run_that_failed_first():
    @flow
    def program() -> str | None:
        middle = after.submit(extract.submit(3))
        return after.submit(middle, return_state=True).message

    message = program()
    assert message is not None and message.endswith(f" did not run: {REASON}"), message


@pytest.mark.parametrize(
    ("state", "outcome"),
    [
        (Failed(message="no rows"), "failed: no rows"),
        (Crashed(message="out of memory"), "crashed: out of memory"),
        (Cancelled(), "was cancelled."),
    ],
)
def test_not_ready_reports_how_the_upstream_run_ended(state: State[Any], outcome: str):
    @task(task_run_name="load")
    def load() -> State[Any]:
        return state

    @flow
    def program() -> str | None:
        return after.submit(load.submit(), return_state=True).message

    assert program() == f"Upstream task run 'load' {outcome}"


def test_not_ready_names_a_failed_subflow_run():
    @flow(flow_run_name="nightly")
    def child() -> None:
        raise ValueError("no disk")

    @flow
    def program() -> str | None:
        return after.submit(child(return_state=True), return_state=True).message

    assert program() == "Upstream flow run 'nightly' failed: ValueError: no disk"


def test_not_ready_outside_of_a_flow_has_the_upstream_id():
    failed = extract(3, return_state=True)
    state = after(failed, return_state=True)
    assert state.message == f"Upstream task run '{failed.state_details.task_run_id}' failed: ValueError: bad row 3"


PROGRAM = """
    @task(task_run_name="extract-{row}")
    def extract(row): raise ValueError(f"bad row {row}")

    @task(task_run_name="after")
    def after(value): return value

    @flow
    def main():
        after.submit(extract.submit(3)).wait()
        return 1

    main()
    after(extract(3, return_state=True), return_state=True)
"""


def test_not_ready_stays_after_the_process_has_ended(home: Path):
    status, _, errors = run(PROGRAM)
    assert status == 0, errors
    assert records(home, "task_run"), "the program records where this test reads"
    for _ in range(2):
        with get_client(sync_client=True) as client:
            found = [each for each in client.read_task_runs() if each.name.startswith("after")]
        assert [(each.state_name, each.start_time, each.end_time) for each in found] == [("NotReady", None, None)] * 2
        assert all(each.state and "bad row 3" in (each.state.message or "") for each in found)


@pytest.mark.parametrize("wrap", [lambda future: future, lambda future: [future]])
def test_flow_that_returns_a_run_that_never_began_raises_what_kept_it(wrap: Callable[[Any], Any]) -> None:
    @task
    def bad() -> None:
        raise ValueError("bad row 3")

    @task
    def after(value: Any) -> Any:
        return value

    @flow
    def main() -> Any:
        future = after.submit(bad.submit())
        future.wait()
        return wrap(future)

    state: Any = main(return_state=True)
    with pytest.raises(FailedRun, match=r"Upstream task run 'bad-\w+' failed: ValueError: bad row 3"):
        state.result()
