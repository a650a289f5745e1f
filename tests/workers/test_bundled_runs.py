"""Flows that are bound to infrastructure, run by real processes, with no server."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from prefect import flow, get_client, task
from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
from prefect.decorators import process
from prefect.exceptions import CrashedRun, ParameterTypeError
from prefect.flows import InfrastructureBoundFlow, bind_flow_to_infrastructure
from prefect.schemas.work import WorkPoolStorageConfiguration
from prefect.workers.process import ProcessWorker

pytestmark = pytest.mark.timeout(240)


@task
def double(x: int) -> int:
    return 2 * x


@flow
def work(x: int = 1) -> Any:
    if x < 0:
        raise ValueError("negative")
    if x == 0:
        os._exit(3)
    return double(x), os.environ.get("COLOUR"), sorted(os.listdir())


@flow
async def awork(x: int) -> int:
    return x + 1


@pytest.fixture(autouse=True)
def pool() -> str:
    with get_client(sync_client=True) as client:
        client.create_work_pool(WorkPoolCreate(name="local", type="process"))
    return "local"


@pytest.fixture
def storage(pool: str, tmp_path: Path) -> Path:
    directory = tmp_path / "storage"
    configure(directory)
    return directory


def configure(directory: Path, upload: str = "prefect.bundles.upload") -> None:
    values = {"directory": str(directory)}
    configuration = WorkPoolStorageConfiguration(
        bundle_upload_step={upload: values}, bundle_execution_step={"prefect.bundles.execute": values}
    )
    with get_client(sync_client=True) as client:
        client.update_work_pool("local", WorkPoolUpdate(storage_configuration=configuration))


def read_runs() -> list[Any]:
    with get_client(sync_client=True) as client:
        return client.read_flow_runs()


def read_only_run() -> Any:
    (run,) = read_runs()
    return run


async def run_worker_once() -> None:
    async with ProcessWorker("local") as worker:
        await worker._run_once()


class TestFromThisProcess:
    def test_call_runs_the_flow_in_another_process_and_returns_its_value(self) -> None:
        bound = process(work_pool="local", include_files=["pools.py"], env={"COLOUR": "blue"})(work)
        assert bound(3) == (6, "blue", ["pools.py"])
        run = read_only_run()
        assert run.state_name == "Completed"
        assert run.work_pool_name == "local"
        assert run.parameters == {"x": 3}
        assert run.infrastructure_pid not in (None, str(os.getpid()))

    def test_call_raises_what_the_flow_raised(self) -> None:
        with pytest.raises(ValueError, match="negative"):
            process(work_pool="local")(work)(-1)
        assert read_only_run().state_name == "Failed"

    def test_run_of_a_killed_process_crashes_with_the_reason(self) -> None:
        state = process(work_pool="local")(work)(0, return_state=True)
        assert state.is_crashed()
        assert "exit code 3" in state.message

    async def test_async_flow_is_awaited(self) -> None:
        assert await process(work_pool="local")(awork)(4) == 5

    def test_submit_returns_futures_of_runs_that_are_children_of_the_flow_run(self) -> None:
        bound = process(work_pool="local")(work)

        @flow
        def parent() -> list[Any]:
            futures = [bound.submit(x) for x in (1, 2)]
            return [future.result()[0] for future in futures]

        assert parent() == [2, 4]
        children = [run for run in read_runs() if run.name != "parent" and run.parent_task_run_id]
        assert len(children) == 2

    def test_bundle_that_cannot_be_made_crashes_the_run(self) -> None:
        @flow
        def locked(lock: Any) -> None: ...

        import threading

        with pytest.raises(CrashedRun, match="cannot be pickled"):
            process(work_pool="local")(locked)(threading.Lock())
        assert read_only_run().state_name == "Crashed"


class TestByAWorkerOfThePool:
    async def test_worker_executes_the_stored_bundle(self, storage: Path) -> None:
        bound = process(work_pool="local", include_files=["pools.py"])(work)
        future = bound.submit_to_work_pool(5)
        assert future.state.is_scheduled()
        await run_worker_once()
        assert await future.aresult() == (10, None, ["pools.py"])

    async def test_missing_bundle_crashes_the_run_with_the_reason(self, storage: Path) -> None:
        future = process(work_pool="local")(work).submit_to_work_pool(5)
        shutil.rmtree(storage)
        await run_worker_once()
        with pytest.raises(CrashedRun, match="The bundle of the flow run is missing in its storage"):
            await future.aresult()

    async def test_damaged_bundle_crashes_the_run_with_the_reason(self, storage: Path) -> None:
        future = process(work_pool="local")(work).submit_to_work_pool(5)
        (bundle,) = (path for path in storage.iterdir() if path.is_file())
        bundle.write_text("{")
        await run_worker_once()
        with pytest.raises(CrashedRun, match="could not be fetched"):
            await future.aresult()

    def test_failed_upload_crashes_the_run_and_raises(self, tmp_path: Path) -> None:
        (tmp_path / "a-file").write_text("")
        configure(tmp_path / "a-file" / "directory")
        with pytest.raises(RuntimeError, match=r"could not be uploaded: .*a-file"):
            process(work_pool="local")(work).submit_to_work_pool(5)
        run = read_only_run()
        assert run.state_name == "Crashed"
        assert "could not be uploaded" in run.state.message

    def test_launcher_that_is_missing_is_named(self, storage: Path) -> None:
        bound = process(work_pool="local", launcher=["no-such-program"])(work)
        with pytest.raises(RuntimeError, match="'no-such-program' cannot be run"):
            bound.submit_to_work_pool(5)

    def test_launcher_replaces_python_in_both_commands(self, storage: Path) -> None:
        bound = process(work_pool="local", launcher=[sys.executable, "-u"])(work)
        bound.submit_to_work_pool(5)
        assert read_only_run().job_variables["command"].startswith(f"{sys.executable} -u -m prefect.bundles.execute")

    def test_run_of_a_submitter_that_died_is_due_later(self, storage: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """The run is as a killed submitter leaves it: a worker starts it after the time of an upload."""
        from prefect.bundles import submission

        seen: list[Any] = []

        async def look(*_: Any) -> None:
            seen.append(read_only_run())

        monkeypatch.setattr(submission, "upload", look)
        process(work_pool="local")(work).submit_to_work_pool(5)
        (run,) = seen
        assert run.state_name == "Scheduled"
        assert run.next_scheduled_start_time - run.created > submission.UPLOAD_WINDOW * 0.9
        assert "prefect.bundles.execute" in run.job_variables["command"]


class TestBadInput:
    def test_pool_without_storage_is_named(self) -> None:
        with pytest.raises(RuntimeError, match="Storage is not configured for work pool 'local'"):
            process(work_pool="local")(work).submit_to_work_pool(1)
        assert read_runs() == []

    def test_missing_pool_is_named(self) -> None:
        with pytest.raises(ValueError, match=r"no work pool 'nope'.*prefect work-pool create nope --type process"):
            process(work_pool="nope")(work)(1)

    def test_pool_of_another_type_is_refused(self) -> None:
        with get_client(sync_client=True) as client:
            client.create_work_pool(WorkPoolCreate(name="other", type="docker"))
        with pytest.raises(ValueError, match="'other' is of the type 'docker'"):
            process(work_pool="other")(work).submit(1)

    def test_wrong_parameters_create_no_run(self) -> None:
        with pytest.raises(ParameterTypeError):
            process(work_pool="local")(work)("many")  # pyright: ignore[reportArgumentType]
        assert read_runs() == []

    def test_decorator_needs_a_flow(self) -> None:
        with pytest.raises(TypeError, match="write @flow below it"):
            process(work_pool="local")(lambda: None)  # pyright: ignore[reportArgumentType]

    def test_include_files_is_no_string(self) -> None:
        with pytest.raises(TypeError, match="list of patterns"):
            process(work_pool="local", include_files="data.csv")(work)


class TestOptions:
    def test_files_are_found_from_another_directory(self, tmp_path: Path, storage: Path) -> None:
        (tmp_path / "data.csv").write_text("1")
        bound = bind_flow_to_infrastructure(
            work,
            "local",
            ProcessWorker,
            job_variables={"env": {"COLOUR": "blue"}},
            launcher={"execution": ["python", "-u"]},
            include_files=["*.csv"],
            include_files_base_dir=tmp_path,
        )
        assert bound.include_files_base_dir == tmp_path
        bound.submit_to_work_pool(1)
        assert read_only_run().job_variables["command"].startswith("python -u -m prefect.bundles.execute")
        assert list((storage / "files").iterdir())

    def test_base_directory_that_is_missing_is_named(self, tmp_path: Path, storage: Path) -> None:
        bound = InfrastructureBoundFlow(
            work.fn,
            work_pool="local",
            job_variables={},
            worker_cls=ProcessWorker,
            launcher=["python"],
            include_files=["*"],
            include_files_base_dir=tmp_path / "nope",
        )
        with pytest.raises(ValueError, match="is not a directory"):
            bound.submit_to_work_pool(1)
        assert read_only_run().state_name == "Crashed"

    def test_with_options_keeps_and_changes_what_a_flow_is_bound_to(self) -> None:
        bound = process(work_pool="local", launcher=["python"], include_files=["a"], colour="blue")(work)
        changed = bound.with_options(name="other", job_variables={"colour": "red"}, launcher=None)
        assert (changed.name, changed.work_pool, changed.job_variables) == ("other", "local", {"colour": "red"})
        assert (changed.launcher, changed.include_files) == (None, ["a"])
        assert bound.job_variables == {"colour": "blue"}


async def test_worker_submits_a_flow_and_retries_its_run(tmp_path: Path) -> None:
    async with ProcessWorker("local") as worker:
        future = await worker.submit(work, {"x": -1})
        await future.wait_async()
    run = read_only_run()
    assert run.state_name == "Failed"
    with pytest.raises(ValueError, match="negative"):
        await process(work_pool="local")(work).retry(run)
    assert read_only_run().run_count == 2
