"""The Kubernetes worker with a real control plane and a real server, by its commands."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.kubernetes_cluster import ControlPlane
from tests.workers.pools import Pool, WorkerProcess
from tools import original, serving

pytestmark = [pytest.mark.served, pytest.mark.timeout(240), pytest.mark.xdist_group("kubernetes")]

GREETS = """
import os

@flow(log_prints=True)
def work(name="you"):
    print("hello", name, os.environ.get("COLOR"))
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


class KubernetesPool(Pool):
    """A Kubernetes pool, made by its command, with jobs in a namespace of its own."""

    def __init__(self, served: serving.Served, directory: Path, plane: ControlPlane, namespace: str) -> None:
        self.served, self.directory, self.name = served, directory, namespace
        self.plane, self.namespace = plane, namespace
        self.data = directory / "data"
        self.data.mkdir(parents=True)
        self.prefect("work-pool", "create", self.name, "--type", "kubernetes")

    def prefect(self, *arguments: str) -> str:
        """Run a command against the server, and return what it prints."""
        variables = original.variables(self.directory, PREFECT_API_URL=self.served.url)
        command = [sys.executable, "-m", "prefect", *arguments]
        return subprocess.run(command, env=variables, check=True, capture_output=True, text=True).stdout

    def deploy(self, name: str, code: str, **values: Any) -> str:
        # A pod of the stand-in is a process of this machine, like one with the network of its node.
        network = {"op": "add", "path": "/spec/template/spec/hostNetwork", "value": True}
        variables: dict[str, Any] = {"namespace": self.namespace, "patches": [network], **values}
        variables["env"] = {"PREFECT_API_URL": self.served.url, **variables.get("env", {})}
        return super().deploy(name, code, job_variables=variables)

    def list_jobs(self) -> list[dict[str, Any]]:
        return self.plane.list_objects("jobs", self.namespace)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[serving.Served]:
    with serving.server(tmp_path_factory.mktemp("server")) as served:
        yield served


@pytest.fixture
def pool(served: serving.Served, tmp_path: Path, plane: ControlPlane, namespace: str) -> KubernetesPool:
    return KubernetesPool(served, tmp_path / "code", plane, namespace)


@pytest.fixture
def workers(tmp_path: Path, pool: KubernetesPool, plane: ControlPlane) -> Iterator[Any]:
    started: list[WorkerProcess] = []

    def start(**variables: str) -> WorkerProcess:
        options = ("--type", "kubernetes", "--name", "first")
        variables = {"KUBECONFIG": str(plane.kubeconfig), **variables}
        worker = pool.start_worker(tmp_path / "worker", *options, **variables)
        started.append(worker)
        worker.wait_for_output("started!")
        return worker

    yield start
    for worker in started:
        worker.stop(signal.SIGKILL)


def test_run_becomes_a_job_that_completes_it(pool: KubernetesPool, workers: Any) -> None:
    worker = workers()
    deployment = pool.deploy("greets", GREETS, image="flows:1", env={"COLOR": "green"}, cpu_request="100m")
    run_id = pool.trigger(deployment, parameters={"name": "cluster"}, name="My first_run")
    run = pool.wait_for(run_id, "Completed", "Failed", "Crashed")
    assert run["state_name"] == "Completed", worker.output
    pool.wait_for_log(run_id, "hello cluster green")
    (job,) = pool.list_jobs()
    metadata, container = job["metadata"], job["spec"]["template"]["spec"]["containers"][0]
    assert metadata["name"].startswith("my-first-run-")
    assert metadata["labels"]["prefect.io/flow-run-name"] == "My-first_run"
    assert metadata["labels"].items() <= job["spec"]["template"]["metadata"]["labels"].items()
    assert container["image"] == "flows:1" and container["args"] == ["prefect", "flow-run", "execute"]
    assert container["resources"]["requests"] == {"cpu": "100m"}
    assert run["infrastructure_pid"] == f"{pool.namespace}:{metadata['name']}:{metadata['uid']}"
    worker.wait_for_output("hello cluster green")
