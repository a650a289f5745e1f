"""Flows on a Dask cluster: where values stay, workers that die, clients, options."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dask
import distributed
import httpx
import pytest

from prefect import flow, task
from prefect.context import FlowRunContext
from prefect.exceptions import MissingResult
from prefect_dask import DaskTaskRunner, get_async_dask_client, get_dask_client
from tests.dask_cluster import make_cluster
from tests.recorded import run, states
from tests.workers.pools import wait_until
from tools import serving

pytestmark = pytest.mark.stray_threads  # those of Dask's client go on

BIG = 1_000_000


@task
def add(number: int) -> int:
    return 1 + number


@task
def make_bytes(size: int) -> bytes:
    return bytes(size)


@task
def get_length(content: bytes) -> int:
    return len(content)


@task
def find_worker(_: Any = None) -> tuple[int, str]:
    return os.getpid(), distributed.get_worker().address


def die_first(file: str, times: int) -> int:
    """Kill this worker the first times it comes here, and return how often it has come."""
    with open(file, "a") as attempts:
        attempts.write("x")
    count = Path(file).stat().st_size
    if count <= times:
        os.kill(os.getpid(), signal.SIGKILL)
    return count


dies = task(die_first, name="dies")
dies_once = task(die_first, name="dies once", retries=1)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with make_cluster() as address:
        yield address


def test_values_go_from_worker_to_worker_and_are_fetched_on_request(address: str):
    @flow(task_runner=DaskTaskRunner(address=address))
    def program() -> Any:
        content = make_bytes.submit(BIG)
        length = get_length.submit(content)
        assert length.result() == BIG
        assert repr(content.state.data) == "<in another process>"
        return content

    assert program().result() == bytes(BIG), "a value that the flow returns outlives the runner"


@pytest.mark.served
def test_server_gets_each_state_of_remote_runs_once(address: str, tmp_path: Path):
    program = f"""
        from prefect_dask import DaskTaskRunner

        @task
        def outer(number):
            return inner.submit(number).result()

        @task
        def inner(number):
            return number + 1

        @flow(task_runner=DaskTaskRunner(address={address!r}))
        def program():
            return sum(outer.map([1, 2, 3]).result())

        if __name__ == "__main__":
            print(program())
        """
    with serving.server(tmp_path / "server") as served:
        status, out, err = run(program, PREFECT_API_URL=served.url)
        assert (status, out) == (0, "9\n"), err
        with httpx.Client(base_url=served.url) as api:
            runs = wait_until(lambda: _read_completed(api, 6), "not all runs have completed on the server")
            for one in runs:
                found = api.get("/task_run_states/", params={"task_run_id": one["id"]}).json()
                assert [state["name"] for state in found] == ["Pending", "Running", "Completed"], one["name"]


def _read_completed(api: httpx.Client, count: int) -> list[dict[str, Any]] | None:
    runs = api.post("/task_runs/filter", json={}).json()
    assert len(runs) <= count
    return runs if [run["state_name"] for run in runs].count("Completed") == count else None


def test_dead_worker_crashes_its_runs_and_what_depends_on_them_is_not_ready(address: str, home: Path, tmp_path: Path):
    file = tmp_path / "attempts"

    @flow(task_runner=DaskTaskRunner(address=address))
    def program() -> Any:
        run = dies.submit(str(file), 10)
        late = add.submit(run)
        run.wait(), late.wait()
        return {"run": run.state, "late": late.state, "id": run.task_run_id}

    found = program()
    assert found["run"].is_crashed() and "died while it had the task run" in found["run"].message
    assert found["late"].name == "NotReady" and "Upstream task run 'dies-" in found["late"].message
    assert states(home, "task_run", found["id"])[-1] == "Crashed"
    assert file.stat().st_size == 1, "Dask would have run it again"


def test_dead_worker_uses_an_attempt_of_a_task_with_retries(address: str, home: Path, tmp_path: Path):
    @flow(task_runner=DaskTaskRunner(address=address))
    def program() -> Any:
        run = dies_once.submit(str(tmp_path / "attempts"), 1)
        return add.submit(run).result(), run.result(), run.task_run_id

    after, attempts, run_id = program()
    assert (after, attempts) == (3, 2)
    assert states(home, "task_run", run_id)[-3:] == ["AwaitingRetry", "Retrying", "Completed"]


def test_lost_value_is_an_error_and_its_task_does_not_run_again(address: str, home: Path):
    @flow(task_runner=DaskTaskRunner(address=address))
    def program() -> Any:
        content = make_bytes.submit(BIG)
        content.wait()
        client = FlowRunContext.get().task_runner.client
        pids = client.run(os.getpid)
        holder, *_ = wait_until(lambda: client.who_has()[content.wrapped_future.key], "no worker has the value")
        os.kill(pids[holder], signal.SIGKILL)
        client.sync(_wait_for_loss, content.wrapped_future)
        with pytest.raises(MissingResult, match=r"'make_bytes-\w+' is lost: it was in the memory of a Dask worker"):
            content.result()
        late = get_length.submit(content)
        late.wait()
        return late.state, content.task_run_id

    late, run_id = program()
    assert late.is_failed() and "is lost" in late.message
    assert states(home, "task_run", run_id).count("Running") == 1


async def _wait_for_loss(future: distributed.Future) -> None:
    while future.status == "finished":
        await asyncio.sleep(0.01)


def test_annotations_and_resources_reach_the_scheduler(address: str):
    @flow(task_runner=DaskTaskRunner(address=address))
    def program() -> Any:
        client = FlowRunContext.get().task_runner.client
        one = sorted(client.scheduler_info()["workers"])[0]
        with dask.annotate(workers=[one], resources={"machine": 1}):
            futures = find_worker.map([1, 2, 3])
        return {worker for _, worker in futures.result()} == {one}

    assert program()


def test_futures_of_dask_are_arguments(address: str):
    @flow(task_runner=DaskTaskRunner(address=address))
    def program() -> Any:
        scattered = FlowRunContext.get().task_runner.client.scatter(bytes(10))
        return get_length.submit(scattered).result()

    assert program() == 10


def test_flow_and_tasks_get_a_client_of_their_cluster(address: str):
    @task
    def compute() -> int:
        with get_dask_client(timeout=10) as client:
            return client.submit(sum, [1, 2]).result()

    @task
    async def compute_async() -> int:
        async with get_async_dask_client() as client:
            return await client.submit(sum, [1, 2])

    @flow(task_runner=DaskTaskRunner(address=address))
    def program() -> Any:
        with get_dask_client() as client:
            here = client.scheduler.address
        return here, compute.submit().result(), compute_async.submit().result()

    assert program() == (address, 3, 3)


def test_task_computes_on_its_cluster_when_no_other_worker_is_free():
    @task
    def compute() -> int:
        with get_dask_client(timeout=10) as outer, get_dask_client() as inner:
            return outer.submit(sum, [1, 2]).result() + inner.submit(sum, [1, 2]).result()

    with make_cluster(workers=1) as address:
        flow_of_it = flow(
            lambda: compute.submit().result(), name="program", task_runner=DaskTaskRunner(address=address)
        )
        assert flow_of_it() == 6


def test_temporary_cluster_lasts_as_long_as_the_flow_run(home: Path):
    status, out, err = run(
        """
        from prefect_dask import DaskTaskRunner

        @task
        def add(number):
            return number + 1

        kwargs = {"n_workers": 1, "processes": False, "dashboard_address": ":0"}
        runner = DaskTaskRunner(
            cluster_class="distributed.LocalCluster", cluster_kwargs=kwargs, adapt_kwargs={"minimum": 1, "maximum": 1}
        )

        @flow(task_runner=runner)
        def program():
            return add.submit(add.submit(1)).result()

        if __name__ == "__main__":
            print(program())
        """
    )
    assert (status, out) == (0, "3\n"), err
    assert sorted(states(home, "task_run")) == ["Completed"] * 2 + ["Pending"] * 2 + ["Running"] * 2


def test_performance_report_without_bokeh_reports_what_to_install(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError, match="pip install bokeh"):
        DaskTaskRunner(performance_report_path="report.html").__enter__()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"address": "tcp://x:1", "cluster_class": "distributed.LocalCluster"}, "leave out `cluster`"),
        ({"address": "tcp://x:1", "adapt_kwargs": {"minimum": 1}}, "leave out `cluster`"),
        ({"cluster": object(), "cluster_kwargs": {"n_workers": 1}}, "leave out `cluster_class`"),
        ({"client_kwargs": {"asynchronous": True}}, "`client_kwargs` cannot set `asynchronous`"),
        ({"client_kwargs": {"address": "tcp://x:1"}}, "use the `address` of the task runner"),
    ],
)
def test_contradicting_options_raise(options: dict[str, Any], message: str):
    with pytest.raises(ValueError, match=message):
        DaskTaskRunner(**options)


def test_unreachable_scheduler_is_named():
    runner = DaskTaskRunner(address="tcp://127.0.0.1:1", client_kwargs={"timeout": 0.2})

    @flow(task_runner=runner)
    def program() -> None: ...

    with pytest.raises(ConnectionError, match=r"cannot reach a Dask scheduler at 'tcp://127\.0\.0\.1:1'"):
        program()
