"""Filters on related objects, which the operations that read flows, deployments and runs have in common."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar

if TYPE_CHECKING:
    from prefect.schemas import filters

F = TypeVar("F", bound=Callable[..., Any])


class RunRelatedFilters(TypedDict, total=False):
    """Filters on the objects that task runs are related to.

    Attributes:
        flow_filter: What the flow must satisfy.
        flow_run_filter: What the flow run, or one of the flow runs, must satisfy.
        task_run_filter: What the task run, or one of the task runs, must satisfy.
        deployment_filter: What the deployment, or one of the deployments, must satisfy.
    """

    flow_filter: filters.FlowFilter | None
    flow_run_filter: filters.FlowRunFilter | None
    task_run_filter: filters.TaskRunFilter | None
    deployment_filter: filters.DeploymentFilter | None


class RelatedFilters(RunRelatedFilters, total=False):
    """Filters on the objects that flows, deployments and flow runs are related to.

    Attributes:
        work_pool_filter: What the work pool of the deployment or the flow run must satisfy.
        work_queue_filter: What the work queue of the deployment or the flow run must satisfy.
    """

    work_pool_filter: filters.WorkPoolFilter | None
    work_queue_filter: filters.WorkQueueFilter | None


class Page(TypedDict, total=False):
    """One page of the objects that satisfy all filters.

    Attributes:
        limit: How many at most; 200 if None.
        offset: How many to skip first.
    """

    limit: int | None
    offset: int


class PagedRunFilters(RunRelatedFilters, Page, total=False):
    """Filters on the objects that task runs are related to, and a page of the task runs."""


class PagedFilters(RelatedFilters, Page, total=False):
    """Filters on the objects that flows, deployments and flow runs are related to, and a page of these."""


NAMES_IN_API = {
    "flow_filter": "flows",
    "flow_run_filter": "flow_runs",
    "task_run_filter": "task_runs",
    "deployment_filter": "deployments",
    "work_pool_filter": "work_pools",
    "work_queue_filter": "work_pool_queues",
}


_PAGE_DEFAULTS = {"limit": None, "offset": 0}


def shows_filters(kind: type[RunRelatedFilters]) -> Callable[[F], F]:
    """Show the filters that a method takes as `**filters` in its signature, for `help` and for editors."""

    def show(method: F) -> F:
        signature = inspect.signature(method)
        parameters = {
            name: value for name, value in signature.parameters.items() if value.kind is not value.VAR_KEYWORD
        }
        shown = {
            name: inspect.Parameter(
                name,
                inspect.Parameter.KEYWORD_ONLY,
                default=_PAGE_DEFAULTS.get(name),
                annotation=hint.__forward_arg__,
            )
            for name, hint in kind.__annotations__.items()
        }
        page = [shown.pop(name) for name in _PAGE_DEFAULTS if name in shown]
        positional = [each for each in parameters.values() if each.kind is not each.KEYWORD_ONLY]
        named = [each for each in parameters.values() if each.kind is each.KEYWORD_ONLY]
        method.__signature__ = signature.replace(parameters=[*positional, *shown.values(), *named, *page])  # pyright: ignore[reportFunctionMemberAccess]
        return method

    return show
