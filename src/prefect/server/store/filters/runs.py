"""Filters on flows, runs and logs as SQL."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from prefect.server.db.dialect import Dialect
from prefect.server.db.sql import TRUE, Sql, one_of
from prefect.server.store import text
from prefect.server.store.filters.core import OPERATORS, FieldCompiler, column, combine, iterate_fields, tags

_POOL_OF_QUEUE = "work_queue JOIN work_pool ON work_pool.id = work_queue.work_pool_id"

LINKS = {
    ("flow", "flow_run"): "flow.id IN (SELECT flow_run.flow_id FROM flow_run WHERE {})",
    ("flow", "task_run"): "flow.id IN (SELECT flow_run.flow_id FROM flow_run JOIN task_run"
    " ON task_run.flow_run_id = flow_run.id WHERE {})",
    ("flow", "deployment"): "flow.id IN (SELECT deployment.flow_id FROM deployment WHERE {})",
    ("flow", "work_pool"): f"flow.id IN (SELECT deployment.flow_id FROM {_POOL_OF_QUEUE}"
    " JOIN deployment ON deployment.work_queue_id = work_queue.id WHERE {})",
    ("flow_run", "flow"): "flow_run.flow_id IN (SELECT flow.id FROM flow WHERE {})",
    ("flow_run", "task_run"): "flow_run.id IN (SELECT task_run.flow_run_id FROM task_run WHERE {})",
    ("flow_run", "deployment"): "flow_run.deployment_id IN (SELECT deployment.id FROM deployment WHERE {})",
    ("flow_run", "work_queue"): "flow_run.work_queue_id IN (SELECT work_queue.id FROM work_queue WHERE {})",
    ("flow_run", "work_pool"): f"flow_run.work_queue_id IN (SELECT work_queue.id FROM {_POOL_OF_QUEUE} WHERE {{}})",
    ("task_run", "flow"): "task_run.flow_run_id IN (SELECT flow_run.id FROM flow_run JOIN flow"
    " ON flow.id = flow_run.flow_id WHERE {})",
    ("task_run", "flow_run"): "task_run.flow_run_id IN (SELECT flow_run.id FROM flow_run WHERE {})",
    ("task_run", "deployment"): "task_run.flow_run_id IN (SELECT flow_run.id FROM flow_run JOIN deployment"
    " ON deployment.id = flow_run.deployment_id WHERE {})",
    ("task_run", "work_queue"): "task_run.flow_run_id IN (SELECT flow_run.id FROM flow_run JOIN work_queue"
    " ON work_queue.id = flow_run.work_queue_id WHERE {})",
    ("task_run", "work_pool"): f"task_run.flow_run_id IN (SELECT flow_run.id FROM {_POOL_OF_QUEUE}"
    " JOIN flow_run ON flow_run.work_queue_id = work_queue.id WHERE {})",
}


def _state(table: str) -> FieldCompiler:
    type_, name = column(f"{table}.state_type"), column(f"{table}.state_name")

    def compile_field(dialect: Dialect, criteria: Any) -> Sql:
        compilers = {"type": type_, "name": name}
        return combine(criteria, (compilers[field](dialect, value) for field, value in iterate_fields(criteria)))

    return compile_field


def _created_by(dialect: Dialect, criteria: Any) -> Sql:
    """Return the condition on a run's creator, whose id and type are read from JSON because filters on it are rare."""

    def part(name: str, value: Any) -> Sql:
        if name == "is_null_":
            return OPERATORS[name](dialect, "flow_run.created_by", value)
        return one_of(dialect.json_field("flow_run.created_by", name.rstrip("_")), [str(item) for item in value])

    return combine(criteria, (part(name, value) for name, value in iterate_fields(criteria)))


def _parent_flow_run(_: Dialect, criteria: Any) -> Sql:
    condition = one_of("task_run.flow_run_id", criteria.any_) if criteria.any_ is not None else TRUE
    return Sql(
        f"flow_run.parent_task_run_id IN (SELECT task_run.id FROM task_run WHERE {condition.text})", condition.values
    )


def _has_subflow(_: Dialect, criteria: Any) -> Sql:
    if criteria.exists_ is None:
        return TRUE
    negation = "" if criteria.exists_ else "NOT "
    return Sql(f"{negation}EXISTS (SELECT 1 FROM flow_run AS sub WHERE sub.parent_task_run_id = task_run.id)")


def _deployed_flow(_: Dialect, criteria: Any) -> Sql:
    """Return the condition for flows with or without deployments."""
    if criteria.is_null_ is None:
        return TRUE
    negation = "NOT " if criteria.is_null_ else ""
    return Sql(f"{negation}EXISTS (SELECT 1 FROM deployment WHERE deployment.flow_id = flow.id)")


def _flow_run_of_task(dialect: Dialect, criteria: Any) -> Sql:
    """Return the condition on a task run's flow run; `is_null_: false` is ignored where `any_` is set."""
    if criteria.is_null_:
        return Sql("task_run.flow_run_id IS NULL")
    if criteria.any_ is not None:
        return one_of("task_run.flow_run_id", criteria.any_)
    return Sql("task_run.flow_run_id IS NOT NULL") if criteria.is_null_ is False else TRUE


def _log_text(dialect: Dialect, criteria: Any) -> Sql:
    return text.compile_text_query(dialect, ("log.message", "log.name"), criteria.query)


def _or_expected(operator: str) -> Callable[[Dialect, str, Any], Sql]:
    """Apply an operator to a flow run's start time, or its expected start time if it has not started."""
    compare = OPERATORS[operator]
    return lambda dialect, column, value: compare(dialect, f"COALESCE({column}, flow_run.expected_start_time)", value)


COMPILERS: dict[str, dict[str, FieldCompiler]] = {
    "FlowFilter": {
        "id": column("flow.id"),
        "name": column("flow.name"),
        "tags": tags("flow.tags"),
        "deployment": _deployed_flow,
    },
    "FlowRunFilter": {
        **{
            name: column(f"flow_run.{name}")
            for name in (
                *("id", "name", "deployment_id", "work_queue_name", "flow_version", "idempotency_key"),
                *("end_time", "expected_start_time", "next_scheduled_start_time", "parent_task_run_id"),
            )
        },
        "start_time": column("flow_run.start_time", before_=_or_expected("before_"), after_=_or_expected("after_")),
        "state": _state("flow_run"),
        "tags": tags("flow_run.tags"),
        "created_by": _created_by,
        "parent_flow_run_id": _parent_flow_run,
    },
    "TaskRunFilter": {
        **{
            name: column(f"task_run.{name}") for name in ("id", "name", "start_time", "end_time", "expected_start_time")
        },
        "flow_run_id": _flow_run_of_task,
        "state": _state("task_run"),
        "tags": tags("task_run.tags"),
        "subflow_runs": _has_subflow,
    },
    "LogFilter": {
        **{name: column(f"log.{name}") for name in ("level", "timestamp", "flow_run_id", "task_run_id")},
        "text": _log_text,
    },
}
