"""What the engine records is what the store understands: real runs, applied, read back."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from prefect import allow_failure, flow, get_run_logger, task
from prefect._io import drive
from prefect.artifacts import create_progress_artifact, create_table_artifact, update_progress_artifact
from prefect.client.orchestration import get_client
from prefect.server.db.sqlite.database import open_home
from prefect.server.services.runs.ingestion.journal_ingestion import find_dead_letters


@task(retries=2, tags=["io"])
def flaky(calls: list[int]) -> int:
    calls.append(1)
    if len(calls) < 2:
        raise ValueError("not yet")
    return len(calls)


@task(persist_result=True)
def double(x: int) -> int:
    return 2 * x


@task
def broken() -> None:
    raise RuntimeError("broken")


@task
def after(x: Any) -> str:
    return "went on"


@flow
def inner(n: int) -> int:
    return sum(future.result() for future in double.map(range(n)))


@flow(retries=1, log_prints=True, flow_run_name="outer-{n}", version="7")
def outer(n: int, calls: list[int]) -> int:
    print("printed")
    get_run_logger().warning("logged")
    progress = create_progress_artifact(0, key="steps")
    create_table_artifact([{"n": n}], key="table")
    failed = broken(return_state=True)
    waiting = after.submit(failed)
    after.submit(allow_failure(broken.submit()))
    waiting.wait()
    update_progress_artifact(progress, 100)
    return inner(n) + flaky(calls)


def test_records_of_real_runs_are_applied(home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert outer(3, []) == 8
    client = get_client(sync_client=True)
    runs = {run.name: run for run in client.read_flow_runs()}
    assert drive(find_dead_letters(open_home(home))) == []
    top = runs.pop("outer-3")
    (sub,) = runs.values()
    assert (top.state_name, top.flow_version, top.parameters) == ("Completed", "7", {"n": 3, "calls": []})
    assert top.empirical_policy.retries == 1
    tasks = client.read_task_runs()
    assert Counter(run.state_name for run in tasks) == {"Completed": 6, "Failed": 2, "NotReady": 1}
    parent = next(run for run in tasks if run.id == sub.parent_task_run_id)
    assert parent.flow_run_id == top.id
    assert parent.state is not None
    assert parent.state.state_details.child_flow_run_id == sub.id
    retried = next(run for run in tasks if run.name.startswith("flaky"))
    assert (retried.run_count, retried.tags, retried.flow_run_run_count) == (2, ["io"], 1)
    names = [state.name for state in client.read_task_run_states(retried.id)]
    assert names == ["Pending", "Running", "Retrying", "Completed"]
    doubled = [run for run in tasks if run.name.startswith("double")]
    assert sorted(run.state.result() for run in doubled if run.state) == [0, 2, 4]
    messages = [log.message for log in client.read_logs()]
    assert {"printed", "logged"} <= set(messages)
    assert {artifact.key: artifact.data for artifact in client.read_latest_artifacts()}["steps"] == 100
