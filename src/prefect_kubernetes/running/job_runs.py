"""One job of a flow run: its pods start, their output is streamed, and it ends, with a sentence that describes why."""

from __future__ import annotations

import contextlib
import sys
import time
from dataclasses import dataclass
from typing import Any

import anyio

from prefect.exceptions import InfrastructureError
from prefect.logging.loggers import PrefectLogAdapter
from prefect_kubernetes.job_configuration import KubernetesWorkerJobConfiguration
from prefect_kubernetes.running import pod_status
from prefect_kubernetes.running.cluster import ClusterUnavailable
from prefect_kubernetes.running.pod_status import UNKNOWN_EXIT_CODE, JobEnd
from prefect_kubernetes.running.watching import RETRY_SECONDS, KnownJob, NamespaceWatch

POD_DELETION_GRACE_SECONDS = 30.0
"""How long a deleted pod may take to end after its own grace period."""
OUTPUT_GRACE_SECONDS = 5.0
"""How long the output of a job that has ended is waited for."""
CONTAINER_IS_GONE = b"unable to retrieve container logs for "
"""What a node sends as the output of a container that it has removed, while the pod is still there."""


@dataclass(frozen=True)
class JobRun:
    """A job that a worker watches until its end.

    Attributes:
        watch: The watch of its namespace.
        name: The job's name.
        configuration: What the worker does with it.
        logger: The logger of the flow run.
        since: From when on its output is streamed, if not from its start.
    """

    watch: NamespaceWatch
    name: str
    configuration: KubernetesWorkerJobConfiguration
    logger: PrefectLogAdapter
    since: float | None = None

    async def follow(self) -> JobEnd:
        """Wait for the end of the job; delete it when it does not start or end in time."""
        limit = self.configuration.job_watch_timeout_seconds
        known = self.watch.expect(self.name)
        with anyio.move_on_after(limit):
            return await self._stream_until_end(known)
        await self._delete(known)
        return JobEnd(UNKNOWN_EXIT_CODE, f"The job {self.name!r} was deleted: it still ran after {limit} seconds.")

    async def _stream_until_end(self, known: KnownJob) -> JobEnd:
        end: JobEnd | None = None
        async with anyio.create_task_group() as outputs:
            streamed: set[str] = set()

            def stream_new() -> None:
                if not self.configuration.stream_output:
                    return
                for pod in known.list_pods():
                    if pod_status.has_started(pod) and pod_status.get_name(pod) not in streamed:
                        streamed.add(pod_status.get_name(pod))
                        outputs.start_soon(self._stream_output, known, pod_status.get_name(pod))

            end = await self._wait_for_start(known) or await self._wait_for_end(known, stream_new)
            stream_new()
            outputs.cancel_scope.deadline = anyio.current_time() + OUTPUT_GRACE_SECONDS
        assert end is not None
        return end

    async def _wait_for_start(self, known: KnownJob) -> JobEnd | None:
        """Wait until a pod has started; return an end if none does."""
        limit = self.configuration.pod_watch_timeout_seconds
        with anyio.move_on_after(limit):
            while not any(map(pod_status.has_started, known.list_pods())):
                if (end := self._find_end(known)) is not None:
                    return await self._explain(end, known)
                if pod_status.cannot_start(known.list_pods()):
                    why = pod_status.describe_waiting(known.list_pods())
                    await self._delete(known)
                    return JobEnd(UNKNOWN_EXIT_CODE, f"The job {self.name!r} was deleted: {why}.")
                await self.watch.wait_for_change(self.name)
            return None
        why = pod_status.describe_waiting(known.list_pods())
        await self._delete(known)
        message = f"The job {self.name!r} was deleted: no pod had started after {limit} seconds, as {why}."
        return JobEnd(UNKNOWN_EXIT_CODE, message.replace("..", "."))

    async def _wait_for_end(self, known: KnownJob, on_change: Any) -> JobEnd:
        is_ending = False
        while True:
            on_change()
            if (end := self._find_end(known)) is not None:
                return await self._explain(end, known)
            if not is_ending and (pod := self._find_deleted_pod(known)) is not None:
                if (end := await self._end_after_pod_deletion(known, pod)) is not None:
                    return end
                is_ending = True
                continue
            await self.watch.wait_for_change(self.name)

    def _find_deleted_pod(self, known: KnownJob) -> dict[str, Any] | None:
        assert known.job is not None
        pod = pod_status.find_deleted_pod(known.job, known.list_pods(), known.deleted_pods)
        return None if pod is None else dict(pod)

    async def _end_after_pod_deletion(self, known: KnownJob, pod: dict[str, Any]) -> JobEnd | None:
        """Delete a job whose pod is deleted, before it creates another pod, and return how the pod ended.

        Return None if the job is being deleted too, or is past its deadline, which its status will show.
        """
        assert known.job is not None
        if pod_status.is_past_deadline(known.job, pod):
            return None
        try:
            job = await self.watch.cluster.read_job(self.watch.namespace, self.name)
        except (ClusterUnavailable, InfrastructureError):
            job = known.job
        if job is None or job["metadata"].get("deletionTimestamp") or pod_status.find_finished_condition(job):
            return None
        await self._delete(known)
        name = pod_status.get_name(pod)
        grace = pod["metadata"].get("deletionGracePeriodSeconds") or 0
        with anyio.move_on_after(grace + POD_DELETION_GRACE_SECONDS):
            while name not in known.deleted_pods and not pod_status.is_finished(known.pods[name]):
                await self.watch.wait_for_change(self.name)
        pod = known.pods[name]
        reason = pod_status.describe_pod_failure(pod) if pod_status.is_finished(pod) else None
        return JobEnd(
            pod_status.find_exit_code(pod) or UNKNOWN_EXIT_CODE,
            reason
            or pod_status.describe_pod_deletion(
                pod, is_deleted=name in known.deleted_pods or pod_status.is_finished(pod)
            ),
        )

    def _find_end(self, known: KnownJob) -> JobEnd | None:
        assert known.job is not None
        end = pod_status.describe_end(known.job, known.list_pods())
        if end is None and known.is_deleted:
            return JobEnd(UNKNOWN_EXIT_CODE, f"The job {self.name!r} was deleted before its end was seen.")
        return end

    async def _explain(self, end: JobEnd, known: KnownJob) -> JobEnd:
        """Return the end of a job with what its pods say, which may be known later than that it has failed."""
        if end.exit_code == 0 or known.is_deleted:
            return end
        try:
            found = await self.watch.cluster.list_objects("pods", self.watch.namespace, f"job-name={self.name}")
        except (ClusterUnavailable, InfrastructureError):
            return end
        for pod in found.get("items") or ():
            known.pods[pod_status.get_name(pod)] = pod
        return self._find_end(known) or end

    async def _delete(self, known: KnownJob) -> None:
        assert known.job is not None
        with anyio.CancelScope(shield=True):
            try:
                await self.watch.cluster.delete_job(self.watch.namespace, self.name, known.job["metadata"].get("uid"))
            except (ClusterUnavailable, InfrastructureError) as error:
                self.logger.warning("The job %r could not be deleted: %s", self.name, error)

    async def _stream_output(self, known: KnownJob, pod: str) -> None:
        """Write the output of a pod to this process's, until it ends. A lost connection is made again."""
        assert known.job is not None
        container = known.job["spec"]["template"]["spec"]["containers"][0]["name"]
        since = self.since
        while True:
            try:
                seconds = None if since is None else int(time.time() - since) + 1
                lines = self.watch.cluster.follow_log(self.watch.namespace, pod, container, seconds)
                async with contextlib.aclosing(lines):
                    async for line in lines:
                        if line.startswith(CONTAINER_IS_GONE):
                            continue
                        sys.stdout.write(line.decode(errors="replace"))
                        sys.stdout.flush()
                        since = 0.0
            except ClusterUnavailable as error:
                self.logger.debug("The output of the pod %r is interrupted: %s", pod, error)
            except InfrastructureError as error:
                self.logger.warning("%s", error)
                return
            if known.is_deleted or pod_status.is_finished(known.pods[pod]):
                return
            since = None if since is None else time.time()
            await anyio.sleep(RETRY_SECONDS)
