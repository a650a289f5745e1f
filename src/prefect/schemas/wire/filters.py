# pyright: reportIncompatibleVariableOverride=false, reportGeneralTypeIssues=false
"""The filters of the REST API as the server validates them: unknown fields are errors, and some have more conditions.

A strict filter differs from one of `schemas` in that unknown fields are errors, in nested filters as well. Filters with
conditions of their own are declared below with the filter that they replace; the others are in a table.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, Union, get_args
from uuid import UUID

from pydantic import Field

from prefect.schemas import event_filters, filters
from prefect.schemas.base import PrefectBaseModel
from prefect.schemas.filters.base import Between, OperatorMixin
from prefect.schemas.work import WorkerStatus

Model = TypeVar("Model", bound=PrefectBaseModel)


_STRICT: dict[type[PrefectBaseModel], type[PrefectBaseModel]] = {}
"""The strict filters, by the filters of `schemas` that they replace."""


def strict(model: type[Model]) -> type[Model]:
    """Return the strict version of a filter, with the strict versions of the filters nested in it."""
    if model in _STRICT:
        return _STRICT[model]  # pyright: ignore[reportReturnType]  # a subclass of it
    nested = {name: _strict_annotation(field.annotation) for name, field in model.model_fields.items()}
    fields = {name: field for name, field in model.model_fields.items() if nested[name] is not None}
    if not fields and model.model_config.get("extra") == "forbid":
        return model
    body: dict[str, Any] = {
        "__module__": __name__,
        "__doc__": model.__doc__,
        "__annotations__": {name: nested[name] for name in fields},
        "model_config": {"extra": "forbid"},
        **fields,
    }
    made = _STRICT[model] = type(model)(model.__name__, (model,), body)
    return made


def replaces(model: type[PrefectBaseModel]) -> Callable[[type[Model]], type[Model]]:
    """Declare a class as the strict version of a filter of `schemas`."""

    def declare(replacement: type[Model]) -> type[Model]:
        made = _STRICT[model] = strict(replacement)
        return made

    return declare


def _strict_annotation(annotation: Any) -> Any:
    """Return a type with strict filters in it; None if it has no filters to replace."""
    if isinstance(annotation, type) and issubclass(annotation, PrefectBaseModel):
        replacement = strict(annotation)
        return None if replacement is annotation else replacement
    parts = get_args(annotation)
    replaced = [_strict_annotation(part) for part in parts]
    if not any(part is not None for part in replaced):
        return None
    return Union[tuple(new or old for new, old in zip(replaced, parts, strict=True))]  # noqa: UP007  # made at run time


_LAZY_CLASSES = {
    filters: (
        "ArtifactCollectionFilter ArtifactCollectionFilterFlowRunId ArtifactCollectionFilterKey "
        "ArtifactCollectionFilterLatestId ArtifactCollectionFilterTaskRunId ArtifactCollectionFilterType "
        "ArtifactFilter ArtifactFilterFlowRunId ArtifactFilterId ArtifactFilterKey ArtifactFilterTaskRunId "
        "ArtifactFilterType BlockDocumentFilterBlockTypeId BlockDocumentFilterId BlockDocumentFilterName "
        "BlockSchemaFilter BlockSchemaFilterBlockTypeId BlockSchemaFilterCapabilities BlockSchemaFilterId "
        "BlockSchemaFilterVersion BlockTypeFilter BlockTypeFilterName BlockTypeFilterSlug "
        "DeploymentFilterConcurrencyLimit DeploymentFilterId DeploymentFilterName DeploymentFilterTags "
        "DeploymentFilterWorkQueueName FlowFilterName FlowFilterTags FlowRunFilter LogFilter LogFilterFlowRunId "
        "LogFilterLevel LogFilterTextSearch LogFilterTimestamp TaskRunFilterEndTime TaskRunFilterId "
        "TaskRunFilterName TaskRunFilterStartTime TaskRunFilterState TaskRunFilterStateName TaskRunFilterStateType "
        "TaskRunFilterSubFlowRuns TaskRunFilterTags VariableFilter VariableFilterId VariableFilterName "
        "VariableFilterTags WorkPoolFilter WorkPoolFilterId WorkPoolFilterName WorkPoolFilterType WorkQueueFilter "
        "WorkQueueFilterId WorkQueueFilterName WorkerFilter WorkerFilterLastHeartbeatTime"
    ),
    event_filters: ("AutomationFilterCreated AutomationFilterId AutomationFilterName"),
}
"""The filters of `schemas` whose strict versions have no conditions of their own. All of them would slow down every
command, so each is made when it is first used."""
_MODULES = {name: module for module, names in _LAZY_CLASSES.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    made = globals()[name] = strict(getattr(_MODULES[name], name))
    return made


# --- filters with conditions of their own ----------------------------------------------------------------------------


@replaces(filters.FlowFilterId)
class FlowFilterId(filters.FlowFilterId):
    """Selects flows by their ids."""

    not_any_: list[UUID] | None = None


@strict
class FlowFilterDeployment(PrefectBaseModel, OperatorMixin):
    """Selects flows by whether they have deployments."""

    is_null_: bool | None = None


@replaces(filters.FlowFilter)
class FlowFilter(filters.FlowFilter):
    """Selects flows."""

    deployment: FlowFilterDeployment | None = None


@strict
class TaskRunFilterExpectedStartTime(Between):
    """Selects task runs by their expected start time."""


@replaces(filters.TaskRunFilterFlowRunId)
class TaskRunFilterFlowRunId(filters.TaskRunFilterFlowRunId, OperatorMixin):
    """Selects task runs by the flow run they belong to."""

    is_null_: bool | None = False


@replaces(filters.TaskRunFilter)
class TaskRunFilter(filters.TaskRunFilter):
    """Selects task runs."""

    expected_start_time: TaskRunFilterExpectedStartTime | None = None


@strict
class DeploymentFilterPaused(PrefectBaseModel):
    """Selects deployments by whether they are paused."""

    eq_: bool | None = None


@strict
class DeploymentOrFlowNameFilter(PrefectBaseModel):
    """Selects deployments by their name or that of their flow."""

    like_: str | None = None


@replaces(filters.DeploymentFilter)
class DeploymentFilter(filters.DeploymentFilter):
    """Selects deployments."""

    paused: DeploymentFilterPaused | None = None
    flow_or_deployment_name: DeploymentOrFlowNameFilter | None = None
    concurrency_limit: filters.DeploymentFilterConcurrencyLimit | None = Field(default=None, deprecated=True)


@replaces(filters.LogFilterTaskRunId)
class LogFilterTaskRunId(filters.LogFilterTaskRunId):
    """Selects logs by the task run they belong to."""

    is_null_: bool | None = None


@replaces(filters.WorkerFilterStatus)
class WorkerFilterStatus(filters.WorkerFilterStatus):
    """Selects workers by their status."""

    any_: list[WorkerStatus] | None = None
    not_any_: list[WorkerStatus] | None = None


@replaces(filters.BlockDocumentFilterIsAnonymous)
class BlockDocumentFilterIsAnonymous(filters.BlockDocumentFilterIsAnonymous):
    """Selects block documents by whether they are anonymous."""


@replaces(filters.BlockDocumentFilter)
class BlockDocumentFilter(filters.BlockDocumentFilter):
    """Selects block documents; without a condition on it, those that are not anonymous."""

    is_anonymous: BlockDocumentFilterIsAnonymous | None = Field(default=BlockDocumentFilterIsAnonymous(eq_=False))


@replaces(event_filters.AutomationFilterTags)
class AutomationFilterTags(event_filters.AutomationFilterTags, OperatorMixin):
    """Selects automations by their tags: all of them, any of them, or whether there are none."""


@replaces(event_filters.AutomationFilter)
class AutomationFilter(event_filters.AutomationFilter, OperatorMixin):
    """Selects automations."""
