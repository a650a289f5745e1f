"""What the status of jobs and pods means, in words."""

from __future__ import annotations

from typing import Any

import pytest

from prefect_kubernetes.running import pod_status
from prefect_kubernetes.running.pod_status import JobEnd

COMPLETE = {"type": "Complete", "status": "True"}
FAILED = {"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded", "message": "Job has reached the limit"}


def make_job(*conditions: dict[str, Any]) -> dict[str, Any]:
    status = {"startTime": "2026-05-01T10:00:00Z", "conditions": list(conditions)}
    return {"metadata": {"name": "j", "uid": "1"}, "spec": {}, "status": status}


def make_pod(phase: str = "Pending", state: dict[str, Any] | None = None, **status: Any) -> dict[str, Any]:
    statuses = [] if state is None else [{"name": "c", "image": "flows:1", "state": state}]
    limits = {"resources": {"limits": {"memory": "64Mi"}}}
    return {
        "metadata": {"name": "p", "uid": "2", "creationTimestamp": status.pop("created", "1")},
        "spec": {"containers": [{"name": "c", **limits}]},
        "status": {"phase": phase, "containerStatuses": statuses, **status},
    }


def make_failed(code: int, reason: str = "Error", **status: Any) -> dict[str, Any]:
    return make_pod("Failed", {"terminated": {"exitCode": code, "reason": reason, "message": "m\nn"}}, **status)


@pytest.mark.parametrize(
    ("pod", "reason"),
    [
        (None, "no pod was created"),
        (make_pod(), "the pod 'p' is pending"),
        (
            make_pod("Pending", {"waiting": {"reason": "ErrImagePull", "message": "not\nfound"}}),
            "the image 'flows:1' could not be pulled: ErrImagePull: not found",
        ),
        (
            make_pod(
                "Pending", {"waiting": {"reason": "CreateContainerConfigError", "message": 'secret "s" not found'}}
            ),
            "the container 'c' could not start: CreateContainerConfigError: secret \"s\" not found",
        ),
        (
            make_pod(
                conditions=[
                    {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes."}
                ]
            ),
            "no node takes the pod: Unschedulable: 0/1 nodes.",
        ),
        (make_pod("Pending", {"waiting": {"reason": "ContainerCreating"}}), "the pod 'p' is pending"),
    ],
)
def test_pod_that_does_not_start_reports_the_reason(pod: dict[str, Any] | None, reason: str):
    assert pod_status.describe_waiting([] if pod is None else [pod]) == reason


@pytest.mark.parametrize(
    ("conditions", "found", "end"),
    [
        ([], [make_pod("Running")], None),
        ([COMPLETE], [], JobEnd(0)),
        ([FAILED], [make_failed(3)], JobEnd(3)),
        (
            [FAILED],
            [make_failed(137, "OOMKilled")],
            JobEnd(137, "The pod 'p' was killed: out of memory, which is limited to 64Mi (OOMKilled)."),
        ),
        (
            [FAILED],
            [make_pod("Failed", reason="Evicted", message="The node was low on resource: memory. ")],
            JobEnd(-1, "The pod 'p' was evicted: The node was low on resource: memory."),
        ),
        (
            [FAILED],
            [make_failed(127, "ContainerCannotRun")],
            JobEnd(127, "The container 'c' of the pod 'p' could not start: m n."),
        ),
        (
            [FAILED],
            [make_pod("Failed", reason="NodeLost", message="Node is gone")],
            JobEnd(-1, "The pod 'p' failed: NodeLost: Node is gone."),
        ),
        ([FAILED], [], JobEnd(-1, "The job 'j' failed: its pods have failed as often as its backoff limit allows.")),
        (
            [{**FAILED, "reason": "DeadlineExceeded"}],
            [],
            JobEnd(-1, "The job 'j' failed: it ran longer than its activeDeadlineSeconds allow."),
        ),
        (
            [FAILED],
            [make_failed(137, "OOMKilled", created="2"), make_failed(1, created="1")],
            JobEnd(
                137,
                "The pod 'p' was killed: out of memory, which is limited to 64Mi (OOMKilled)."
                " It was the last of 2 pods.",
            ),
        ),
    ],
)
def test_end_of_a_job_reports_the_reason(conditions: list[Any], found: list[Any], end: JobEnd | None):
    assert pod_status.describe_end(make_job(*conditions), found) == end


@pytest.mark.parametrize(
    ("deadline", "deleted", "is_past"),
    [
        (60, "2026-05-01T10:01:30Z", True),
        (60, "2026-05-01T10:01:29Z", False),
        (60, None, False),
        (None, "2026-05-01T10:01:30Z", False),
    ],
)
def test_pod_deleted_after_the_deadline_is_reported(deadline: int | None, deleted: str | None, is_past: bool):
    job, pod = make_job(FAILED), make_failed(143)
    job["spec"]["activeDeadlineSeconds"] = deadline
    if deleted:
        pod["metadata"] |= {"deletionTimestamp": deleted, "deletionGracePeriodSeconds": 30}
    end = pod_status.describe_end(job, [pod])
    assert end and end.exit_code == 143
    expected = "The job 'j' failed: it ran longer than its activeDeadlineSeconds allow."
    assert end.reason == (expected if is_past else None)


def test_image_of_a_wrong_name_cannot_start():
    assert pod_status.cannot_start([make_pod("Pending", {"waiting": {"reason": "InvalidImageName"}})])
    assert not pod_status.cannot_start([make_pod("Pending", {"waiting": {"reason": "ImagePullBackOff"}})])


def test_phase_of_an_evicted_pod_is_its_own():
    assert pod_status.get_phase(make_pod("Failed", reason="Evicted")) == "evicted"
    assert pod_status.get_phase({"metadata": {}}) == "unknown"
