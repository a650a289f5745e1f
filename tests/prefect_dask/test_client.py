"""Tasks that are submitted with a client of Dask: in flows, in tasks, without either."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from prefect import flow, task
from prefect.exceptions import UpstreamTaskError
from prefect_dask import DaskTaskRunner, PrefectDaskClient, get_async_dask_client, get_dask_client
from tests.dask_cluster import make_cluster
from tests.recorded import records, states

pytestmark = pytest.mark.stray_threads  # those of Dask's client go on

ALL = ["Pending", "Running", "Completed"]


@task
def add(left: int, right: int = 1) -> int:
    return left + right


@task
def broken() -> int:
    raise KeyError("broken")


@task
def dies() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@task(retries=1)
def fails_once(file: str) -> int:
    with open(file, "a") as attempts:
        attempts.write("x")
    if Path(file).stat().st_size < 2:
        raise ValueError("again")
    return 2


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with make_cluster() as address:
        yield address


def test_tasks_are_task_runs_of_the_flow(address: str, home: Path, tmp_path: Path):
    @flow(task_runner=DaskTaskRunner(address=address))
    def program() -> Any:
        before = add.submit(1)
        with get_dask_client() as client:
            chain = client.submit(add, client.submit(add, before, right=8, workers=None), priority=1)
            mapped = client.map(add, [1, 2], [10, 20])
            plain = client.map(sum, [[1, 2]])
            retried = client.submit(fails_once, str(tmp_path / "attempts"))
            return chain.result(), client.gather(mapped), client.gather(plain), retried.result()

    assert program() == (11, [11, 22], [3], 2)
    runs = {run["id"]: run for run in records(home, "task_run")}
    flow_run_id = records(home, "flow_run")[0]["id"]
    assert len(runs) == 6 and {run["flow_run_id"] for run in runs.values()} == {flow_run_id}
    for run in runs.values():
        expected = ["Pending", "Running", "Retrying", "Completed"]
        assert states(home, "task_run", run["id"]) == (expected if run["name"].startswith("fails") else ALL)


def test_task_submits_tasks_from_its_worker(address: str, home: Path):
    @task
    def outer() -> int:
        with get_dask_client() as client:
            return client.submit(add, 1).result()

    @task
    async def outer_async() -> int:
        async with get_async_dask_client() as client:
            return sum(await client.gather(client.map(add, [1, 2])))

    @flow(task_runner=DaskTaskRunner(address=address))
    def program() -> Any:
        return outer.submit().result(), outer_async.submit().result()

    assert program() == (2, 5)
    runs = records(home, "task_run")
    parents = {run["id"]: run["task_inputs"].get("__parents__") for run in runs}
    assert sorted(run["name"].split("-")[0] for run in runs) == ["add"] * 3 + ["outer", "outer_async"]
    assert all(parents[run["id"]] for run in runs if run["name"].startswith("add"))
    assert all(states(home, "task_run", run["id"]) == ALL for run in runs)


def test_async_flow_submits_tasks(address: str, home: Path):
    @flow(task_runner=DaskTaskRunner(address=address))
    async def program() -> int:
        async with get_async_dask_client() as client:
            return await client.submit(add, 1)

    assert asyncio.run(program()) == 2
    assert states(home, "task_run") == ALL


def test_failures_and_dead_workers_end_their_runs(address: str, home: Path):
    with PrefectDaskClient(address) as client:
        failed, dead = client.submit(broken), client.submit(dies, key="dies")
        with pytest.raises(KeyError, match="broken"):
            failed.result()
        with pytest.raises(Exception, match="dies"):
            dead.result()
    endings = _read_endings(home, 2)
    assert endings["broken"] == "Failed" and endings["dies"] == "Crashed"


def test_upstream_that_failed_is_an_error_immediately(address: str, home: Path):
    @flow(task_runner=DaskTaskRunner(address=address))
    def program() -> None:
        failure = broken.submit()
        failure.wait()
        with get_dask_client(set_as_default=False) as client, pytest.raises(UpstreamTaskError, match="broken-"):
            client.submit(add, failure)

    program()
    late = next(run for run in records(home, "task_run") if run["name"].startswith("add"))
    assert states(home, "task_run", late["id"]) == ["Pending", "NotReady"]


def test_closing_the_client_cancels_what_has_not_ended(address: str, home: Path):
    with PrefectDaskClient(address) as client:
        client.submit(add, 1, workers=["tcp://127.0.0.1:1"])
    assert states(home, "task_run") == ["Pending", "Cancelled"]


def test_retries_of_dask_are_refused_for_tasks(address: str):
    with PrefectDaskClient(address) as client, pytest.raises(ValueError, match=r"use `add\.with_options\(retries=2\)`"):
        client.submit(add, 1, retries=2)


def _read_endings(home: Path, count: int) -> dict[str, str]:
    """Return the last states of the runs by name."""
    runs = records(home, "task_run")
    assert len(runs) == count
    return {run["name"]: states(home, "task_run", run["id"])[-1] for run in runs}
