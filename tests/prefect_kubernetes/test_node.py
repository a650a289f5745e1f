"""The Kubernetes worker with a real cluster of one node, by its commands: `make infra`."""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import docker_engine
from tests.kubernetes_cluster import ControlPlane
from tests.prefect_kubernetes import one_node
from tests.prefect_kubernetes.pools import HOST_NETWORK, KubernetesPool, write_kubeconfig
from tests.workers.pools import WorkerProcess, wait_until
from tools import serving

pytestmark = [pytest.mark.served, pytest.mark.timeout(600)]

WORK = """
import os, pathlib, time

@flow(log_prints=True)
def work(data, until="", size=0):
    print("secret has", len(os.environ["DATABASE_URL"]), "characters")
    kept = bytearray(b"x" * size)
    print("waiting")
    while until and not (pathlib.Path(data) / until).exists():
        time.sleep(0.1)
    print("done")
"""


class NodePool(KubernetesPool):
    """A pool whose pods have this machine's Python, and the code of the deployment."""

    def deploy(self, name: str, code: str, **values: Any) -> str:
        places = [volume.split(":")[0] for volume in docker_engine.list_python_volumes()] + [str(self.directory)]
        volumes = [{"name": f"v{number}", "hostPath": {"path": place}} for number, place in enumerate(places)]
        mounts = [{"name": f"v{number}", "mountPath": place} for number, place in enumerate(places)]
        pod = "/spec/template/spec"
        patches = [
            HOST_NETWORK,
            {"op": "add", "path": f"{pod}/volumes", "value": volumes},
            {"op": "add", "path": f"{pod}/containers/0/volumeMounts", "value": mounts},
        ]
        env = {"DATABASE_URL": "{{ prefect.blocks.secret.db-url }}", "PREFECT_HOME": "/tmp/prefect"}
        return super().deploy(name, code, **{"image": one_node.IMAGE, "patches": patches, "env": env, **values})

    def add_secret(self) -> None:
        types = {one["slug"]: one["id"] for one in self.call("POST", "/block_types/filter", {})}
        body = {"block_schemas": {"block_type_id": {"any_": [types["secret"]]}}}
        schema = self.call("POST", "/block_schemas/filter", body)[0]["id"]
        secret = {"name": "db-url", "data": {"value": "postgresql://hush"}, "block_type_id": types["secret"]}
        self.call("POST", "/block_documents/", {**secret, "block_schema_id": schema})


@pytest.fixture(scope="module")
def node() -> Iterator[ControlPlane]:
    one_node.need()
    with one_node.run_cluster() as node:
        yield node


@pytest.fixture(scope="module")
def served(node: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[serving.Served]:
    with serving.server(tmp_path_factory.mktemp("server")) as served:
        yield served


@pytest.fixture(scope="module")
def pool(served: serving.Served, node: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> NodePool:
    namespace = f"test-{time.monotonic_ns()}"
    node.add_namespace(namespace)
    pool = NodePool(served, tmp_path_factory.mktemp("pool") / "code", node, namespace)
    pool.add_secret()
    return pool


@pytest.fixture(scope="module")
def worker(pool: NodePool, node: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkerProcess]:
    home: Path = tmp_path_factory.mktemp("worker")
    kubeconfig = write_kubeconfig(home / "kubeconfig", node, pool.namespace)
    worker = pool.start_worker(home, "--type", "kubernetes", KUBECONFIG=str(kubeconfig))
    worker.wait_for_output("started!")
    yield worker
    worker.stop(signal.SIGKILL)


def test_pod_has_the_variables_of_its_run(pool: NodePool, worker: WorkerProcess, node: ControlPlane) -> None:
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "flows"}}
    node.apply(account, pool.namespace)
    resources = {"requests": {"memory": "512Mi", "cpu": "500m"}, "limits": {"memory": "1Gi", "cpu": "1000m"}}
    deployment = pool.deploy(
        "variables",
        WORK,
        service_account_name="flows",
        image_pull_policy="IfNotPresent",
        resources=resources,
        finished_job_ttl=1,
    )
    run_id = pool.trigger(deployment, parameters={"data": str(pool.data), "until": "seen"})
    [pod] = wait_until(lambda: pool.list_pods(run_id, "Running"), "there is no pod")
    [container] = pod["spec"]["containers"]
    assert (pod["spec"]["serviceAccountName"], container["imagePullPolicy"]) == ("flows", "IfNotPresent")
    assert container["resources"] == {**resources, "limits": {"memory": "1Gi", "cpu": "1"}}
    (pool.data / "seen").touch()
    run = pool.wait_for(run_id, "Completed", "Failed", "Crashed")
    assert run["state_name"] == "Completed", (run["state"], worker.output)
    pool.wait_for_log(run_id, "secret has 17 characters")
    worker.wait_for_output("secret has 17 characters")
    assert "hush" not in worker.output
    selector = f"prefect.io/flow-run-id={run_id}"
    wait_until(lambda: not node.list_objects("jobs", pool.namespace, selector), "the job is not deleted")


@pytest.mark.parametrize(
    ("values", "size", "message"),
    [
        ({"memory_limit": "300Mi"}, 2_000_000_000, r"The pod '.*' was killed: out of memory, .* 300Mi \(OOMKilled\)\."),
        (
            {"image": "127.0.0.1:1/nothing:1", "pod_watch_timeout_seconds": 20},
            0,
            r"The job '.*' was deleted: no pod .* the image '127\.0\.0\.1:1/nothing:1' could not be pulled: .*",
        ),
        (
            {"image": "Not An Image"},
            0,
            "The job '.*' was deleted: the image 'Not An Image' could not be pulled: Invalid.*",
        ),
        (
            {"command": "nothing-of-this-name"},
            0,
            "The container 'prefect-job' of the pod '.*' could not start: .*nothing-of-this-name.*",
        ),
    ],
)
def test_pod_that_fails_crashes_its_run(
    pool: NodePool, worker: WorkerProcess, values: dict[str, Any], size: int, message: str
) -> None:
    deployment = pool.deploy("fails", WORK, **values)
    run_id = pool.trigger(deployment, parameters={"data": str(pool.data), "size": size})
    reason = pool.wait_for(run_id, "Crashed", "Failed", "Completed")["state"]["message"]
    assert reason and re.fullmatch(message, reason), (reason, worker.output)


def test_run_of_a_drained_node_ends(pool: NodePool, worker: WorkerProcess, node: ControlPlane) -> None:
    run_id = pool.trigger(pool.deploy("drained", WORK), parameters={"data": str(pool.data), "until": "never"})
    pool.wait_for_log(run_id, "waiting")
    [pod] = wait_until(lambda: pool.list_pods(run_id, "Running"), "the pod does not run")
    name = pod["metadata"]["name"]
    eviction = {"apiVersion": "policy/v1beta1", "kind": "Eviction", "metadata": {"name": name}}
    node.call("POST", f"/api/v1/namespaces/{pool.namespace}/pods/{name}/eviction", eviction)
    run = pool.wait_for(run_id, "Crashed", "Completed", "Failed")
    assert run["state_name"] == "Crashed", worker.output
    assert re.search("termination signal|was deleted while it ran", run["state"]["message"]), run["state"]
    wait_until(lambda: not pool.list_jobs(run_id), "its job is still there, and would start the run again")


def test_cancelled_run_has_its_pod_ended(pool: NodePool, worker: WorkerProcess, node: ControlPlane) -> None:
    run_id = pool.trigger(pool.deploy("waits", WORK), parameters={"data": str(pool.data), "until": "never"})
    pool.wait_for_log(run_id, "waiting")
    pool.call("POST", f"/flow_runs/{run_id}/set_state", {"state": {"type": "CANCELLING"}})
    run = pool.wait_for(run_id, "Cancelled", "Crashed", "Completed")
    assert run["state_name"] == "Cancelled", worker.output
    # The kubelet takes up to a minute to remove a pod whose container has ended.
    wait_until(lambda: not pool.list_pods(run_id, "Running"), "the pod still runs")
    assert all("deletionTimestamp" in job["metadata"] for job in pool.list_jobs(run_id))
    assert "unable to retrieve container logs" not in worker.output


def test_run_of_a_lost_node_ends(pool: NodePool, worker: WorkerProcess, node: ControlPlane) -> None:
    deployment = pool.deploy("lost", WORK)
    run_id = pool.trigger(deployment, parameters={"data": str(pool.data), "until": "never"})
    pool.wait_for_log(run_id, "waiting")
    [pod] = wait_until(lambda: pool.list_pods(run_id, "Running"), "the pod does not run")
    node.stop_kubelet()  # its containers go on, as on a node that is cut off
    try:
        # What the control plane does, after minutes, for a node that does not answer, and is removed then.
        path = f"/api/v1/namespaces/{pool.namespace}/pods/{pod['metadata']['name']}"
        node.call("DELETE", path, {"gracePeriodSeconds": 0})
        run = pool.wait_for(run_id, "Crashed", "Completed", "Failed")
        reason = f"The pod '{pod['metadata']['name']}' was deleted while it ran on the node 'node1'."
        assert (run["state_name"], run["state"]["message"]) == ("Crashed", reason), worker.output
        assert all("deletionTimestamp" in job["metadata"] for job in pool.list_jobs(run_id))
    finally:
        one_node.start_kubelet(node, node.home.parent)
    wait_until(lambda: not pool.list_jobs(run_id), "the node is back, and the job still there")
