"""The Docker worker with a real engine and a real server, by its commands."""

from __future__ import annotations

import contextlib
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from prefect.utilities.dockerutils import docker_client
from tests import docker_engine
from tests.workers.pools import (
    LOADED_MACHINE_SECONDS,
    Pool,
    WorkerProcess,
    wait_until,
    workers_that_go_offline_soon,
)
from tools import original, serving

pytestmark = [pytest.mark.served, pytest.mark.timeout(180)]

IMAGE = "local/python:1"

PRINTS_ENVIRONMENT = """
import os, pathlib

@flow(log_prints=True)
def work(data):
    place = pathlib.Path(data)
    print("read", (place / "input").read_text())
    try:
        (place / "output").write_text("x")
    except OSError as error:
        print("refused:", error.strerror)
    print("secret has", len(os.environ["DATABASE_URL"]), "characters")
    assert os.environ["DATABASE_URL"] == "postgresql://hush"
"""

WAITS = """
import pathlib, time

@flow(log_prints=True)
def work(data, until="gone"):
    print("waiting")
    while not (pathlib.Path(data) / until).exists():
        time.sleep(0.1)
    print("done")
"""

EATS = """
@flow
def work():
    kept = [bytearray(b"x" * 10_000_000) for _ in range(1000)]
"""


class DockerPool(Pool):
    """A Docker pool, made by its command."""

    def __init__(self, served: serving.Served, directory: Path, name: str) -> None:
        self.served, self.directory, self.name = served, directory, name
        self.data = directory / "data"
        self.data.mkdir(parents=True)
        (self.data / "input").write_text("numbers")
        self.prefect("work-pool", "create", name, "--type", "docker")

    def prefect(self, *arguments: str) -> str:
        """Run a command against the server, and return what it prints."""
        variables = original.variables(self.directory, PREFECT_API_URL=self.served.url)
        command = [sys.executable, "-m", "prefect", *arguments]
        return subprocess.run(command, env=variables, check=True, capture_output=True, text=True).stdout

    def deploy(self, name: str, code: str, **values: Any) -> str:
        variables = {
            "image": IMAGE,
            "network_mode": "host",
            "volumes": [*docker_engine.list_python_volumes(), f"{self.directory}:{self.directory}:ro"],
            **values,
        }
        return super().deploy(name, code, job_variables=variables)


@pytest.fixture(scope="module")
def engine() -> Iterator[docker_engine.Engine]:
    docker_engine.need("dockerd")
    with docker_engine.make_engine() as engine:
        yield engine


@pytest.fixture(scope="module")
def served(engine: docker_engine.Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[serving.Served]:
    with serving.server(tmp_path_factory.mktemp("server")) as served:
        yield served


@pytest.fixture
def client(engine: docker_engine.Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("DOCKER_HOST", engine.address)
    with docker_client() as client:
        docker_engine.add_python_image(client, *IMAGE.split(":"))
        yield client
        for container in client.containers.list(all=True, ignore_removed=True):
            container.remove(force=True)


@pytest.fixture
def pool(served: serving.Served, tmp_path: Path, client: Any) -> DockerPool:
    return DockerPool(served, tmp_path / "code", f"docker-{time.monotonic_ns()}")


@pytest.fixture
def workers(tmp_path: Path, pool: DockerPool) -> Iterator[Any]:
    started: list[WorkerProcess] = []

    def start(*arguments: str) -> WorkerProcess:
        worker = pool.start_worker(tmp_path / "worker", "--type", "docker", "--name", "first", *arguments)
        started.append(worker)
        worker.wait_for_output("started!")
        return worker

    yield start
    for worker in started:
        worker.stop(signal.SIGKILL)


BOUND = """
import sys
from prefect import flow
from prefect.filesystems import LocalFileSystem
from prefect_docker.decorators import docker

pool, image, results, *volumes = sys.argv[1:]
block = LocalFileSystem(basepath=results)
block.save("shared-results", overwrite=True)
files = {"include_files": ["data/input"], "volumes": [*volumes, f"{results}:{results}"]}

@docker(pool, image=image, network_mode="host", **files)
@flow(result_storage=block)
def work(x):
    import pathlib
    return x, pathlib.Path("data/input").read_text(), pathlib.Path("/.dockerenv").exists()

print(work(5))
"""


def test_flow_that_is_bound_to_docker_runs_in_a_container(pool: DockerPool, client: Any, tmp_path: Path) -> None:
    (pool.directory / "bound.py").write_text(BOUND)
    results = tmp_path / "results"
    results.mkdir()
    variables = original.variables(tmp_path / "home", PREFECT_API_URL=pool.served.url)
    command = [sys.executable, "bound.py", pool.name, IMAGE, str(results), *docker_engine.list_python_volumes()]
    done = subprocess.run(command, cwd=pool.directory, env=variables, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1:] == ["(5, 'numbers', True)"], done.stderr


def test_container_sees_the_secret_and_the_read_only_volume(pool: DockerPool, workers: Any, client: Any) -> None:
    types = {one["slug"]: one["id"] for one in pool.call("POST", "/block_types/filter", {})}
    body = {"block_schemas": {"block_type_id": {"any_": [types["secret"]]}}}
    schema = pool.call("POST", "/block_schemas/filter", body)[0]["id"]
    secret = {"name": "db-url", "data": {"value": "postgresql://hush"}, "block_type_id": types["secret"]}
    pool.call("POST", "/block_documents/", {**secret, "block_schema_id": schema})

    worker = workers()
    deployment = pool.deploy("looks", PRINTS_ENVIRONMENT, env={"DATABASE_URL": "{{ prefect.blocks.secret.db-url }}"})
    run_id = pool.trigger(deployment, parameters={"data": str(pool.data)}, name="my run")
    run = pool.wait_for(run_id, "Completed", "Failed", "Crashed")
    assert run["state_name"] == "Completed", worker.output
    for text in ("read numbers", "refused: Read-only file system", "secret has 17 characters"):
        pool.wait_for_log(run_id, text)
    container = client.containers.get(run["infrastructure_pid"].rpartition(":")[2])
    assert container.name == "my-run"
    assert container.labels["io.prefect.flow-run-id"] == run_id
    worker.wait_for_output("read numbers")
    assert "hush" not in worker.output


@pytest.mark.parametrize("command", [None, f"{sys.executable} -uc 'print(\"waiting\"); import time; time.sleep(60)'"])
def test_cancelled_run_has_its_container_stopped(
    command: str | None, pool: DockerPool, workers: Any, client: Any
) -> None:
    worker = workers()
    deployment = pool.deploy("waits", WAITS, auto_remove=True, **({"command": command} if command else {}))
    run_id = pool.trigger(deployment, parameters={"data": str(pool.data)})
    worker.wait_for_output("waiting")
    pool.call("POST", f"/flow_runs/{run_id}/set_state", {"state": {"type": "CANCELLING"}})
    run = pool.wait_for(run_id, "Cancelled", "Crashed")
    assert run["state_name"] == "Cancelled", worker.output
    wait_until(lambda: not client.containers.list(all=True, ignore_removed=True), "the container was not removed")
    assert pool.read(run_id)["state_name"] == "Cancelled"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"image": "127.0.0.1:1/nothing:1"}, "The image '127.0.0.1:1/nothing:1' could not be pulled: "),
        ({"image": "nothing:1", "image_pull_policy": "Never"}, "The image 'nothing:1' is not present"),
        ({"mem_limit": "1b"}, "The container could not be created: .*memory"),
        ({"container_create_kwargs": {"nonsense": 1}}, "The container could not be created: .*nonsense"),
        ({"volumes": ["/data"]}, "The job variables are not valid: volumes.0: The volume '/data' is not of the form"),
        ({"networks": ["a"]}, "The job variables are not valid: Set either `networks` or `network_mode`"),
    ],
)
def test_container_that_cannot_be_made_crashes_its_run(
    pool: DockerPool, workers: Any, values: dict[str, Any], message: str
) -> None:
    workers()
    run_id = pool.trigger(pool.deploy("waits", WAITS, **values), parameters={"data": str(pool.data)})
    message_of_run = pool.wait_for(run_id, "Crashed")["state"]["message"]
    assert re.match(message, message_of_run) and "\n" not in message_of_run


def test_container_without_memory_crashes_its_run(pool: DockerPool, workers: Any) -> None:
    worker = workers()
    run_id = pool.trigger(pool.deploy("eats", EATS, mem_limit="200m", memswap_limit="200m"), name="eater")
    run = pool.wait_for(run_id, "Crashed", "Failed", "Completed")
    assert "The container 'eater' was killed: out of memory" in run["state"]["message"], worker.output


def test_container_whose_time_is_over_is_stopped(pool: DockerPool, workers: Any, client: Any) -> None:
    worker = workers()
    sleeps = f"{sys.executable} -c 'import time; time.sleep(60)'"
    deployment = pool.deploy(
        "waits", WAITS, command=sleeps, container_wait_timeout=1, container_create_kwargs={"stop_signal": "SIGKILL"}
    )
    run = pool.wait_for(pool.trigger(deployment, parameters={"data": str(pool.data)}), "Crashed", "Completed")
    assert run["state"]["message"] == "The container was stopped: it still ran after 1 seconds.", worker.output
    assert client.containers.list() == []


def test_stopped_worker_leaves_its_containers(pool: DockerPool, workers: Any, client: Any) -> None:
    worker = workers()
    run_id = pool.trigger(pool.deploy("waits", WAITS), parameters={"data": str(pool.data)})
    worker.wait_for_output("waiting")
    assert worker.stop() < LOADED_MACHINE_SECONDS
    (pool.data / "gone").touch()
    pool.wait_for(run_id, "Completed")


def test_worker_that_was_killed_watches_its_containers_again(pool: DockerPool, workers: Any, client: Any) -> None:
    first = workers()
    deployment = pool.deploy("waits", WAITS)
    well, killed, gone = (
        pool.trigger(deployment, parameters={"data": str(pool.data)}, name=name) for name in ("well", "killed", "gone")
    )
    for run_id in (well, killed, gone):
        pool.wait_for_log(run_id, "waiting")
    first.stop(signal.SIGKILL)
    client.containers.get("gone").kill()
    second = workers()
    client.containers.get("killed").kill()
    for run_id in (killed, gone):
        run = pool.wait_for(run_id, "Crashed")
        assert "status code 137" in run["state"]["message"], second.output
    (pool.data / "gone").touch()
    pool.wait_for(well, "Completed")
    assert len(client.containers.list(all=True, ignore_removed=True)) == 3


def test_containers_of_a_killed_worker_are_watched_by_one_of_another_name(client: Any, tmp_path: Path) -> None:
    """Without `--name` a worker that is started again has another name."""
    with (
        serving.server(tmp_path / "server", **workers_that_go_offline_soon()) as served,
        contextlib.ExitStack() as stack,
    ):
        pool = DockerPool(served, tmp_path / "code", "left")

        def start(name: str) -> WorkerProcess:
            worker = pool.start_worker(tmp_path / name, "--type", "docker", PREFECT_WORKER_HEARTBEAT_SECONDS="1")
            stack.callback(worker.stop, signal.SIGKILL)
            worker.wait_for_output("started!")
            return worker

        first = start("first")
        deployment = pool.deploy("waits", WAITS, auto_remove=True)
        well, killed = (
            pool.trigger(deployment, parameters={"data": str(pool.data)}, name=name) for name in ("well", "killed")
        )
        for run_id in (well, killed):
            pool.wait_for_log(run_id, "waiting")
        first.stop(signal.SIGKILL)
        second = start("second")
        for name in ("well", "killed"):
            second.wait_for_output(f"Watching the container of flow run '{name}' again.")
        client.containers.get("killed").kill()
        run = pool.wait_for(killed, "Crashed", "Failed", "Completed")
        assert "status code 137" in run["state"]["message"], second.output
        (pool.data / "gone").touch()
        pool.wait_for(well, "Completed")
        wait_until(lambda: not client.containers.list(all=True, ignore_removed=True), "a container is left")


def test_container_of_a_killed_worker_is_stopped_by_another(client: Any, tmp_path: Path) -> None:
    """Its run is being cancelled, and what runs in it does not know that."""
    settings = {
        "PREFECT_SERVER_SERVICES_CANCELLATION_CLEANUP_CANCELLING_TIMEOUT_SECONDS": "0.5",
        "PREFECT_SERVER_SERVICES_CANCELLATION_CLEANUP_LOOP_SECONDS": "0.5",
    }
    command = f"{sys.executable} -uc 'print(\"waiting\"); import time; time.sleep(600)'"
    with serving.server(tmp_path / "server", **settings) as served, contextlib.ExitStack() as stack:
        pool = DockerPool(served, tmp_path / "code", "left")

        def start(name: str) -> WorkerProcess:
            worker = pool.start_worker(tmp_path / name, "--type", "docker", "--name", name)
            stack.callback(worker.stop, signal.SIGKILL)
            worker.wait_for_output("started!")
            return worker

        first = start("first")
        deployment = pool.deploy("waits", WAITS, auto_remove=True, command=command)
        run_id = pool.trigger(deployment, parameters={"data": str(pool.data)})
        wait_until(lambda: pool.read(run_id)["infrastructure_pid"], first.output)
        first.stop(signal.SIGKILL)
        second = start("second")
        pool.call("POST", f"/flow_runs/{run_id}/set_state", {"state": {"type": "CANCELLING"}})
        pool.wait_for(run_id, "Cancelled")
        wait_until(lambda: not client.containers.list(all=True, ignore_removed=True), "the container is left")
        second.wait_for_output("Stopped the infrastructure")


def test_removed_container_of_a_pending_run_is_found_by_the_next_worker(
    pool: DockerPool, workers: Any, client: Any
) -> None:
    first = workers()
    run_id = pool.trigger(pool.deploy("waits", WAITS, command="sleep 600"), parameters={"data": ""}, name="idle")
    wait_until(lambda: pool.read(run_id)["infrastructure_pid"], "there is no container")
    first.stop(signal.SIGKILL)
    client.containers.get("idle").remove(force=True)
    workers("--name", "second")
    run = pool.wait_for(run_id, "Crashed")
    assert "was removed before the run began" in run["state"]["message"]


def test_engine_that_restarts_is_waited_for_and_ends_its_runs(
    pool: DockerPool, workers: Any, engine: docker_engine.Engine
) -> None:
    worker = workers()
    deployment = pool.deploy("waits", WAITS)
    lost = pool.trigger(deployment, parameters={"data": str(pool.data)}, name="lost")
    pool.wait_for_log(lost, "waiting")
    engine.stop()
    worker.wait_for_output("The worker waits for it.")
    late = pool.trigger(deployment, parameters={"data": str(pool.data)}, name="late")
    wait_until(lambda: worker.output.count("The worker waits for it.") == 2, "the late run does not wait")
    engine.start()
    run = pool.wait_for(lost, "Crashed", "Completed", "Failed")
    assert re.search("termination signal|status code", run["state"]["message"]), worker.output
    (pool.data / "gone").touch()
    run = pool.wait_for(late, "Completed", "Crashed")
    assert run["state_name"] == "Completed", run["state"]["message"] + worker.output
