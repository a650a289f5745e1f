"""Metric triggers: when a metric beyond its threshold fires them, and when they are resolved."""

from __future__ import annotations

import pytest

from prefect.schemas.automations import MetricTrigger
from prefect.triggers.buckets import Bucket
from prefect.triggers.metrics import observe_value
from tests.triggers.test_event_triggers import START, at


@pytest.mark.parametrize(
    ("operator", "values", "fired"),
    [
        ("<", "0:80 200:80 300:80 400:70 500:95", [("fired", 300.0), ("resolved", 500.0)]),
        ("<", "0:80 299:95 400:80 600:80", []),
        (">", "0:91 300:90 301:91 601:92", [("fired", 601.0)]),
        ("<=", "0:90 300:90", [("fired", 300.0)]),
        (">=", "0:- 300:90 600:90 700:-", [("fired", 600.0), ("resolved", 700.0)]),
    ],
)
def test_metric_trigger_fires_once_it_was_beyond_its_threshold_for_long_enough(
    operator: str, values: str, fired: list[tuple[str, float]]
) -> None:
    metric = {"name": "successes", "threshold": 90, "operator": operator, "firing_for": 300}
    trigger = MetricTrigger.model_validate({"metric": metric})
    bucket: Bucket | None = None
    found: list[tuple[str, float]] = []
    for time, _, value in (one.partition(":") for one in values.split()):
        bucket, firing = observe_value(trigger, bucket, None if value == "-" else float(value), at(float(time)))
        if firing is not None:
            found.append(("resolved" if firing.resolved else "fired", (firing.at - START).total_seconds()))
    assert found == fired
