"""Retries of a finished flow run in another attempt of a process: what runs again, and what is kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from prefect import Flow, flow, journal, suspend_flow_run, task, unmapped
from prefect.cache_policies import INPUTS, NO_CACHE
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.flow_engine import run_flow
from prefect.schemas.runs import RETRY_FROM, FlowRun, TaskRun
from prefect.schemas.states import StateType
from prefect.task_runners import ProcessPoolTaskRunner
from tools import serving

pytestmark = pytest.mark.timeout(240)

Calls = Counter[str]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving.server(tmp_path_factory.mktemp("server")) as served:
        yield served.url


@pytest.fixture(params=["local", "server"])
def client(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[SyncPrefectClient]:
    """A client of the local store, or of a server."""
    if request.param == "server":
        monkeypatch.setenv("PREFECT_API_URL", request.getfixturevalue("served"))
    with get_client(sync_client=True) as client:
        yield client
    journal.close()


def begin(main: Flow[Any, Any], *args: Any) -> UUID:
    """Run a flow and return the id of its run."""
    ended: Any = main(*args, return_state=True)
    return ended.state_details.flow_run_id


def retry(client: SyncPrefectClient, main: Flow[Any, Any], id_: UUID, chosen: str | None = None) -> FlowRun:
    """Retry a flow run, from the last task run of a task on if one is named, and return the run after it."""
    request_retry(client, id_, chosen)
    go_on(client, main, id_)
    return client.read_flow_run(id_)


def request_retry(client: SyncPrefectClient, id_: UUID, chosen: str | None = None) -> None:
    found = [run for run in read_task_runs(client, id_) if chosen and run.name.rpartition("-")[0] == chosen]
    body = {"task_run_id": str(found[-1].id) if found else None, "force": True}
    route: Any = "/flow_runs/{id}/retry"
    client.request("POST", route, path_params={"id": id_}, json=body)


def go_on(client: SyncPrefectClient, main: Flow[Any, Any], id_: UUID) -> None:
    """Run the flow for its run that is scheduled, as a worker's process does."""
    run_flow(main, client.read_flow_run(id_), return_type="state")


def read_task_runs(client: SyncPrefectClient, id_: UUID) -> list[TaskRun]:
    journal.flush()
    return sorted((run for run in client.read_task_runs() if run.flow_run_id == id_), key=lambda run: run.id)


def test_retry_runs_only_failed_items_of_a_map_when_results_are_persisted(client: SyncPrefectClient):
    calls = Calls()

    @task(persist_result=True)
    def item(n: int) -> int:
        calls[str(n)] += 1
        if n == 2 and calls["2"] == 1:
            raise ValueError("no")
        return n

    @flow
    def main() -> int:
        return sum(item.map(range(4)).result())

    assert retry(client, main, begin(main)).state_type is StateType.COMPLETED
    assert calls == {"0": 1, "1": 1, "2": 2, "3": 1}


@pytest.fixture
def calls() -> Calls:
    return Calls()


@pytest.fixture
def chain(calls: Calls) -> Flow[Any, Any]:
    """A flow of persisted tasks, each of which uses the result of the one before: `extract`, `transform`, `load`."""

    @task(persist_result=True)
    def extract() -> list[int]:
        calls["extract"] += 1
        return [1, 2]

    @task(persist_result=True)
    def transform(rows: list[int]) -> list[int]:
        calls["transform"] += 1
        return [2 * row for row in rows]

    @task(persist_result=True)
    def load(rows: list[int]) -> int:
        calls["load"] += 1
        return sum(rows)

    @task(persist_result=True)
    def other() -> int:
        calls["other"] += 1
        return 1

    @flow
    def main() -> int:
        other()
        return load(transform(extract()))

    return main


def test_retry_from_a_task_run_repeats_it_and_what_used_its_result(
    client: SyncPrefectClient, chain: Flow[Any, Any], calls: Calls
):
    id_ = begin(chain)
    assert retry(client, chain, id_, "transform").state_type is StateType.COMPLETED
    assert calls == {"extract": 1, "transform": 2, "load": 2, "other": 1}
    # In the second attempt the result of `extract` was taken over: it is the same result.
    retry(client, chain, id_, "extract")
    assert calls == {"extract": 2, "transform": 3, "load": 3, "other": 1}


def test_choice_of_a_task_run_is_used_up_with_its_attempt(
    client: SyncPrefectClient, chain: Flow[Any, Any], calls: Calls
):
    id_ = begin(chain)
    assert retry(client, chain, id_, "extract").context[RETRY_FROM]["run_count"] == 1
    assert retry(client, chain, id_).context == {}
    assert calls == {"extract": 2, "transform": 2, "load": 2, "other": 1}


def test_cancelled_retry_leaves_no_choice_behind(client: SyncPrefectClient, chain: Flow[Any, Any], calls: Calls):
    id_ = begin(chain)
    request_retry(client, id_, "extract")
    client.set_flow_run_state(id_, client.read_flow_run(id_).state.model_copy(update={"type": StateType.CANCELLED}))  # pyright: ignore[reportOptionalMemberAccess]
    retry(client, chain, id_)
    assert calls == {"extract": 1, "transform": 1, "load": 1, "other": 1}


def test_task_run_inside_another_is_repeated_with_its_parent(client: SyncPrefectClient, calls: Calls):
    @task(persist_result=True)
    def inner(n: int) -> int:
        calls[f"inner {n}"] += 1
        return n

    @task(persist_result=True)
    def outer() -> int:
        calls["outer"] += 1
        return inner(1)

    @flow
    def main() -> int:
        return outer()

    retry(client, main, begin(main), "inner")
    assert calls == {"outer": 2, "inner 1": 2}


def test_equal_calls_share_the_result_that_is_computed_anew(client: SyncPrefectClient, calls: Calls):
    @task(persist_result=True)
    def read() -> int:
        calls["read"] += 1
        return calls["read"]

    @flow
    def main() -> list[int]:
        return [read(), read()]

    id_ = begin(main)
    retry(client, main, id_, "read")
    assert calls == {"read": 2}


def test_resumed_attempt_does_not_repeat_the_chosen_task_run_once_more(client: SyncPrefectClient, calls: Calls):
    approved: list[int] = []

    @task(persist_result=True)
    def extract() -> list[int]:
        calls["extract"] += 1
        return [1]

    @task(persist_result=True)
    def load(rows: list[int]) -> int:
        calls["load"] += 1
        return sum(rows)

    @flow
    def main() -> int:
        rows = extract()
        if calls["extract"] == 2 and not approved:
            approved.append(1)
            suspend_flow_run(timeout=60)
        return load(rows)

    flow_id = client.create_flow(main)
    deployment = client.create_deployment(flow_id, f"suspended-{len(client.read_flow_runs())}")
    run = client.create_flow_run_from_deployment(deployment)
    go_on(client, main, run.id)
    assert calls == {"extract": 1, "load": 1}
    paused = retry(client, main, run.id, "extract")
    assert (paused.state_name, calls) == ("Suspended", {"extract": 2, "load": 1})
    client.resume_flow_run(run.id)
    go_on(client, main, run.id)
    assert calls == {"extract": 2, "load": 2}


@task(persist_result=True, cache_policy=INPUTS)
def count_in_file(directory: str, name: str) -> str:
    path = Path(directory, name)
    path.write_text(f"{path.read_text() if path.exists() else ''}x")
    return name


@task(persist_result=True, cache_policy=INPUTS)
def use_in_file(names: list[str], directory: str) -> int:
    path = Path(directory, "use")
    path.write_text(f"{path.read_text() if path.exists() else ''}x")
    return len(names)


@flow(task_runner=ProcessPoolTaskRunner(max_workers=1))
def in_processes(directory: str) -> Any:
    names = count_in_file.map(unmapped(directory), ["a", "b"])
    return use_in_file.submit(names, directory)  # pyright: ignore[reportArgumentType]


def test_task_runs_in_other_processes_are_repeated(client: SyncPrefectClient, tmp_path: Path):
    marks = tmp_path / "marks"
    marks.mkdir()
    id_ = begin(in_processes, str(marks))
    chosen = next(run for run in read_task_runs(client, id_) if run.name.startswith("count_in_file"))
    route: Any = "/flow_runs/{id}/retry"
    client.request("POST", route, path_params={"id": id_}, json={"task_run_id": str(chosen.id), "force": True})
    go_on(client, in_processes, id_)
    assert {path.name: path.read_text() for path in marks.iterdir()} == {"a": "xx", "b": "x", "use": "xx"}


def test_result_that_no_later_run_finds_is_marked(client: SyncPrefectClient, calls: Calls):
    @task(persist_result=True, cache_policy=NO_CACHE)
    def uncached() -> int:
        return 1

    @task(persist_result=True, refresh_cache=True)
    def refreshed() -> int:
        return 1

    @task(persist_result=True)
    def kept() -> int:
        return 1

    @flow
    def main() -> None:
        uncached()
        refreshed()
        kept()

    runs = read_task_runs(client, begin(main))
    marks = {run.name.rpartition("-")[0]: run.state.state_details.refresh_cache for run in runs if run.state}
    assert marks == {"uncached": True, "refreshed": True, "kept": None}


def test_server_that_is_away_when_a_retry_begins_fails_it(
    client: SyncPrefectClient, chain: Flow[Any, Any], monkeypatch: pytest.MonkeyPatch
):
    id_ = begin(chain)
    request_retry(client, id_, "extract")

    async def refuse(self: Any, *request: Any, **path: Any) -> Any:
        raise ConnectionError("the server is unavailable")

    for name in ("local.LocalOrchestrator", "remote.ServerOrchestrator"):
        monkeypatch.setattr(f"prefect.engine.orchestration.{name}.call_api", refuse)
    go_on(client, chain, id_)
    state = client.read_flow_run(id_).state
    assert state is not None
    assert (state.type, "could not start: ConnectionError" in (state.message or "")) == (StateType.FAILED, True)


def read_subflow_runs(client: SyncPrefectClient, id_: UUID) -> list[FlowRun]:
    """Return the subflow runs of a flow run."""
    parents = {run.id for run in read_task_runs(client, id_)}
    return [run for run in client.read_flow_runs() if run.parent_task_run_id in parents]


def test_retry_keeps_a_subflow_whose_result_is_persisted(client: SyncPrefectClient, calls: Calls):
    @flow(persist_result=True)
    def kept(n: int) -> list[int]:
        calls["kept"] += 1
        return [n]

    @flow
    def unkept(n: int) -> list[int]:
        calls["unkept"] += 1
        return [n]

    @flow
    def main() -> int:
        rows = [kept(1), unkept(1), kept(2)]
        if calls["unkept"] == 1:
            raise ValueError("no")
        return len(rows)

    id_ = begin(main)
    assert retry(client, main, id_).state_type is StateType.COMPLETED
    assert calls == {"kept": 2, "unkept": 2}
    assert len(read_subflow_runs(client, id_)) == 4, "each belongs to the flow run"


def test_retry_repeats_a_subflow_with_other_parameters_or_unknown_ones(client: SyncPrefectClient, calls: Calls):
    class Opaque:
        pass

    @flow(persist_result=True, validate_parameters=False)
    def sub(value: Any) -> str:
        calls[type(value).__name__] += 1
        return "done"

    @flow
    def main() -> None:
        sub(calls["main"])
        sub(Opaque())
        calls["main"] += 1

    retry(client, main, begin(main))
    assert calls == {"main": 2, "int": 2, "Opaque": 2}


def test_retry_repeats_a_subflow_whose_result_is_lost(client: SyncPrefectClient, calls: Calls, tmp_path: Path):
    @flow(persist_result=True, result_storage=tmp_path / "results")
    def sub() -> int:
        calls["sub"] += 1
        return 1

    @flow
    def main() -> int:
        return sub()

    id_ = begin(main)
    for path in (tmp_path / "results").iterdir():
        path.unlink()
    assert retry(client, main, id_).state_type is StateType.COMPLETED
    assert calls == {"sub": 2}


def test_retry_from_a_task_run_repeats_a_kept_subflow_that_used_its_result(client: SyncPrefectClient, calls: Calls):
    @task(persist_result=True)
    def extract() -> list[int]:
        calls["extract"] += 1
        return [1]

    @flow(persist_result=True)
    def sub(rows: list[int]) -> list[int]:
        calls["sub"] += 1
        return [*rows, 2]

    @task(persist_result=True)
    def load(rows: list[int]) -> int:
        calls["load"] += 1
        return sum(rows)

    @flow
    def main() -> int:
        return load(sub(extract()))

    id_ = begin(main)
    retry(client, main, id_)
    assert calls == {"extract": 1, "sub": 1, "load": 1}
    retry(client, main, id_, "extract")
    assert calls == {"extract": 2, "sub": 2, "load": 2}
