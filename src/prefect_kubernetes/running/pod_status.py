"""The status of a job and of its pods as sentences and facts. Pure functions on the objects of the Kubernetes API."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

Object = Mapping[str, Any]

PERMANENT_REASONS = frozenset({"InvalidImageName", "ErrImageNeverPull"})
"""Reasons of a waiting container that never go away."""
IMAGE_REASONS = frozenset(
    {"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "RegistryUnavailable"}
)
CREATION_REASONS = frozenset(
    {"CreateContainerConfigError", "CreateContainerError", "RunContainerError", "CrashLoopBackOff"}
)
JOB_FAILURES = {
    "BackoffLimitExceeded": "its pods have failed as often as its backoff limit allows",
    "DeadlineExceeded": "it ran longer than its activeDeadlineSeconds allow",
}
UNKNOWN_EXIT_CODE = -1


@dataclass(frozen=True)
class JobEnd:
    """The end of a job.

    Attributes:
        exit_code: The exit status of its container; -1 if that is not known.
        reason: Why it ended, if that is known besides the status.
    """

    exit_code: int
    reason: str | None = None


def get_name(item: Object) -> str:
    """Return the name of an object."""
    return str(item["metadata"]["name"])


def find_job_name(pod: Object) -> str | None:
    """Return the name of the job that a pod belongs to."""
    for owner in pod["metadata"].get("ownerReferences") or ():
        if owner.get("kind") == "Job":
            return str(owner["name"])
    return None


def get_phase(pod: Object) -> str:
    """Return the phase of a pod in lower case, or `evicted`."""
    status = pod.get("status") or {}
    if status.get("reason") == "Evicted":
        return "evicted"
    return str(status.get("phase") or "unknown").lower()


def has_started(pod: Object) -> bool:
    """Return whether a pod runs, or has run."""
    return get_phase(pod) not in ("pending", "unknown")


def is_finished(pod: Object) -> bool:
    """Return whether a pod has ended."""
    return get_phase(pod) in ("succeeded", "failed", "evicted")


def find_finished_condition(job: Object) -> tuple[str, Object] | None:
    """Return `Complete` or `Failed` with its condition if a job has ended."""
    for condition in (job.get("status") or {}).get("conditions") or ():
        if condition.get("type") in ("Complete", "Failed") and condition.get("status") == "True":
            return str(condition["type"]), condition
    return None


def find_deleted_pod(job: Object, pods: Iterable[Object], deleted: Collection[str]) -> Object | None:
    """Return a pod of a job without retries that was deleted, or is being deleted, while it runs.

    Args:
        job: The job.
        pods: Its pods.
        deleted: The names of the pods that no longer exist.
    """
    if job["spec"].get("backoffLimit") != 0 or job["metadata"].get("deletionTimestamp"):
        return None
    for pod in pods:
        is_deleted = pod["metadata"].get("deletionTimestamp") or get_name(pod) in deleted
        if is_deleted and not is_finished(pod):
            return pod
    return None


def is_past_deadline(job: Object, pod: Object) -> bool:
    """Return whether a pod was deleted because its job had reached `activeDeadlineSeconds`.

    The controller of jobs deletes the pods first. What it then writes into the status of the job may come later, or
    be that the pods have failed.
    """
    seconds = job["spec"].get("activeDeadlineSeconds")
    started = (job.get("status") or {}).get("startTime")
    ends = pod["metadata"].get("deletionTimestamp")
    if seconds is None or started is None or ends is None:
        return False
    grace = timedelta(seconds=pod["metadata"].get("deletionGracePeriodSeconds") or 0)
    return datetime.fromisoformat(ends) - grace >= datetime.fromisoformat(started) + timedelta(seconds=seconds)


def describe_pod_deletion(pod: Object, is_deleted: bool) -> str:
    """Return the sentence that a pod was deleted while it ran."""
    node = (pod.get("spec") or {}).get("nodeName")
    where = f" on the node {node!r}" if node else ""
    if is_deleted:
        return f"The pod {get_name(pod)!r} was deleted while it ran{where}."
    return f"The pod {get_name(pod)!r} was deleted while it ran{where}, and does not end: its node may be lost."


# --- why a pod does not start -----------------------------------------------------------------------------------------


def cannot_start(pods: Iterable[Object]) -> bool:
    """Return whether a pod waits for a reason that never goes away."""
    return any(waiting.get("reason") in PERMANENT_REASONS for pod in pods for _, waiting in _iterate_waiting(pod))


def describe_waiting(pods: Sequence[Object]) -> str:
    """Return why the pods of a job have not started, to go on a sentence."""
    if not pods:
        return "no pod was created"
    pod = pods[-1]
    for container, waiting in _iterate_waiting(pod):
        reason = waiting.get("reason")
        if reason in IMAGE_REASONS:
            return f"the image {container.get('image')!r} could not be pulled: {_join(reason, waiting.get('message'))}"
        if reason in CREATION_REASONS:
            return f"the container {container.get('name')!r} could not start: {_join(reason, waiting.get('message'))}"
    for condition in (pod.get("status") or {}).get("conditions") or ():
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            return f"no node takes the pod: {_join(condition.get('reason'), condition.get('message'))}"
    return f"the pod {get_name(pod)!r} is {get_phase(pod)}"


def _iterate_waiting(pod: Object) -> Iterable[tuple[Object, Object]]:
    """Yield the status of each container that waits, and what it waits for."""
    status = pod.get("status") or {}
    for name in ("initContainerStatuses", "containerStatuses"):
        for container in status.get(name) or ():
            waiting = (container.get("state") or {}).get("waiting")
            if waiting:
                yield container, waiting


# --- how a job ended --------------------------------------------------------------------------------------------------


def describe_end(job: Object, pods: Sequence[Object]) -> JobEnd | None:
    """Return how a job ended, or None if it has not.

    Args:
        job: The job.
        pods: Its pods, as far as they are known.
    """
    finished = find_finished_condition(job)
    if finished is None:
        return None
    kind, condition = finished
    if kind == "Complete":
        return JobEnd(0)
    failed = [pod for pod in pods if get_phase(pod) in ("failed", "evicted")]
    failed.sort(key=lambda pod: str((pod["metadata"]).get("creationTimestamp") or ""))
    exit_code, why = (find_exit_code(failed[-1]), describe_pod_failure(failed[-1])) if failed else (None, None)
    reason = str(condition.get("reason") or "")
    if any(is_past_deadline(job, pod) for pod in failed):
        reason = "DeadlineExceeded"
    if why is None and (exit_code is None or reason != "BackoffLimitExceeded"):
        why = (
            f"The job {get_name(job)!r} failed: {JOB_FAILURES.get(reason) or _join(reason, condition.get('message'))}."
        )
    attempts = f" It was the last of {len(failed)} pods." if why and len(failed) > 1 else ""
    return JobEnd(exit_code if exit_code else UNKNOWN_EXIT_CODE, why and why + attempts)


def describe_pod_failure(pod: Object) -> str | None:
    """Return in a sentence why a pod failed, if it says more than an exit status."""
    status = pod.get("status") or {}
    name = get_name(pod)
    if get_phase(pod) == "evicted":
        return f"The pod {name!r} was evicted: {_end(status.get('message') or 'its node needed the room')}"
    for container, ended in iterate_terminated(pod):
        if ended.get("reason") == "OOMKilled":
            limit = _find_memory_limit(pod, container)
            more = f", which is limited to {limit}" if limit else ""
            return f"The pod {name!r} was killed: out of memory{more} (OOMKilled)."
        if ended.get("reason") in ("ContainerCannotRun", "StartError"):
            reason = _end(ended.get("message") or ended["reason"])
            return f"The container {container.get('name')!r} of the pod {name!r} could not start: {reason}"
    if status.get("reason"):  # for example NodeLost, DeadlineExceeded, Preempting, NodeShutdown
        return f"The pod {name!r} failed: {_end(_join(status['reason'], status.get('message')))}"
    for condition in status.get("conditions") or ():
        if condition.get("type") == "DisruptionTarget" and condition.get("status") == "True":
            reason = _end(_join(condition.get("reason"), condition.get("message")))
            return f"The pod {name!r} was taken from its node: {reason}"
    return None


def iterate_terminated(pod: Object) -> Iterable[tuple[Object, Object]]:
    """Yield the status of each container that has failed, and how it ended."""
    status = pod.get("status") or {}
    for name in ("initContainerStatuses", "containerStatuses"):
        for container in status.get(name) or ():
            ended = (container.get("state") or {}).get("terminated")
            if ended and ended.get("exitCode"):
                yield container, ended


def find_exit_code(pod: Object) -> int | None:
    """Return the exit status of the first container of a pod that has failed."""
    for _, ended in iterate_terminated(pod):
        return int(ended["exitCode"])
    return None


def _find_memory_limit(pod: Object, status: Object) -> str | None:
    for container in (pod.get("spec") or {}).get("containers") or ():
        if container.get("name") == status.get("name"):
            return ((container.get("resources") or {}).get("limits") or {}).get("memory")
    return None


def _join(reason: Any, message: Any) -> str:
    """Return a reason and a message as one text on one line."""
    parts = [" ".join(str(part).split()) for part in (reason, message) if part]
    return ": ".join(dict.fromkeys(parts)) or "no reason is given"


def _end(text: str) -> str:
    """Return a text on one line with a full stop."""
    return " ".join(str(text).split()).rstrip(".") + "."
