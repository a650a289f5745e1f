"""Metrics of flow runs, for the triggers that watch them: success rate, duration and lateness over a range of time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from prefect.schemas import filters
from prefect.schemas.automations import Match, PrefectMetric
from prefect.schemas.events import ResourceSpecification
from prefect.schemas.wire.automations import MetricTrigger
from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.services.automations import bucket_rows, firings
from prefect.server.services.automations.known_triggers import KnownTriggers
from prefect.server.services.core import reading
from prefect.server.services.core.errors import InvalidRequest
from prefect.server.store import Condition
from prefect.server.store.queries import history
from prefect.triggers.metrics import observe_value
from prefect.triggers.occurrences import Firing
from prefect.triggers.trees import BucketKey, Buckets, TriggerTree

_ID, _ROLE = "prefect.resource.id", "prefect.resource.role"

_FILTERS: Mapping[str, tuple[str, type[Any]]] = {
    "flow-run": ("flow_runs", filters.FlowRunFilter),
    "flow": ("flows", filters.FlowFilter),
    "deployment": ("deployments", filters.DeploymentFilter),
    "work-queue": ("work_queues", filters.WorkQueueFilter),
    "work-pool": ("work_pools", filters.WorkPoolFilter),
}
"""The filters that select flow runs, by the kind of resource that a trigger names."""


def check_metric(trigger: Mapping[str, Any]) -> None:
    """Refuse metric triggers that watch an unknown metric, or select flow runs in a way that no query can.

    Raises:
        InvalidRequest: There is one, in this trigger or below it.
    """
    for child in trigger.get("triggers", ()):
        check_metric(child)
    if trigger["type"] == "metric":
        parsed = MetricTrigger.model_validate(trigger)
        _find_metric(parsed)
        _build_criteria(parsed)


async def evaluate_metrics(
    tx: Transaction, known: KnownTriggers, due: Mapping[UUID, list[UUID]], at: datetime
) -> firings.NewJobs:
    """Take the values of metrics, fire or resolve the triggers that watch them, and return the jobs of their actions.

    Args:
        tx: The transaction.
        known: The triggers.
        due: The triggers to evaluate, by automation.
        at: The present.
    """
    fired: list[tuple[UUID, UUID, Firing]] = []
    for automation_id, trigger_ids in due.items():
        tree = known.trees.get(automation_id)
        for trigger_id in trigger_ids:
            if tree is not None and trigger_id in tree.nodes:
                fired += await _evaluate(tx, tree, trigger_id, at)
    return await firings.add_firings(tx, fired) if fired else firings.NewJobs()


async def _evaluate(
    tx: Transaction, tree: TriggerTree, trigger_id: UUID, at: datetime
) -> list[tuple[UUID, UUID, Firing]]:
    trigger = cast(MetricTrigger, tree.nodes[trigger_id].trigger)
    key = tree.key(trigger_id, {})
    buckets: Buckets = dict.fromkeys((key, *tree.find_keys_above(trigger_id)))
    for row in (await store.buckets.get_many(tx, [one.id for one in buckets], lock=True)).values():
        buckets[bucket_rows.read_key(row)] = bucket_rows.from_row(row)
    before = dict(buckets)
    step = observe_value(trigger, buckets[key], await compute_value(tx, trigger, at), at)
    buckets[key] = step.bucket
    found: list[Firing] = []
    if step.firing is not None and not step.firing.resolved:
        found = tree.fire(trigger_id, step.firing, buckets)
    elif step.firing is not None and tree.root.id == trigger_id:
        found = [step.firing]
    await _save(tx, tree, before, buckets)
    return [(tree.automation_id, tree.root.id, firing) for firing in found]


async def _save(tx: Transaction, tree: TriggerTree, before: Buckets, after: Buckets) -> None:
    changed: dict[BucketKey, Any] = {key: bucket for key, bucket in after.items() if bucket is not before[key]}
    rows = [
        bucket_rows.to_row(key, tree.nodes[key.trigger_id].trigger, bucket)
        for key, bucket in changed.items()
        if bucket is not None
    ]
    await bucket_rows.save(tx, rows, [key.id for key, bucket in changed.items() if bucket is None])


async def compute_value(tx: Transaction, trigger: MetricTrigger, at: datetime) -> float | None:
    """Return the value of a trigger's metric: a percentage for successes, else seconds; None without runs."""
    criteria = reading.compile_criteria(tx, store.flow_runs, **_build_criteria(trigger))
    where: Condition = store.flow_runs.where(history.since(at - trigger.metric.range), criteria)
    metric = _find_metric(trigger)
    if metric is PrefectMetric.successes:
        return await history.compute_success_percentage(tx, where)
    if metric is PrefectMetric.duration:
        return await history.compute_average_duration(tx, where)
    return await history.compute_average_lateness(tx, where)


def _find_metric(trigger: MetricTrigger) -> PrefectMetric:
    name = trigger.metric.name
    try:
        return PrefectMetric(name)
    except ValueError:
        known = ", ".join(metric.value for metric in PrefectMetric)
        raise InvalidRequest(f"There is no metric {name!r}: use {known}.") from None


# --- which runs ------------------------------------------------------------------------------------------------------


def _build_criteria(trigger: MetricTrigger) -> dict[str, Any]:
    """Return the filters of the flow runs that a trigger selects."""
    related = trigger.match_related if isinstance(trigger.match_related, list) else [trigger.match_related]
    criteria: dict[str, dict[str, Any]] = {}
    for kind, ids in _find_selected([trigger.match, *related]):
        if kind == "tag":
            criteria.setdefault("flow_runs", {})["tags"] = {"any_": ids}
        else:
            criteria.setdefault(_FILTERS[kind][0], {})["id"] = {"any_": ids}
    schemas = dict(_FILTERS.values())
    return {name: schemas[name].model_validate(values) for name, values in criteria.items()}


def _find_selected(matches: list[Match]) -> Iterator[tuple[str, list[str]]]:
    """Iterate over the kinds of resources that matches select, each with the ids."""
    for match in matches:
        specification = (
            match if isinstance(match, ResourceSpecification) else ResourceSpecification.model_validate(match)
        )
        values = dict(specification.items())
        values.pop(_ROLE, None)
        ids = values.pop(_ID, [])
        if values or any(not id_.startswith("prefect.") and id_ != "*" for id_ in ids):
            raise InvalidRequest(
                "A metric trigger selects flow runs by `prefect.resource.id`: that of flow runs, flows, deployments, "
                "tags, work queues or work pools."
            )
        by_kind: dict[str, list[str]] = {}
        for id_ in ids:
            kind, _, rest = id_.removeprefix("prefect.").partition(".")
            if rest in ("*", "") or (rest.endswith("*") and kind == "tag"):
                continue
            by_kind.setdefault(kind, []).append(_check_id(kind, rest))
        if len(by_kind) > 1:
            raise InvalidRequest("A metric trigger selects flow runs by one kind of resource in each match.")
        yield from by_kind.items()


def _check_id(kind: str, id_: str) -> str:
    if kind == "tag":
        return id_
    if kind not in _FILTERS:
        raise InvalidRequest(f"A metric trigger cannot select flow runs by a resource of the kind {kind!r}.")
    try:
        return str(UUID(id_))
    except ValueError:
        raise InvalidRequest(f"{id_!r} is not the id of a {kind!r}: pass a UUID.") from None
