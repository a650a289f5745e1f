"""Metric triggers: a metric beyond its threshold for long enough fires them, and back within it resolves them."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from prefect.schemas.automations import MetricTrigger, MetricTriggerOperator, MetricTriggerQuery
from prefect.triggers.buckets import Bucket
from prefect.triggers.occurrences import Firing

_OPERATORS: dict[MetricTriggerOperator, Callable[[float, float], bool]] = {
    MetricTriggerOperator.LT: operator.lt,
    MetricTriggerOperator.LTE: operator.le,
    MetricTriggerOperator.GT: operator.gt,
    MetricTriggerOperator.GTE: operator.ge,
}


class MetricStep(NamedTuple):
    """The result of a value of a metric: the bucket afterwards, if one is kept, and a firing."""

    bucket: Bucket | None
    firing: Firing | None = None


def observe_value(trigger: MetricTrigger, bucket: Bucket | None, value: float | None, at: datetime) -> MetricStep:
    """Return what a value of a trigger's metric leads to.

    Args:
        trigger: The trigger.
        bucket: What it remembers: since when the metric has been beyond the threshold.
        value: The value; None if there is none, which is never beyond the threshold.
        at: When the value was taken.
    """
    if value is None or not is_beyond(trigger.metric, value):
        resolved = bucket is not None and bucket.fired
        firing = Firing(at, bucket.start.isoformat(), resolved=True, value=value) if bucket and resolved else None
        return MetricStep(None, firing)
    bucket = bucket or Bucket(at, None)
    if bucket.fired or at - bucket.start < trigger.metric.firing_for:
        return MetricStep(bucket)
    return MetricStep(replace(bucket, fired=True), Firing(at, bucket.start.isoformat(), value=value))


def is_beyond(query: MetricTriggerQuery, value: float) -> bool:
    """Return whether a value satisfies the condition of a trigger."""
    return _OPERATORS[query.operator](value, query.threshold)
