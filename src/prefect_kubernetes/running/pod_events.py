"""Events of Prefect that tell what happens to the pods of flow runs: `prefect.kubernetes.pod.<phase>`."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from prefect.events import Event, RelatedResource, emit_event
from prefect_kubernetes.running import pod_status

MAX_PODS = 10_000
"""The events of how many pods are remembered, for what follows them."""
LABEL_PREFIX = "prefect.io/"
ROLES = ("flow-run", "flow", "deployment", "work-pool", "worker")


class PodEvents:
    """Emits an event for each phase of a pod, once: its id is made of the pod and the phase."""

    def __init__(self) -> None:
        self._last: OrderedDict[str, tuple[str, Event | None]] = OrderedDict()

    def observe(self, pod: Mapping[str, Any]) -> None:
        """Emit an event if the phase of a pod is another than before."""
        uid, phase = str(pod["metadata"].get("uid")), pod_status.get_phase(pod)
        before, previous = self._last.pop(uid, ("", None))
        if phase == before or before == "evicted":
            self._last[uid] = (before, previous)
            return
        event = emit_event(
            f"prefect.kubernetes.pod.{phase}",
            resource=describe_pod(pod, phase),
            related=find_related(pod["metadata"].get("labels") or {}),
            id=uuid5(NAMESPACE_URL, f"prefect.kubernetes.pod.{uid}.{phase}"),
            follows=previous,
        )
        self._last[uid] = (phase, event)
        if len(self._last) > MAX_PODS:
            self._last.popitem(last=False)


def describe_pod(pod: Mapping[str, Any], phase: str) -> dict[str, str]:
    """Return a pod as the resource of an event, with why it failed if that is known."""
    metadata, status = pod["metadata"], pod.get("status") or {}
    resource = {
        "prefect.resource.id": f"prefect.kubernetes.pod.{metadata.get('uid')}",
        "prefect.resource.name": str(metadata["name"]),
        "kubernetes.namespace": str(metadata.get("namespace")),
    }
    if phase in ("failed", "evicted"):
        reasons = [status.get("reason"), *(ended.get("reason") for _, ended in pod_status.iterate_terminated(pod))]
        reason = next((str(one) for one in reasons if one), None)
        diagnosis = pod_status.describe_pod_failure(pod)
        resource |= {"kubernetes.reason": reason} if reason else {}
        resource |= {"kubernetes.diagnosis": diagnosis} if diagnosis else {}
    return resource


def find_related(labels: Mapping[str, str]) -> list[RelatedResource]:
    """Return the objects of Prefect that the labels of a pod name."""
    related: list[RelatedResource] = []
    for role in ROLES:
        if (id_ := labels.get(f"{LABEL_PREFIX}{role}-id")) is None:
            continue
        resource = {"prefect.resource.id": f"prefect.{role}.{id_}", "prefect.resource.role": role}
        if name := labels.get(f"{LABEL_PREFIX}{role}-name"):
            resource["prefect.resource.name"] = name
        related.append(RelatedResource(resource))
    return related
