"""The clients on the local store: reading, writing, errors, sync and async."""

import asyncio
import inspect
import logging
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from uuid import UUID

import pytest

import prefect
from prefect import journal
from prefect.client.orchestration import PrefectClient, SyncPrefectClient, get_client
from prefect.exceptions import ObjectNotFound
from prefect.journal.file import JournalVersionError
from prefect.schemas.actions.objects import ArtifactCreate, ArtifactUpdate
from prefect.schemas.filters.runs import FlowRunFilter, FlowRunFilterName
from prefect.schemas.sorting import FlowRunSort, LogSort
from prefect.schemas.states import State, StateType
from prefect.server.db.errors import StoreUnavailable
from prefect.types import new_id, now
from tests.server.journal_records import FLOW_ID, at, flow, flow_run, log, state, whole_task, write


@pytest.fixture
def run_id(home: Path) -> UUID:
    """A completed flow run with one task run and two logs."""
    run = flow_run(tags=["prod"])
    states = [state("flow_run", run["id"], "RUNNING", 0), state("flow_run", run["id"], "COMPLETED", 2, data=REFERENCE)]
    write(home, [flow(), run, *states, *whole_task(run["id"], 1), log(run["id"], "one"), log(run["id"], "two", 1)])
    return run["id"]


REFERENCE = {
    "type": "reference",
    "storage_key": "k",
    "expiration": None,
    "serializer": {"type": "pickle"},
    "prefect_version": "3.0.0",
    "storage_block_id": None,
}


def test_read_flow_run_returns_run_and_states(run_id: UUID) -> None:
    with get_client(sync_client=True) as client:
        run = client.read_flow_run(run_id)
        assert (run.id, run.name, run.flow_id, run.tags) == (run_id, "brave-fox", FLOW_ID, ["prod"])
        assert run.state is not None
        assert run.state.is_completed()
        assert run.state_id == run.state.id
        assert run.state.state_details.flow_run_id == run_id
        assert (run.start_time, run.end_time) == (at(0), at(2))
        assert run.total_run_time.total_seconds() == 2
        assert [known.name for known in client.read_flow_run_states(run_id)] == ["Running", "Completed"]
        assert client.read_flow_run_state(run.state.id).timestamp == at(2)


async def test_async_client_reads_runs_and_logs(run_id: UUID) -> None:
    async with get_client() as client:
        assert client.loop is asyncio.get_running_loop()
        runs, tasks, logs = await asyncio.gather(
            client.read_flow_runs(), client.read_task_runs(), client.read_logs(sort=LogSort.TIMESTAMP_DESC)
        )
        assert [run.id for run in runs] == [run_id]
        assert [task.flow_run_id for task in tasks] == [run_id]
        assert [line.message for line in logs] == ["two", "one"]
        (task,) = tasks
        assert (await client.read_task_run(task.id)).state == task.state
        assert len(await client.read_task_run_states(task.id)) == 3
        assert await client.count_flow_runs() == 1


async def test_sync_client_works_inside_a_running_loop(run_id: UUID) -> None:
    assert get_client(sync_client=True).read_flow_run(run_id).name == "brave-fox"


def test_read_flow_runs_applies_filter_sort_and_limit(home: Path) -> None:
    write(home, [flow(), *(flow_run(name=f"run-{number}") for number in range(5))])
    client = get_client(sync_client=True)
    some = FlowRunFilter(name=FlowRunFilterName(any_=["run-1", "run-3", "run-4"]))
    runs = client.read_flow_runs(flow_run_filter=some, sort=FlowRunSort.NAME_DESC, limit=2)
    assert [run.name for run in runs] == ["run-4", "run-3"]
    assert client.count_flow_runs(flow_run_filter=some) == 3
    assert [known.name for known in client.read_flows(limit=1)] == ["etl"]


def test_client_reads_records_of_its_own_process(home: Path) -> None:
    journal.use(home)
    client = get_client(sync_client=True)
    for number in range(3):
        journal.append(flow_run(name=f"run-{number}"))
        assert client.count_flow_runs() == number + 1


def test_object_not_found_names_the_unknown_id(home: Path) -> None:
    client, unknown = get_client(sync_client=True), new_id()
    calls = {
        "flow run": client.read_flow_run,
        "task run": client.read_task_run,
        "flow": client.read_flow,
        "flow run state": client.read_flow_run_state,
    }
    for kind, call in calls.items():
        with pytest.raises(ObjectNotFound, match=f"There is no {kind} '{unknown}'"):
            call(unknown)
    for call in (client.delete_flow_run, client.delete_task_run, client.delete_flow, client.delete_artifact):
        with pytest.raises(ObjectNotFound):
            call(unknown)
    with pytest.raises(ObjectNotFound, match="There is no flow 'nightly'"):
        client.read_flow_by_name("nightly")
    assert client.read_flow_run_states(unknown) == []


def test_delete_flow_run_deletes_task_runs_and_logs(home: Path, run_id: UUID) -> None:
    client = get_client(sync_client=True)
    task = client.read_task_runs()[0]
    sub = flow_run(parent_task_run_id=task.id)
    write(home, [sub])
    client.delete_flow_run(run_id)
    assert client.read_task_runs() == []
    assert client.read_logs() == []
    assert [run.id for run in client.read_flow_runs()] == [sub["id"]]
    assert client.read_flow_run(sub["id"]).parent_task_run_id is None
    client.delete_flow(FLOW_ID)
    assert client.read_flow_runs() == []


def test_delete_task_run_keeps_the_flow_run(run_id: UUID) -> None:
    client = get_client(sync_client=True)
    client.delete_task_run(client.read_task_runs()[0].id)
    assert client.read_task_runs() == []
    assert client.count_flow_runs() == 1


def test_client_creates_runs_and_sets_states(home: Path) -> None:
    client = get_client(sync_client=True)
    made = client.create_flow_run(
        SimpleNamespace(name="nightly", version="2", retries=3, retry_delay_seconds=1.5),  # what a Flow has
        name="first",
        parameters={"day": now()},
        tags=["b", "a"],
    )
    assert client.read_flow_by_name("nightly").id == made.flow_id == client.create_flow_from_name("nightly")
    assert (made.name, made.tags, made.flow_version, made.state_name) == ("first", ["a", "b"], "2", "Pending")
    assert (made.empirical_policy.retries, made.empirical_policy.retry_delay) == (3, 1)
    result = client.set_flow_run_state(made.id, State(type=StateType.RUNNING))
    assert (result.status.value, result.state and result.state.name) == ("ACCEPT", "Running")
    client.set_flow_run_state(str(made.id), State(type=StateType.COMPLETED, name="Fine", message="done"))
    known = client.read_flow_run(made.id)
    assert (known.state_name, known.run_count, known.state and known.state.message) == ("Fine", 1, "done")

    task = SimpleNamespace(
        name="add", task_key="add-1", version=None, tags={"io"}, retries=2, retry_delay_seconds=[1, 2]
    )
    task_made = client.create_task_run(task, made.id, "0", extra_tags=["late"])
    assert (task_made.name, task_made.tags, task_made.flow_run_id) == ("add-0", ["io", "late"], made.id)
    assert client.create_task_run(task, made.id, "0", id=task_made.id, name="other").name == "add-0"
    client.set_task_run_state(task_made.id, State(type=StateType.FAILED))
    client.set_task_run_name(task_made.id, "sum")
    assert (client.read_task_run(task_made.id).name, client.read_task_run(task_made.id).state_name) == ("sum", "Failed")


def test_update_flow_run_changes_fields_and_labels(run_id: UUID) -> None:
    client = get_client(sync_client=True)
    assert client.set_flow_run_name(run_id, "calm-owl").status_code == 204
    client.update_flow_run(run_id, tags=["x"], parameters={"y": 2}, infrastructure_pid="12")
    client.update_flow_run_labels(run_id, {"team": "data"})
    client.update_flow_run_labels(run_id, {"cost": 3})
    known = client.read_flow_run(run_id)
    assert (known.name, known.tags, known.parameters) == ("calm-owl", ["x"], {"y": 2})
    assert (known.labels, known.infrastructure_pid) == ({"team": "data", "cost": 3}, "12")


def test_client_creates_and_reads_logs_and_artifacts(home: Path) -> None:
    client, run_id = get_client(sync_client=True), new_id()
    client.create_logs([{"name": "mine", "level": 20, "message": "hi", "timestamp": now(), "flow_run_id": run_id}])
    assert [(line.name, line.flow_run_id) for line in client.read_logs()] == [("mine", run_id)]
    first = client.create_artifact(ArtifactCreate(key="rows", type="table", data=[{"a": 1}], flow_run_id=run_id))
    second = client.create_artifact(ArtifactCreate(key="rows", type="table", data="newer"))
    client.update_artifact(second.id, ArtifactUpdate(description="d"))
    (latest,) = client.read_latest_artifacts()
    assert (latest.key, latest.latest_id, latest.data, latest.description) == ("rows", second.id, "newer", "d")
    assert [known.data for known in client.read_artifacts()] == ["newer", [{"a": 1}]]
    client.delete_artifact(first.id)
    assert len(client.read_artifacts()) == 1


def test_client_describes_the_local_api(home: Path) -> None:
    client = get_client(sync_client=True)
    assert client.api_healthcheck() is None
    assert client.hello().json() == "👋"
    assert client.api_version() == prefect.__version__
    assert str(client.api_url) == "http://ephemeral-prefect/api/"
    client.raise_for_api_version_mismatch_once()


def test_client_raises_store_unavailable_when_the_store_cannot_be_opened(home: Path) -> None:
    home.write_text("")
    client = get_client(sync_client=True)
    assert isinstance(client.api_healthcheck(), StoreUnavailable)
    with pytest.raises(StoreUnavailable, match="is not a directory"):
        client.read_flow_runs()


def test_damaged_journal_does_not_hide_applied_records(
    home: Path, run_id: UUID, caplog: pytest.LogCaptureFixture
) -> None:
    assert get_client(sync_client=True).count_flow_runs() == 1
    for side in home.glob("journal.db-*"):
        side.unlink()
    (home / "journal.db").write_bytes(b"\0" * 4096)
    client = get_client(sync_client=True)
    with caplog.at_level(logging.WARNING):
        assert client.count_flow_runs() == 1
        assert client.count_flow_runs() == 1
    assert len([record for record in caplog.records if "journal.db" in record.message]) == 1


def test_sync_client_has_every_operation() -> None:
    operations = {
        name: member
        for name, member in inspect.getmembers(PrefectClient, inspect.iscoroutinefunction)
        if not name.startswith("_")
    }
    assert len(operations) > 30
    for name, member in operations.items():
        assert getattr(SyncPrefectClient, name).__wrapped__ is member


def test_async_client_rejects_a_sync_with_block() -> None:
    with pytest.raises(RuntimeError, match="async with"), get_client():  # pyright: ignore[reportGeneralTypeIssues]
        pass


def test_read_flow_runs_imports_no_heavy_modules(home: Path, run_id: UUID) -> None:
    code = (
        "import sys; from prefect.client.orchestration import get_client\n"
        "assert len(get_client(sync_client=True).read_flow_runs()) == 1\n"
        "heavy = ('sqlalchemy', 'alembic', 'asyncio', 'httpx', 'rich', 'jinja2', 'yaml')\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_newer_journal_format_raises(home: Path, run_id: UUID) -> None:
    with closing(sqlite3.connect(home / "journal.db")) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(JournalVersionError, match=r"format 99.*upgrade pluperfect"):
        get_client(sync_client=True).read_flow_runs()


def test_reading_task_runs_refuses_filters_that_do_not_narrow_them(home: Path) -> None:
    with get_client(sync_client=True) as client, pytest.raises(TypeError, match="'work_pool_filter'"):
        client.read_task_runs(work_pool_filter=None)  # pyright: ignore[reportCallIssue]
