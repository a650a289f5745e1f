# pyright: reportIncompatibleVariableOverride=false, reportGeneralTypeIssues=false
"""The filters as the server reads them: a condition that does not exist is an error, and some have more conditions.

What differs in strictness only is made by `strict` from the filters of `schemas`, each when it is asked for.
"""

from __future__ import annotations

from typing import Any, TypeVar, Union, get_args
from uuid import UUID

from pydantic import Field

from prefect.schemas import event_filters, filters
from prefect.schemas.base import PrefectBaseModel
from prefect.schemas.filters.base import OperatorMixin
from prefect.schemas.work import WorkerStatus
from prefect.types._annotated import AwareDateTime

Model = TypeVar("Model", bound=PrefectBaseModel)


def strict(model: type[Model]) -> type[Model]:
    """The filter as a class of the same name for which an unknown field is an error, also in the filters inside it."""
    fields = {name: field for name, field in model.model_fields.items() if _strict_type(field.annotation) is not None}
    if not fields and model.model_config.get("extra") == "forbid":
        return model
    body: dict[str, Any] = {
        "__module__": __name__,
        "__doc__": model.__doc__,
        "__annotations__": {name: _strict_type(field.annotation) for name, field in fields.items()},
        "model_config": {"extra": "forbid"},
        **fields,
    }
    return type(model)(model.__name__, (model,), body)


def _strict_type(annotation: Any) -> Any:
    """The type with strict filters in it; None if there are none to be replaced."""
    if isinstance(annotation, type) and issubclass(annotation, PrefectBaseModel):
        found = globals().get(annotation.__name__) or __getattr__(annotation.__name__)
        return None if found is annotation else found
    parts = get_args(annotation)
    replaced = [_strict_type(part) for part in parts]
    if not any(part is not None for part in replaced):
        return None
    return Union[tuple(new or old for new, old in zip(replaced, parts, strict=True))]  # noqa: UP007  # made at run time


def __getattr__(name: str) -> Any:
    model = getattr(event_filters, name, None) or getattr(filters, name, None)
    if not (isinstance(model, type) and issubclass(model, PrefectBaseModel)):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = strict(model)
    return found


# --- filters with conditions of their own ----------------------------------------------------------------------------


@strict
class FlowFilterId(filters.FlowFilterId):
    """Selects flows by their ids."""

    not_any_: list[UUID] | None = None


@strict
class FlowFilterDeployment(PrefectBaseModel, OperatorMixin):
    """Selects flows by whether they have deployments."""

    is_null_: bool | None = None


@strict
class FlowFilter(filters.FlowFilter):
    """Selects flows."""

    deployment: FlowFilterDeployment | None = None


@strict
class TaskRunFilterExpectedStartTime(PrefectBaseModel):
    """Selects task runs by their expected start time."""

    before_: AwareDateTime | None = None
    after_: AwareDateTime | None = None


@strict
class TaskRunFilterFlowRunId(filters.TaskRunFilterFlowRunId, OperatorMixin):
    """Selects task runs by the flow run they belong to."""

    is_null_: bool | None = False


@strict
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


@strict
class DeploymentFilter(filters.DeploymentFilter):
    """Selects deployments."""

    paused: DeploymentFilterPaused | None = None
    flow_or_deployment_name: DeploymentOrFlowNameFilter | None = None
    concurrency_limit: filters.DeploymentFilterConcurrencyLimit | None = Field(default=None, deprecated=True)


@strict
class LogFilterTaskRunId(filters.LogFilterTaskRunId):
    """Selects logs by the task run they belong to."""

    is_null_: bool | None = None


@strict
class WorkerFilterStatus(filters.WorkerFilterStatus):
    """Selects workers by their status."""

    any_: list[WorkerStatus] | None = None
    not_any_: list[WorkerStatus] | None = None


@strict
class BlockDocumentFilterIsAnonymous(filters.BlockDocumentFilterIsAnonymous):
    """Selects block documents by whether they are anonymous."""


@strict
class BlockDocumentFilter(filters.BlockDocumentFilter):
    """Selects block documents; without a condition on it, those that are not anonymous."""

    is_anonymous: BlockDocumentFilterIsAnonymous | None = Field(default=BlockDocumentFilterIsAnonymous(eq_=False))


@strict
class AutomationFilterTags(event_filters.AutomationFilterTags, OperatorMixin):
    """Selects automations by their tags: all of them, any of them, or whether there are none."""


@strict
class AutomationFilter(event_filters.AutomationFilter, OperatorMixin):
    """Selects automations."""
