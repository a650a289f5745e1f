"""The filters by which operations choose flows, deployments, runs and work queues."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Annotated, Any, TypeAlias

from prefect.schemas.wire.filters import (
    DeploymentFilter,
    FlowFilter,
    FlowRunFilter,
    TaskRunFilter,
    WorkPoolFilter,
    WorkQueueFilter,
)
from prefect.server.routes.core.operation import BodyFields


@dataclass(frozen=True)
class RunCriteria:
    """Filters on related objects, of which each narrows what an operation counts, lists or changes.

    An operation has one parameter of this type, marked with `BodyFields`: each filter is a field of the body.
    """

    flows: FlowFilter | None = None
    flow_runs: FlowRunFilter | None = None
    task_runs: TaskRunFilter | None = None
    deployments: DeploymentFilter | None = None
    work_pools: WorkPoolFilter | None = None
    work_queues: WorkQueueFilter | None = None

    def as_filters(self) -> dict[str, Any]:
        """Return the filters that are set, by the names by which services take them."""
        values = ((item.name, getattr(self, item.name)) for item in fields(self))
        return {name: value for name, value in values if value is not None}


_TASK_RUNS = ("flows", "flow_runs", "task_runs", "deployments")
_FLOWS = (*_TASK_RUNS, "work_pools")
_FLOW_RUNS = (*_FLOWS, "work_queues")

TaskRunCriteria: TypeAlias = Annotated[RunCriteria, BodyFields(_TASK_RUNS)]
TaskRunCriteriaNotNull: TypeAlias = Annotated[RunCriteria, BodyFields(_TASK_RUNS, nullable=False)]
FlowCriteria: TypeAlias = Annotated[RunCriteria, BodyFields(_FLOWS)]
FlowCriteriaNotNull: TypeAlias = Annotated[RunCriteria, BodyFields(_FLOWS, nullable=False)]
FlowRunCriteria: TypeAlias = Annotated[RunCriteria, BodyFields(_FLOW_RUNS, aliases={"work_queues": "work_pool_queues"})]
FlowRunHistoryCriteria: TypeAlias = Annotated[RunCriteria, BodyFields(_FLOW_RUNS)]
DashboardCriteria: TypeAlias = Annotated[
    RunCriteria, BodyFields(tuple(name for name in _FLOW_RUNS if name != "task_runs"))
]
