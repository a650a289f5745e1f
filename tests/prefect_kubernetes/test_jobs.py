"""The block of a job, and tasks on the objects of a cluster, with a real control plane."""

from __future__ import annotations

import pickle
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes_asyncio.client import V1Container, V1Job, V1ObjectMeta, V1Pod, V1PodSpec

from prefect import flow
from prefect.blocks.schemas import compute_class_checksum
from prefect_kubernetes import (
    KubernetesClusterConfig,
    KubernetesCredentials,
    KubernetesJob,
    custom_objects,
    deployments,
    jobs,
    pods,
    run_namespaced_job,
    services,
)
from prefect_kubernetes.exceptions import (
    KubernetesApiError,
    KubernetesJobFailedError,
    KubernetesJobTimeoutError,
    KubernetesResourceNotFoundError,
)
from prefect_kubernetes.flows import run_namespaced_job_async
from prefect_kubernetes.running.cluster import ClusterUnavailable
from tests.kubernetes_cluster import TOKEN, ControlPlane

# The event loop of sync callers continues.
pytestmark = [pytest.mark.timeout(240), pytest.mark.stray_threads]


def make_manifest(name: str, code: str, image: str = "python") -> dict[str, Any]:
    container = {"name": "main", "image": image, "command": ["python", "-c", code]}
    template = {"spec": {"restartPolicy": "Never", "containers": [container]}}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name},
        "spec": {"template": template, "backoffLimit": 0},
    }


@pytest.fixture
def credentials(plane: ControlPlane) -> KubernetesCredentials:
    config = KubernetesClusterConfig(config=plane.make_kubeconfig(TOKEN), context_name="tests")
    return KubernetesCredentials(cluster_config=config)


@pytest.fixture
def make_job(credentials: KubernetesCredentials, namespace: str) -> Callable[..., KubernetesJob]:
    def make(code: str, image: str = "python", **fields: Any) -> KubernetesJob:
        options: dict[str, Any] = {"credentials": credentials, "namespace": namespace, "interval_seconds": 0}
        return KubernetesJob(v1_job=make_manifest("job", code, image), **(options | fields))

    return make


def test_checksum_of_the_job_is_that_of_the_published_package():
    published = "sha256:e2ed23a503643d86b37cc3207599b2625c03b7c7ba0198de4ce2aed9e7622b00"
    assert compute_class_checksum(KubernetesJob) == published


# --- the block --------------------------------------------------------------------------------------------------------


def test_flow_runs_a_job_and_deletes_it(make_job: Callable[..., KubernetesJob], plane: ControlPlane, namespace: str):
    output = run_namespaced_job(make_job("print('one'); print('two')"))
    [(pod, text)] = output.items()
    assert pod.startswith("job-") and text == "one\ntwo\n"
    [job] = plane.list_objects("jobs", namespace) or [{"metadata": {"deletionTimestamp": "gone"}}]
    assert job["metadata"].get("deletionTimestamp")


async def test_async_flow_prints_the_output_and_keeps_the_job(
    make_job: Callable[..., KubernetesJob], plane: ControlPlane, namespace: str
):
    printed: list[str] = []
    job = make_job("print('one'); print('two')", delete_after_completion=False)
    await run_namespaced_job_async(job, printed.append)
    assert printed == ["one", "two"]
    assert len(plane.list_objects("jobs", namespace)) == 1


def test_error_of_the_print_function_ends_the_wait(make_job: Callable[..., KubernetesJob]):
    def refuse(line: str) -> None:
        raise LookupError(line)

    run = make_job("print('one')").trigger()
    with pytest.raises(LookupError, match="one"):
        run.wait_for_completion(refuse)


def test_failed_job_raises_and_is_kept(make_job: Callable[..., KubernetesJob], plane: ControlPlane, namespace: str):
    run = make_job("raise SystemExit(3)").trigger()
    with pytest.raises(RuntimeError, match="The job 'job' failed: exit status 3") as raised:
        run.wait_for_completion()
    assert isinstance(raised.value, KubernetesJobFailedError)
    assert len(plane.list_objects("jobs", namespace)) == 1


def test_job_that_does_not_end_in_time_reports_why_it_has_not_started(make_job: Callable[..., KubernetesJob]):
    run = make_job("", image="missing:1", timeout_seconds=2).trigger()
    with pytest.raises(KubernetesJobTimeoutError, match="not ended after 2 seconds, as the image 'missing:1'"):
        run.wait_for_completion()


def test_result_of_a_job_that_was_not_waited_for_is_an_error(make_job: Callable[..., KubernetesJob]):
    run = make_job("print('late')").trigger()
    assert isinstance(run.v1_job_model, V1Job)
    with pytest.raises(ValueError, match="has no result yet"):
        run.fetch_result()
    run.wait_for_completion()
    assert list(run.fetch_result().values()) == ["late\n"]


def test_deleted_job_is_not_found(make_job: Callable[..., KubernetesJob], plane: ControlPlane, namespace: str):
    run = make_job("import time; time.sleep(600)").trigger()
    plane.call("DELETE", f"/apis/batch/v1/namespaces/{namespace}/jobs/job", {"propagationPolicy": "Background"})
    with pytest.raises(KubernetesResourceNotFoundError, match="the job 'job' was deleted before its end was seen"):
        run.wait_for_completion()


def test_job_with_a_manifest_that_is_not_valid_is_refused_in_one_line(
    credentials: KubernetesCredentials, namespace: str
):
    job = KubernetesJob(v1_job={"metadata": {"name": "x"}}, credentials=credentials, namespace=namespace)
    with pytest.raises(KubernetesApiError, match=r"create_namespaced_job \(422\): Job.* is invalid: ") as raised:
        job.trigger()
    assert "\n" not in str(raised.value)
    assert str(pickle.loads(pickle.dumps(raised.value))) == str(raised.value)
    assert raised.value.__context__ is None  # Dask would pickle it, and that of the client cannot be


def test_cluster_that_is_away_is_reported_in_one_line():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        config = {
            "clusters": [{"name": "c", "cluster": {"server": f"https://127.0.0.1:{taken.getsockname()[1]}"}}],
            "users": [{"name": "u", "user": {"token": "x"}}],
            "contexts": [{"name": "a", "context": {"cluster": "c", "user": "u"}}],
        }
        cluster = KubernetesClusterConfig(config=config, context_name="a")
        job = KubernetesJob(v1_job=make_manifest("job", ""), credentials=KubernetesCredentials(cluster_config=cluster))
        with pytest.raises(ClusterUnavailable, match="The Kubernetes API does not answer: "):
            job.trigger()


def test_manifest_is_read_from_a_file(tmp_path: Path):
    path = tmp_path / "job.yaml"
    path.write_text(yaml.safe_dump(make_manifest("job", "")))
    job = KubernetesJob.from_yaml_file(path, namespace="flows")
    assert (job.v1_job["metadata"]["name"], job.namespace, job.interval_seconds) == ("job", "flows", 5)
    path.write_text("a: [")
    with pytest.raises(ValueError, match="is not valid YAML"):
        KubernetesJob.from_yaml_file(path)
    path.write_text("text")
    with pytest.raises(ValueError, match="is not that of a job"):
        KubernetesJob.from_yaml_file(path)


# --- tasks ------------------------------------------------------------------------------------------------------------


async def test_job_tasks_create_read_change_list_and_delete(credentials: KubernetesCredentials, namespace: str):
    @flow
    async def work() -> list[Any]:
        manifest = make_manifest("one", "import time; time.sleep(600)")
        created = await jobs.create_namespaced_job(credentials, manifest, namespace)
        changes = V1Job(metadata=V1ObjectMeta(labels={"color": "red"}))
        changed = await jobs.patch_namespaced_job(credentials, "one", changes, namespace=namespace)
        changed.metadata.annotations = {"note": "x"}
        replaced = await jobs.replace_namespaced_job(credentials, "one", changed, namespace)
        read = await jobs.read_namespaced_job(credentials, "one", namespace)
        status = await jobs.read_namespaced_job_status(credentials, "one", namespace)
        listed = await jobs.list_namespaced_job(credentials, namespace, label_selector="color=red")
        await jobs.delete_namespaced_job(credentials, "one", namespace=namespace, propagation_policy="Background")
        with pytest.raises(KubernetesResourceNotFoundError, match=r'jobs\.batch "two" not found'):
            await jobs.read_namespaced_job(credentials, "two", namespace)
        names = [one.metadata.name for one in (created, read, status, *listed.items)]
        return [names, changed.metadata.labels["color"], replaced.metadata.annotations["note"]]

    assert await work() == [["one"] * 4, "red", "x"]


async def test_pod_tasks_create_read_change_list_log_and_delete(credentials: KubernetesCredentials, namespace: str):
    container = V1Container(name="main", image="python", command=["python", "-c", "print('one'); print('two')"])
    pod = V1Pod(metadata=V1ObjectMeta(name="one"), spec=V1PodSpec(restart_policy="Never", containers=[container]))
    printed: list[str] = []

    @flow
    async def work() -> list[Any]:
        await pods.create_namespaced_pod(credentials, pod, namespace)
        while (read := await pods.read_namespaced_pod(credentials, "one", namespace)).status.phase != "Succeeded":
            pass
        log = await pods.read_namespaced_pod_log(credentials, "one", "main", namespace)
        await pods.read_namespaced_pod_log(credentials, "one", "main", namespace, printed.append)
        changed = await pods.patch_namespaced_pod(credentials, "one", {"metadata": {"labels": {"a": "b"}}}, namespace)
        replaced = await pods.replace_namespaced_pod(credentials, "one", changed, namespace)
        listed = await pods.list_namespaced_pod(credentials, namespace)
        await pods.delete_namespaced_pod(credentials, "one", namespace=namespace)
        with pytest.raises(KubernetesResourceNotFoundError, match=r'read_namespaced_pod_log .*"two" not found'):
            await pods.read_namespaced_pod_log(credentials, "two", "main", namespace, print)
        return [read.metadata.name, log, replaced.metadata.labels["a"], len(listed.items)]

    assert await work.fn() == ["one", "one\ntwo\n", "b", 1]
    assert printed == ["one", "two"]


async def test_deployment_tasks_create_read_change_list_and_delete(credentials: KubernetesCredentials, namespace: str):
    template = {"metadata": {"labels": {"app": "one"}}, "spec": {"containers": [{"name": "main", "image": "missing"}]}}
    spec = {"replicas": 0, "selector": {"matchLabels": {"app": "one"}}, "template": template}
    manifest = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "one"}, "spec": spec}
    await deployments.create_namespaced_deployment(credentials, manifest, namespace)
    changes = {"metadata": {"name": "one", "labels": {"a": "b"}}}
    changed = await deployments.patch_namespaced_deployment(credentials, "one", changes, namespace)
    # By its manifest, which has no version: the controller may have changed it meanwhile.
    replaced = await deployments.replace_namespaced_deployment(credentials, "one", manifest | changes, namespace)
    read = await deployments.read_namespaced_deployment(credentials, "one", namespace)
    listed = await deployments.list_namespaced_deployment(credentials, namespace)
    assert changed.metadata.labels == replaced.metadata.labels == {"a": "b"}
    assert (read.metadata.name, len(listed.items)) == ("one", 1)
    await deployments.delete_namespaced_deployment(credentials, "one", namespace=namespace)


async def test_service_tasks_create_read_change_list_and_delete(credentials: KubernetesCredentials, namespace: str):
    manifest = {"metadata": {"name": "one"}, "spec": {"ports": [{"port": 80}], "selector": {"app": "one"}}}
    changes = {"metadata": {"labels": {"a": "b"}}}
    await services.create_namespaced_service(credentials, manifest, namespace)
    changed = await services.patch_namespaced_service(credentials, "one", changes, namespace)
    replaced = await services.replace_namespaced_service(credentials, "one", changed, namespace)
    read = await services.read_namespaced_service(credentials, "one", namespace)
    listed = await services.list_namespaced_service(credentials, namespace)
    assert (replaced.metadata.labels, read.metadata.name, len(listed.items)) == ({"a": "b"}, "one", 1)
    await services.delete_namespaced_service(credentials, "one", namespace=namespace)


async def test_custom_object_tasks_create_read_change_list_and_delete(
    credentials: KubernetesCredentials, namespace: str
):
    # A kind of the cluster's own does as well as one that was added to it.
    kind = ("coordination.k8s.io", "v1", "leases")
    body = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "one"}, "spec": {}}
    await custom_objects.create_namespaced_custom_object(credentials, *kind, body, namespace)
    changes = {"metadata": {"labels": {"a": "b"}}}
    changed = await custom_objects.patch_namespaced_custom_object(credentials, *kind, "one", changes, namespace)
    replaced = await custom_objects.replace_namespaced_custom_object(credentials, *kind, "one", changed, namespace)
    read = await custom_objects.get_namespaced_custom_object(credentials, *kind, "one", namespace)
    listed = await custom_objects.list_namespaced_custom_object(credentials, *kind, namespace)
    assert (replaced["metadata"]["labels"], read["metadata"]["name"], len(listed["items"])) == ({"a": "b"}, "one", 1)
    await custom_objects.delete_namespaced_custom_object(credentials, *kind, "one", namespace)
    with pytest.raises(KubernetesResourceNotFoundError):
        await custom_objects.get_namespaced_custom_object_status(credentials, *kind, "one", namespace)


def test_wait_survives_a_restart_of_the_api_server(
    make_job: Callable[..., KubernetesJob], plane: ControlPlane, tmp_path: Path
):
    done = tmp_path / "done"
    code = f"import pathlib, time\nwhile not pathlib.Path({str(done)!r}).exists(): time.sleep(0.05)\nprint('done')"
    run = make_job(code, delete_after_completion=False).trigger()
    plane.stop_api_server()
    try:
        done.touch()
    finally:
        plane.start_api_server()
    run.wait_for_completion()
    assert list(run.fetch_result().values()) == ["done\n"]
