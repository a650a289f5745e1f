"""The Kubernetes worker with a real control plane and a real server, by its commands."""

from __future__ import annotations

import base64
import contextlib
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.kubernetes_cluster import ControlPlane
from tests.prefect_kubernetes.pools import KubernetesPool, write_kubeconfig
from tests.workers.pools import WorkerProcess, wait_until, workers_that_go_offline_soon
from tools import serving

pytestmark = [pytest.mark.served, pytest.mark.timeout(240)]

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

KNOWS = """
import os

@flow
def work():
    assert (os.environ["PREFECT_API_KEY"], os.environ["COLOR"]) == ("hush", "red")
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[serving.Served]:
    with serving.server(tmp_path_factory.mktemp("server")) as served:
        yield served


@pytest.fixture(scope="module")
def pool(
    served: serving.Served, tmp_path_factory: pytest.TempPathFactory, plane: ControlPlane, module_namespace: str
) -> KubernetesPool:
    return KubernetesPool(served, tmp_path_factory.mktemp("pool") / "code", plane, module_namespace)


@pytest.fixture(scope="module")
def start(pool: KubernetesPool, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Start workers with no more rights than their manifest gives."""
    started: list[WorkerProcess] = []
    home = tmp_path_factory.mktemp("workers")
    kubeconfig = write_kubeconfig(home / "kubeconfig", pool.plane, pool.namespace)

    def start(name: str, *options: str, **variables: str) -> WorkerProcess:
        variables = {"KUBECONFIG": str(kubeconfig), **variables}
        worker = pool.start_worker(home / name, "--type", "kubernetes", "--name", name, *options, **variables)
        started.append(worker)
        worker.wait_for_output("started!")
        return worker

    yield start
    for worker in started:
        worker.stop(signal.SIGKILL)


@pytest.fixture(scope="module")
def worker(start: Any) -> WorkerProcess:
    """Return the worker of the queue `default`."""
    return start("shared", "--work-queue", "default")


def test_run_becomes_a_job_that_completes_it(pool: KubernetesPool, worker: WorkerProcess) -> None:
    deployment = pool.deploy("greets", GREETS, image="flows:1", env={"COLOR": "green"}, cpu_request="100m")
    run_id = pool.trigger(deployment, parameters={"name": "cluster"}, name="My first_run")
    run = pool.wait_for(run_id, "Completed", "Failed", "Crashed")
    assert run["state_name"] == "Completed", worker.output
    pool.wait_for_log(run_id, "hello cluster green")
    (job,) = pool.list_jobs(run_id)
    metadata, container = job["metadata"], job["spec"]["template"]["spec"]["containers"][0]
    assert metadata["name"].startswith("my-first-run-")
    assert metadata["labels"]["prefect.io/flow-run-name"] == "My-first_run"
    assert metadata["labels"].items() <= job["spec"]["template"]["metadata"]["labels"].items()
    assert container["image"] == "flows:1" and container["args"] == ["prefect", "flow-run", "execute"]
    assert container["resources"]["requests"] == {"cpu": "100m"}
    assert run["infrastructure_pid"] == f"{pool.namespace}:{metadata['name']}:{metadata['uid']}"
    worker.wait_for_output("hello cluster green")


def test_jobs_that_cannot_be_made_crash_their_runs(pool: KubernetesPool, worker: WorkerProcess) -> None:
    no_such = "nowhere-of-this-name"
    cases: dict[str, tuple[dict[str, Any], str]] = {
        "resources": ({"cpu_request": "lots"}, "The job variables are not valid: 'lots' is not a quantity of cpu .*"),
        "patch": (
            {"patches": [{"op": "replace", "path": "/nothing/here", "value": 1}]},
            r"Patch 1 of the job manifest \(replace /nothing/here\) cannot be applied: .*",
        ),
        "manifest": (
            {"patches": [{"op": "add", "path": "/spec/template/spec/volumes", "value": "x"}]},
            "Kubernetes refuses to create the job: .*",
        ),
        "namespace": (
            {"namespace": no_such},
            f"Kubernetes refuses to list (jobs|pods) in '{no_such}': .* is forbidden: .*",
        ),
        "image": (
            {"image": "invalid image"},
            "The job '.*' was deleted: the image 'invalid image' could not be pulled: .*",
        ),
        "cluster": (
            {"cluster_config": {"config": {"contexts": [{"name": "a"}]}, "context_name": "b"}},
            r"The kubeconfig has no context 'b': it has \['a'\]\.",
        ),
        "memory": ({"image": "oom:1"}, r"The pod '.*' was killed: out of memory \(OOMKilled\)\."),
        "code": ({"command": "sh -c 'exit 3'"}, "Flow run infrastructure exited with non-zero status code 3."),
    }
    runs = {
        name: pool.trigger(pool.deploy(f"{name}", GREETS, **values), name=name) for name, (values, _) in cases.items()
    }
    for name, (_, message) in cases.items():
        run_message = pool.wait_for(runs[name], "Crashed", "Completed", "Failed")["state"]["message"]
        assert run_message and re.fullmatch(message, run_message), (name, run_message, worker.output)


@pytest.mark.parametrize("command", [None, "sh -c 'echo waiting; sleep 600'"], ids=["flow", "program"])
def test_cancelled_run_has_its_job_deleted(command: str | None, pool: KubernetesPool, worker: WorkerProcess) -> None:
    deployment = pool.deploy("waits", WAITS, **({"command": command} if command else {}))
    run_id = pool.trigger(deployment, parameters={"data": str(pool.data)})
    wait_until(lambda: pool.list_pods(run_id, "Running"), "there is no pod")
    pool.call("POST", f"/flow_runs/{run_id}/set_state", {"state": {"type": "CANCELLING"}})
    run = pool.wait_for(run_id, "Cancelled", "Crashed", "Completed")
    assert run["state_name"] == "Cancelled", worker.output
    wait_until(lambda: pool.list_jobs(run_id) == [], "the job was not deleted")
    assert pool.read(run_id)["state_name"] == "Cancelled"


def test_job_of_a_killed_worker_is_deleted_by_another(plane: ControlPlane, namespace: str, tmp_path: Path) -> None:
    """Its run is being cancelled, and what runs in the pod does not know that."""
    settings = {
        "PREFECT_SERVER_SERVICES_CANCELLATION_CLEANUP_CANCELLING_TIMEOUT_SECONDS": "0.5",
        "PREFECT_SERVER_SERVICES_CANCELLATION_CLEANUP_LOOP_SECONDS": "0.5",
    }
    with serving.server(tmp_path / "server", **settings) as served, contextlib.ExitStack() as stack:
        pool = KubernetesPool(served, tmp_path / "code", plane, namespace)
        kubeconfig = write_kubeconfig(tmp_path / "kubeconfig", plane, namespace)

        def start_named(name: str) -> WorkerProcess:
            worker = pool.start_worker(tmp_path / name, "--name", name, KUBECONFIG=str(kubeconfig))
            stack.callback(worker.stop, signal.SIGKILL)
            worker.wait_for_output("started!")
            return worker

        first = start_named("first")
        deployment = pool.deploy("waits", WAITS, command="sh -c 'echo waiting; sleep 600'")
        run_id = pool.trigger(deployment, parameters={"data": str(pool.data)})
        wait_until(lambda: pool.read(run_id)["infrastructure_pid"], first.output)
        first.stop(signal.SIGKILL)
        second = start_named("second")
        pool.call("POST", f"/flow_runs/{run_id}/set_state", {"state": {"type": "CANCELLING"}})
        pool.wait_for(run_id, "Cancelled")
        wait_until(lambda: pool.list_jobs(run_id) == [], "the job was not deleted")
        second.wait_for_output("Stopped the infrastructure")


def test_worker_watches_the_jobs_again_that_it_has_left(pool: KubernetesPool, start: Any) -> None:
    first = start("mine", "--work-queue", "restarts")
    plain = pool.deploy(
        "plain",
        WAITS,
        command=f"sh -c 'while [ ! -e {pool.data}/fail ]; do sleep 0.1; done; exit 5'",
        work_queue_name="restarts",
    )
    failing = pool.trigger(plain, parameters={"data": ""}, name="failing")
    well = pool.trigger(
        pool.deploy("waits", WAITS, work_queue_name="restarts"), parameters={"data": str(pool.data)}, name="well"
    )
    pool.wait_for_log(well, "waiting")
    wait_until(lambda: pool.read(failing)["infrastructure_pid"], "there is no job")
    first.stop(signal.SIGKILL)

    second = start("mine", "--work-queue", "restarts")
    for name in ("failing", "well"):
        second.wait_for_output(f"Watching the job of flow run '{name}' again.")
    (pool.data / "fail").touch()
    run = pool.wait_for(failing, "Crashed", "Failed")
    assert "status code 5" in run["state"]["message"], second.output
    second.stop()  # leaves the other job
    (pool.data / "gone").touch()
    pool.wait_for(well, "Completed")
    assert [len(pool.list_jobs(run_id)) for run_id in (failing, well)] == [1, 1]


def test_jobs_of_a_killed_worker_are_watched_by_one_of_another_name(
    plane: ControlPlane, namespace: str, tmp_path: Path
) -> None:
    """Without `--name` a worker that is started again has another name."""
    with (
        serving.server(tmp_path / "server", **workers_that_go_offline_soon()) as served,
        contextlib.ExitStack() as stack,
    ):
        pool = KubernetesPool(served, tmp_path / "code", plane, namespace)
        variables = {"KUBECONFIG": str(write_kubeconfig(tmp_path / "kubeconfig", plane, namespace))}

        def start_unnamed(home: str) -> WorkerProcess:
            worker = pool.start_worker(tmp_path / home, PREFECT_WORKER_HEARTBEAT_SECONDS="1", **variables)
            stack.callback(worker.stop, signal.SIGKILL)
            worker.wait_for_output("started!")
            return worker

        first = start_unnamed("first")
        exits = f"sh -c 'echo waiting; while [ ! -e {pool.data}/fail ]; do sleep 0.1; done; exit 5'"
        failing = pool.trigger(pool.deploy("fails", WAITS, command=exits), parameters={"data": ""}, name="failing")
        well = pool.trigger(pool.deploy("waits", WAITS), parameters={"data": str(pool.data)}, name="well")
        pool.wait_for_log(well, "waiting")
        wait_until(lambda: pool.list_pods(failing, "Running"), first.output)
        first.stop(signal.SIGKILL)
        second = start_unnamed("second")
        for name in ("failing", "well"):
            second.wait_for_output(f"Watching the job of flow run '{name}' again.")
        (pool.data / "fail").touch()
        run = pool.wait_for(failing, "Crashed", "Failed", "Completed")
        assert "status code 5" in run["state"]["message"], second.output
        (pool.data / "gone").touch()
        pool.wait_for(well, "Completed")
        assert [len(pool.list_jobs(run_id)) for run_id in (failing, well)] == [1, 1]


def test_api_server_that_restarts_is_waited_for(pool: KubernetesPool, start: Any) -> None:
    """The run that is under way ends as its program does, and the one that is to start meanwhile starts."""
    worker = start("restarted", "--work-queue", "away")
    waits = pool.deploy("waits", WAITS, work_queue_name="away")
    well = pool.trigger(waits, parameters={"data": str(pool.data), "until": "well"})
    exits = f"sh -c 'while [ ! -e {pool.data}/well ]; do sleep 0.1; done; exit 6'"
    failing = pool.trigger(pool.deploy("fails", WAITS, command=exits, work_queue_name="away"), parameters={"data": ""})
    for run_id in (well, failing):
        wait_until(lambda run_id=run_id: pool.list_pods(run_id, "Running"), worker.output)
    pool.plane.stop_api_server()
    late = pool.trigger(waits, parameters={"data": str(pool.data), "until": "well"}, name="late")
    wait_until(lambda: "The worker waits for it." in pool.read_logs(late), "the late run does not wait")
    (pool.data / "well").touch()
    pool.plane.start_api_server()
    run = pool.wait_for(failing, "Crashed", "Failed", "Completed")
    assert "status code 6" in run["state"]["message"], worker.output
    for run_id in (well, late):
        run = pool.wait_for(run_id, "Completed", "Crashed", "Failed")
        assert run["state_name"] == "Completed", (run["state"], worker.output)
        assert len(pool.list_jobs(run_id)) == 1


def test_deleted_job_of_a_pending_run_is_found_by_the_next_worker(pool: KubernetesPool, start: Any) -> None:
    first = start("gone", "--work-queue", "deleted")
    idle = pool.deploy("idle", WAITS, command="sleep 600", work_queue_name="deleted")
    run_id = pool.trigger(idle, parameters={"data": ""})
    wait_until(lambda: pool.read(run_id)["infrastructure_pid"], "there is no job")
    first.stop(signal.SIGKILL)
    [job] = pool.list_jobs(run_id)
    path = f"/apis/batch/v1/namespaces/{pool.namespace}/jobs/{job['metadata']['name']}"
    pool.plane.call("DELETE", path, {"propagationPolicy": "Background"})
    second = start("next", "--work-queue", "deleted")
    run = pool.wait_for(run_id, "Crashed")
    assert "was removed before the run began" in run["state"]["message"], second.output
    assert run["labels"]["prefect.worker.name"] == "gone"


def test_credentials_and_environment_are_kept_in_secrets(pool: KubernetesPool, start: Any) -> None:
    prefix = "PREFECT_INTEGRATIONS_KUBERNETES_WORKER_"
    options = {f"{prefix}CREATE_SECRET_FOR_API_KEY": "true", f"{prefix}STORE_ENV_AS_SECRET": "true"}
    worker = start("hiding", "--work-queue", "secrets", PREFECT_API_KEY="hush", **options)
    run_id = pool.trigger(pool.deploy("secret", KNOWS, env={"COLOR": "red"}, work_queue_name="secrets"))
    run = pool.wait_for(run_id, "Completed", "Failed", "Crashed")
    assert run["state_name"] == "Completed", (run["state"], worker.output)
    (job,) = pool.list_jobs(run_id)
    assert "hush" not in str(job) and "'red'" not in str(job)
    name, namespace = job["metadata"]["name"], pool.namespace
    found = {one["metadata"]["name"]: one for one in pool.plane.list_objects("secrets", namespace)}
    assert base64.b64decode(found["prefect-hiding-api-key"]["data"]["value"]) == b"hush"
    assert f"{name}-env" in found
    pool.plane.call("DELETE", f"/apis/batch/v1/namespaces/{namespace}/jobs/{name}?propagationPolicy=Background")
    secret = f"/api/v1/namespaces/{namespace}/secrets/{name}-env"
    wait_until(lambda: pool.plane.call("GET", secret) is None, "the secret outlives its job")


def test_phases_of_pods_are_events(pool: KubernetesPool, worker: WorkerProcess) -> None:
    run_id = pool.trigger(pool.deploy("memory", GREETS, image="oom:1", command="sleep 60"), name="eater")
    pool.wait_for(run_id, "Crashed")

    def find() -> dict[str, Any]:
        wanted = {
            "filter": {
                "event": {"prefix": ["prefect.kubernetes.pod."]},
                "related": {"id": [f"prefect.flow-run.{run_id}"]},
            }
        }
        events = pool.call("POST", "/events/filter", wanted)["events"]
        return {event["event"].rpartition(".")[2]: event for event in events}

    wait_until(lambda: "failed" in find(), "there is no event")
    events = find()
    failed = events["failed"]["resource"]
    assert {"pending", "failed"} <= set(events)
    assert failed["kubernetes.reason"] == "OOMKilled" and "out of memory" in failed["kubernetes.diagnosis"]
    assert failed["kubernetes.namespace"] == pool.namespace
    roles = {one["prefect.resource.role"] for one in events["failed"]["related"]}
    assert {"flow-run", "flow", "deployment", "work-pool"} <= roles
