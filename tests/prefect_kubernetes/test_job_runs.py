"""Jobs on a real control plane, watched without a server of Prefect."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import InfrastructureError
from prefect.logging.loggers import PrefectLogAdapter, get_logger
from prefect_kubernetes import KubernetesClusterConfig
from prefect_kubernetes.job_configuration import KubernetesWorkerJobConfiguration
from prefect_kubernetes.running import job_runs, watching
from prefect_kubernetes.running.cluster import API_START_SECONDS, Cluster, ClusterUnavailable
from prefect_kubernetes.running.job_runs import JobRun
from prefect_kubernetes.running.pod_status import JobEnd
from prefect_kubernetes.running.watching import NamespaceWatch
from prefect_kubernetes.worker import KubernetesWorker
from tests.kubernetes_cluster import TOKEN, ControlPlane

pytestmark = pytest.mark.timeout(240)

LABELS = {"prefect.io/worker-name": "tests"}
SELECTOR = "prefect.io/worker-name=tests"
TIMEOUT_SECONDS = 90.0


class Jobs:
    """Jobs in a namespace, and a watch of them."""

    def __init__(self, plane: ControlPlane, namespace: str, cluster: Cluster) -> None:
        self.plane, self.namespace, self.cluster = plane, namespace, cluster
        self.seen: list[dict[str, Any]] = []
        self.watch = NamespaceWatch(cluster, namespace, SELECTOR, logging.getLogger("tests"), self.seen.append)

    async def create(self, *args: str, watched: bool = True, patches: Any = (), **values: Any) -> JobRun:
        """Create a job that runs a program."""
        template = KubernetesWorker.get_default_base_job_template()
        container = template["job_configuration"]["job_manifest"]["spec"]["template"]["spec"]["containers"][0]
        container["args"] = list(args)
        variables = {"namespace": self.namespace, "image": "flows:1", "patches": list(patches), **values}
        configuration = await KubernetesWorkerJobConfiguration.from_template_and_values(template, variables, object())  # pyright: ignore
        configuration.prepare_for_flow_run(FlowRun(id=uuid4(), flow_id=UUID(int=2), name="quick"), worker_name="tests")
        if watched:
            await self.watch.start()
        manifest = configuration.build_manifest()
        name = manifest["metadata"]["name"]
        self.watch.expect(name)
        self.watch.expect(name, await self.cluster.create_job(self.namespace, manifest))
        logger = PrefectLogAdapter(get_logger("tests"), {})
        return JobRun(self.watch, name, configuration, logger)

    async def wait_for_pod(self, run: JobRun, is_so: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
        """Wait until the pod of a job is so."""
        return await wait_for(
            lambda: next((pod for pod in self.list_pods(run) if is_so(pod)), None), f"no pod of {run.name} is so"
        )

    def list_pods(self, run: JobRun) -> list[dict[str, Any]]:
        return self.plane.list_objects("pods", self.namespace, f"job-name={run.name}")

    def list_jobs(self) -> list[dict[str, Any]]:
        """Return the jobs that are not being deleted."""
        found = self.plane.list_objects("jobs", self.namespace)
        return [job for job in found if "deletionTimestamp" not in job["metadata"]]


async def wait_for(find: Callable[[], Any], what: str) -> Any:
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while not (found := await asyncio.to_thread(find)):
        assert time.monotonic() < deadline, what
        await asyncio.sleep(0.05)
    return found


@contextlib.asynccontextmanager
async def open_cluster(config: dict[str, Any]) -> AsyncIterator[Cluster]:
    cluster = Cluster(KubernetesClusterConfig(config=config, context_name="tests"))
    try:
        yield cluster
    finally:
        await cluster.close()


@pytest.fixture
async def jobs(plane: ControlPlane, namespace: str) -> AsyncIterator[Jobs]:
    async with open_cluster(plane.make_kubeconfig(TOKEN)) as cluster:
        jobs = Jobs(plane, namespace, cluster)
        yield jobs
        await jobs.watch.stop()


def waits(pod: dict[str, Any]) -> bool:
    return any("waiting" in one["state"] for one in pod["status"].get("containerStatuses") or ())


def is_unschedulable(pod: dict[str, Any]) -> bool:
    return any(one.get("reason") == "Unschedulable" for one in pod["status"].get("conditions") or ())


async def test_jobs_end_as_their_programs_do(jobs: Jobs, capfd: pytest.CaptureFixture[str]):
    well = await jobs.create("sh", "-c", "echo one; echo two")
    failed = await jobs.create("sh", "-c", "exit 3")
    assert await asyncio.gather(well.follow(), failed.follow()) == [JobEnd(0), JobEnd(3)]
    assert "one\ntwo\n" in capfd.readouterr().out
    phases = {pod["status"]["phase"] for pod in jobs.seen}
    assert {"Succeeded", "Failed"} <= phases


async def test_output_is_streamed_while_it_is_made(jobs: Jobs, capfd: pytest.CaptureFixture[str], tmp_path: Path):
    run = await jobs.create("sh", "-c", f"echo begun; while [ ! -e {tmp_path}/go ]; do sleep 0.1; done; echo done")
    async with asyncio.TaskGroup() as group:
        end = group.create_task(run.follow())
        out = ""
        while "begun" not in out:
            out += capfd.readouterr().out
            await asyncio.sleep(0.05)
        (tmp_path / "go").touch()
    assert end.result() == JobEnd(0) and "done" in capfd.readouterr().out


async def test_output_is_not_streamed_if_the_variable_is_false(jobs: Jobs, capfd: pytest.CaptureFixture[str]):
    assert await (await jobs.create("echo", "hidden", stream_output=False)).follow() == JobEnd(0)
    assert "hidden" not in capfd.readouterr().out


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        ("oom:1", r"The pod 'quick-.*' was killed: out of memory, which is limited to 64Mi \(OOMKilled\)\."),
        ("evicted:1", r"The pod 'quick-.*' was evicted: The node was low on resource: memory\."),
    ],
)
async def test_pod_that_is_ended_by_its_node_reports_the_reason(jobs: Jobs, image: str, reason: str):
    run = await jobs.create("sleep", "60", image=image, memory_limit="64Mi", stream_output=False)
    end = await run.follow()
    assert end.exit_code != 0
    assert_matches(reason, end.reason)


@pytest.mark.parametrize(
    ("values", "is_so", "reason"),
    [
        (
            {"image": "missing:1"},
            waits,
            r"the image 'missing:1' could not be pulled: ErrImagePull: manifest .* not found",
        ),
        ({"cpu_request": "1000"}, is_unschedulable, r"no node takes the pod: Unschedulable: .*Insufficient cpu"),
        (
            {"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "gone", "key": "k"}}}]},
            waits,
            r"the container 'prefect-job' could not start: CreateContainerConfigError: secret \"gone\" not found",
        ),
    ],
)
async def test_job_whose_pod_does_not_start_is_deleted(jobs: Jobs, values: Any, is_so: Any, reason: str):
    run = await jobs.create("true", watched=False, pod_watch_timeout_seconds=1, **values)
    await jobs.wait_for_pod(run, is_so)
    await jobs.watch.start()
    end = await run.follow()
    assert end.exit_code != 0
    assert_matches(rf"The job 'quick-.*' was deleted: no pod had started after 1 seconds, as {reason}.*\.", end.reason)
    assert jobs.list_jobs() == []


async def test_image_of_a_wrong_name_is_not_waited_for(jobs: Jobs):
    run = await jobs.create("true", image="invalid image", pod_watch_timeout_seconds=10_000)
    end = await run.follow()
    assert_matches("The job 'quick-.*' was deleted: the image 'invalid image' could not be pulled: Invalid", end.reason)
    assert jobs.list_jobs() == []


async def test_job_whose_time_is_over_is_deleted(jobs: Jobs):
    run = await jobs.create("sleep", "60", job_watch_timeout_seconds=1, stream_output=False)
    end = await run.follow()
    assert end == JobEnd(-1, f"The job {run.name!r} was deleted: it still ran after 1 seconds.")
    assert jobs.list_jobs() == []


async def test_deleted_job_is_noticed(jobs: Jobs):
    run = await jobs.create("sleep", "60", stream_output=False)
    await jobs.wait_for_pod(run, lambda pod: pod["status"]["phase"] == "Running")
    jobs.plane.call("DELETE", f"/apis/batch/v1/namespaces/{jobs.namespace}/jobs/{run.name}")
    assert await run.follow() == JobEnd(-1, f"The job {run.name!r} was deleted before its end was seen.")


async def test_pod_that_is_deleted_while_it_runs_ends_its_job(jobs: Jobs):
    run = await jobs.create("sleep", "600", stream_output=False)
    pod = await jobs.wait_for_pod(run, lambda pod: pod["status"]["phase"] == "Running")
    name = pod["metadata"]["name"]
    # So does the control plane when the node of a pod is removed.
    jobs.plane.call("DELETE", f"/api/v1/namespaces/{jobs.namespace}/pods/{name}", {"gracePeriodSeconds": 0})
    end = await run.follow()
    assert end == JobEnd(-1, f"The pod {name!r} was deleted while it ran on the node 'stand-in'.")
    assert jobs.list_jobs() == []


async def test_pod_of_a_lost_node_ends_its_job(jobs: Jobs, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(job_runs, "POD_DELETION_GRACE_SECONDS", 0.5)
    node = f"lost-{time.monotonic_ns()}"
    jobs.plane.add_node(node)
    spec = "/spec/template/spec"
    immediate = {"key": "node.kubernetes.io/unreachable", "effect": "NoExecute", "tolerationSeconds": 0}
    patches = [
        {"op": "add", "path": f"{spec}/nodeName", "value": node},
        {"op": "add", "path": f"{spec}/terminationGracePeriodSeconds", "value": 1},
        {"op": "add", "path": f"{spec}/tolerations", "value": [{**immediate, "operator": "Exists"}]},
    ]
    run = await jobs.create("true", stream_output=False, patches=patches)
    [pod] = await wait_for(lambda: jobs.list_pods(run), "there is no pod")
    path = f"/api/v1/namespaces/{jobs.namespace}/pods/{pod['metadata']['name']}"
    jobs.plane.call("PATCH", f"{path}/status", {"status": {"phase": "Running"}})
    jobs.plane.lose_node(node)  # the controller of nodes deletes its pods, which nobody ends
    try:
        end = await run.follow()
    finally:
        jobs.plane.call("DELETE", path, {"gracePeriodSeconds": 0})
        jobs.plane.call("DELETE", f"/api/v1/nodes/{node}")
    expected = f"The pod '.*' was deleted while it ran on the node '{node}', and does not end: its node may be lost."
    assert_matches(expected, end.reason)
    assert jobs.list_jobs() == []


async def test_job_past_its_deadline_is_reported(jobs: Jobs):
    patches = [{"op": "add", "path": "/spec/activeDeadlineSeconds", "value": 1}]
    run = await jobs.create("sleep", "600", stream_output=False, patches=patches)
    expected = f"The job {run.name!r} failed: it ran longer than its activeDeadlineSeconds allow."
    assert (await run.follow()).reason == expected


async def test_job_is_tried_again_within_its_backoff_limit(jobs: Jobs, tmp_path: Path):
    once = f"if [ -e {tmp_path}/once ]; then exit 0; fi; touch {tmp_path}/once; exit 1"
    assert await (await jobs.create("sh", "-c", once, backoff_limit=1)).follow() == JobEnd(0)


async def test_finished_job_is_deleted_by_the_cluster(jobs: Jobs):
    run = await jobs.create("true", finished_job_ttl=0)
    assert (await run.follow()).exit_code == 0
    await wait_for(lambda: jobs.list_jobs() == [], "the job is not deleted")


async def test_end_is_seen_after_a_restart_of_the_api(
    jobs: Jobs, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(watching, "RETRY_SECONDS", 0.1)
    wait = f"while [ ! -e {tmp_path}/go ]; do sleep 0.1; done; exit 4"
    run = await jobs.create("sh", "-c", wait)
    await jobs.wait_for_pod(run, lambda pod: pod["status"]["phase"] == "Running")
    async with asyncio.TaskGroup() as group:
        end = group.create_task(run.follow())
        await asyncio.to_thread(jobs.plane.stop_api_server)
        await wait_for(lambda: "The worker waits for it." in caplog.text, "nothing is said")
        (tmp_path / "go").touch()
        await asyncio.to_thread(jobs.plane.start_api_server)
    assert end.result() == JobEnd(4)


async def test_refusal_is_one_sentence(plane: ControlPlane, namespace: str):
    plane.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "nobody"}}, namespace)
    async with open_cluster(plane.make_kubeconfig(plane.make_token("nobody", namespace))) as cluster:
        jobs = Jobs(plane, namespace, cluster)
        with pytest.raises(InfrastructureError, match=r"Kubernetes refuses to list (jobs|pods) in .*: .*cannot list"):
            await jobs.watch.start()
        await jobs.watch.stop()
        cluster._last_unavailable = time.monotonic()  # it answers before it knows who may do what
        with pytest.raises(ClusterUnavailable, match="may not have started completely"):
            await cluster.read_job(namespace, "any")
        cluster._last_unavailable -= API_START_SECONDS
        with pytest.raises(InfrastructureError, match="Kubernetes refuses to show the job 'any'"):
            await cluster.read_job(namespace, "any")
    async with open_cluster(plane.make_kubeconfig("wrong")) as cluster:
        with pytest.raises(InfrastructureError, match=r"Kubernetes refuses to list jobs in .*: Unauthorized"):
            await cluster.list_objects("jobs", namespace, "")
    async with open_cluster(plane.make_kubeconfig(TOKEN)) as cluster:
        manifest = {"metadata": {"name": "x"}, "spec": {"backoffLimit": "many"}}
        with pytest.raises(InfrastructureError, match="Kubernetes refuses to create the job: ") as caught:
            await cluster.create_job(namespace, manifest)
    assert "\n" not in str(caught.value)


def assert_matches(pattern: str, text: str | None) -> None:
    import re

    assert text and re.fullmatch(pattern if pattern.endswith(r"\.") else f"{pattern}.*", text), text
