"""Flows on a Ray cluster: where values stay, processes that die, options. Run by `make infra`, which installs Ray."""

from __future__ import annotations

import importlib.util
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from prefect import allow_failure, flow, task
from prefect_ray import RayTaskRunner, remote_options
from prefect_ray.context import RemoteOptionsContext
from tests.recorded import states

HAS_RAY = importlib.util.find_spec("ray") is not None
BIG = 1_000_000

pytestmark = [pytest.mark.stray_threads, pytest.mark.timeout(300)]
with_ray = pytest.mark.skipif(not HAS_RAY, reason="Ray is not installed: make infra")


@task
def add(number: int) -> int:
    return 1 + number


@task
def broken() -> int:
    raise KeyError("broken")


@task
def describe(value: Any) -> str:
    return repr(value)


@task
def make_bytes(size: int) -> bytes:
    return bytes(size)


@task
def get_length(content: bytes) -> int:
    return len(content)


def die_first(file: str, times: int) -> int:
    """Kill this process the first times it comes here, and return how often it has come."""
    with open(file, "a") as attempts:
        attempts.write("x")
    count = Path(file).stat().st_size
    if count <= times:
        os.kill(os.getpid(), signal.SIGKILL)
    return count


dies = task(die_first, name="dies")
dies_once = task(die_first, name="dies once", retries=1)


@pytest.fixture(scope="module", autouse=HAS_RAY)
def cluster() -> Iterator[None]:
    import ray

    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_raylet_start_wait_time_s": "200"}  # on a busy machine
    ray.init(
        num_cpus=2,
        include_dashboard=False,
        _node_ip_address="127.0.0.1",
        object_store_memory=200 * 2**20,
        log_to_driver=False,
    )
    yield
    ray.shutdown()


@with_ray
def test_runs_their_dependencies_and_failures(home: Path):
    @flow(task_runner=RayTaskRunner())
    def program() -> dict[str, Any]:
        chain, failure = add.submit(add.submit(1)), broken.submit()
        late, allowed = add.submit(failure), describe.submit(allow_failure(failure))
        content = make_bytes.submit(BIG)
        late.wait()
        return {
            "chain": chain.result(),
            "chain id": chain.task_run_id,
            "mapped": add.map([1, 2, 3]).result(),
            "late": late.state,
            "allowed": allowed.result(),
            "length": get_length.submit(content).result(),
            "where": repr(content.state.data),
            "content": len(content.result()),
        }

    found = program()
    assert (found["chain"], found["mapped"], found["allowed"]) == (3, [2, 3, 4], "KeyError('broken')")
    assert found["late"].name == "NotReady" and "Upstream task run 'broken-" in found["late"].message
    assert (found["length"], found["where"], found["content"]) == (BIG, "<in another process>", BIG)
    assert states(home, "task_run", found["chain id"]) == ["Pending", "Running", "Completed"]


@with_ray
def test_dead_process_crashes_its_run_or_uses_an_attempt(home: Path, tmp_path: Path):
    @flow(task_runner=RayTaskRunner())
    def program() -> Any:
        run, again = dies.submit(str(tmp_path / "one"), 9), dies_once.submit(str(tmp_path / "two"), 1)
        late, after = add.submit(run), add.submit(again)
        run.wait(), late.wait()
        return run.state, late.state, again.result(), after.result(), again.task_run_id

    run, late, attempts, after, again_id = program()
    assert run.is_crashed() and "Ray has lost the task run: WorkerCrashedError" in run.message
    assert late.name == "NotReady" and "Upstream task run 'dies-" in late.message
    assert (attempts, after) == (2, 3)
    assert (tmp_path / "one").stat().st_size == 1, "Ray would have run it again"
    assert states(home, "task_run", again_id)[-3:] == ["AwaitingRetry", "Retrying", "Completed"]


@with_ray
def test_options_reach_ray():
    @task
    def count_cpus() -> Any:
        import ray

        return ray.get_runtime_context().get_assigned_resources()

    @flow(task_runner=RayTaskRunner())
    def program() -> Any:
        with remote_options(num_cpus=2):
            good = count_cpus.submit().result()
        with remote_options(no_such_option=1):
            bad = count_cpus.submit()
        bad.wait()
        return good, bad.state

    good, bad = program()
    assert good["CPU"] == 2
    assert bad.is_crashed() and "no_such_option" in bad.message


@with_ray
def test_interruption_cancels_what_has_not_started(home: Path):
    ids: list[Any] = []

    @flow(task_runner=RayTaskRunner())
    def program() -> None:
        ids.extend(future.task_run_id for future in add.map(range(20)))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        program()
    for run_id in ids:
        assert states(home, "task_run", run_id)[-1] in ("Completed", "Cancelled", "Crashed")


def test_options_of_blocks_add_up():
    with remote_options(num_cpus=2, num_gpus=1), remote_options(num_cpus=1):
        assert RemoteOptionsContext.get().current_remote_options == {"num_cpus": 1, "num_gpus": 1}
    assert RemoteOptionsContext.get().current_remote_options == {}


def test_runners_are_equal_by_their_options():
    runner = RayTaskRunner(address="ray://host:10001", init_kwargs={"namespace": "a"})
    assert runner == runner.duplicate() and hash(runner) == hash(runner.duplicate())
    assert runner != RayTaskRunner()


@pytest.mark.skipif(HAS_RAY, reason="Ray is installed")
def test_missing_ray_reports_what_to_install():
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'pluperfect\[ray\]'"):
        RayTaskRunner().__enter__()
