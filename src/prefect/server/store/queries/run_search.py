"""Conditions on flow runs and task runs of the query language that the web page's address and the API share.

`services.pages.run_list.run_query` parses the text; this module only turns its terms into SQL.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from prefect.server.db.dialect import Dialect
from prefect.server.db.interface import Transaction
from prefect.server.db.sql import Sql, all_of, any_of, one_of
from prefect.server.store import Collection, Condition
from prefect.types import now


@dataclass(frozen=True)
class Term:
    """One term of a query.

    Attributes:
        field: What it is about.
        values: The values of which one must match: texts, ids, times or durations, as the field has it.
        negated: Whether none of them may match.
        exact: Whether a text must equal the value instead of containing it.
        operator: For durations, `>` or `<`.
    """

    field: str
    values: tuple[Any, ...]
    negated: bool = False
    exact: bool = False
    operator: str = ""


def compile_terms(tx: Transaction, runs: Collection, terms: tuple[Term, ...]) -> Condition:
    """Return the condition of terms for the flow runs or the task runs."""
    parts: list[Sql] = []
    for term in terms:
        compile_field = _COMPILERS[runs.table.name][term.field]
        condition = any_of([compile_field(tx.dialect, term, value) for value in term.values])
        # A condition on a null is neither true nor false.
        parts.append(
            Sql(f"NOT coalesce({condition.text}, {_FALSE[tx.dialect.name]})", condition.values)
            if term.negated
            else condition
        )
    return all_of(parts)


_FALSE = {"sqlite": "0", "postgresql": "FALSE"}

FieldCompiler = Callable[[Dialect, Term, Any], Sql]


def _text(column: str) -> FieldCompiler:
    def compile_field(dialect: Dialect, term: Term, value: Any) -> Sql:
        if term.exact:
            return Sql(f"{column} = ?", (value,))
        return dialect.contains(column, value)

    return compile_field


def _related(column: str, inner: str, name: str, id_: str) -> FieldCompiler:
    """Return the compiler of a field about a related object, by its name or its id."""
    by_name = _text(name)

    def compile_field(dialect: Dialect, term: Term, value: Any) -> Sql:
        condition = one_of(id_, [value]) if isinstance(value, UUID) else by_name(dialect, term, value)
        return Sql(f"{column} IN ({inner} WHERE {condition.text})", condition.values)

    return compile_field


def _state(table: str) -> FieldCompiler:
    def compile_field(_: Dialect, __: Term, value: Any) -> Sql:
        return Sql(f"({table}.state_type = ? OR lower({table}.state_name) = ?)", (value.upper(), value.lower()))

    return compile_field


def _tag(table: str) -> FieldCompiler:
    return lambda dialect, _, value: Sql(
        f"({table}.tags IS NOT NULL AND {(found := dialect.array_has_any(f'{table}.tags', [value])).text})",
        found.values,
    )


def run_seconds(dialect: Dialect, table: str) -> Sql:
    """Return the seconds that a run has been running, up to now if it still runs."""
    total, since = dialect.seconds(f"{table}.total_run_time"), dialect.seconds(f"{table}.state_timestamp")
    return Sql(
        f"(coalesce({total}, 0) + CASE WHEN {table}.state_type = 'RUNNING' THEN ? - {since} ELSE 0 END)",
        (now().timestamp(),),
    )


def _duration(table: str) -> FieldCompiler:
    def compile_field(dialect: Dialect, term: Term, value: timedelta) -> Sql:
        seconds = run_seconds(dialect, table)
        comparison = "<" if term.operator == "<" else ">"
        return Sql(
            f"({table}.start_time IS NOT NULL AND {seconds.text} {comparison} ?)",
            (*seconds.values, value.total_seconds()),
        )

    return compile_field


def _time(expression: str, comparison: str) -> FieldCompiler:
    def compile_field(_: Dialect, __: Term, value: datetime) -> Sql:
        return Sql(f"{expression} {comparison} ?", (value,))

    return compile_field


def _error(table: str) -> FieldCompiler:
    def compile_field(dialect: Dialect, _: Term, value: str) -> Sql:
        found = dialect.contains(f"CAST({table}.states AS TEXT)", value)
        return Sql(f"({table}.state_type IN ('FAILED', 'CRASHED') AND {found.text})", found.values)

    return compile_field


def _parameter(dialect: Dialect, _: Term, value: tuple[str, str]) -> Sql:
    """Return the condition that a parameter has a value; both are JSON, as they are stored."""
    name, wanted = value
    texts = [f"{name}:{form}{end}" for form in dict.fromkeys((wanted, f'"{wanted}"')) for end in ",}"]
    return any_of(dialect.contains("CAST(flow_run.parameters AS TEXT)", text) for text in texts)


def _word(table: str, *columns: str) -> FieldCompiler:
    """Return the compiler of a word without a field: a part of a name, or an id."""

    def compile_field(dialect: Dialect, _: Term, value: Any) -> Sql:
        if isinstance(value, UUID):
            return one_of(f"{table}.id", [value])
        flow = dialect.contains("flow.name", value)
        found = [dialect.contains(column, value) for column in columns]
        if table == "flow_run":
            found.append(Sql(f"flow_run.flow_id IN (SELECT flow.id FROM flow WHERE {flow.text})", flow.values))
        return any_of(found)

    return compile_field


def _subflow(_: Dialect, __: Term, value: bool) -> Sql:
    return Sql(f"flow_run.parent_task_run_id IS {'NOT ' if value else ''}NULL")


def _parent_run(dialect: Dialect, term: Term, value: Any) -> Sql:
    """Return the condition for subflow runs by the name or the id of the flow run that called them.

    By a name, the parent of each subflow run is looked up: they are fewer than the task runs of all runs of that name.
    """
    if isinstance(value, UUID):
        tasks = one_of("task_run.flow_run_id", [value])
        return Sql(
            f"flow_run.parent_task_run_id IN (SELECT task_run.id FROM task_run WHERE {tasks.text})", tasks.values
        )
    named = _text("parent.name")(dialect, term, value)
    parent = "task_run JOIN flow_run AS parent ON parent.id = task_run.flow_run_id"
    return Sql(
        "(flow_run.parent_task_run_id IS NOT NULL AND EXISTS"
        f" (SELECT 1 FROM {parent} WHERE task_run.id = flow_run.parent_task_run_id AND {named.text}))",
        named.values,
    )


_QUEUES = "SELECT work_queue.id FROM work_queue JOIN work_pool ON work_pool.id = work_queue.work_pool_id"
_TASK_STARTED = "coalesce(task_run.start_time, task_run.expected_start_time)"
_FLOW_STARTED = "coalesce(flow_run.start_time, flow_run.expected_start_time)"

_COMPILERS: dict[str, dict[str, FieldCompiler]] = {
    "flow_run": {
        "state": _state("flow_run"),
        "flow": _related("flow_run.flow_id", "SELECT flow.id FROM flow", "flow.name", "flow.id"),
        "deployment": _related(
            "flow_run.deployment_id", "SELECT deployment.id FROM deployment", "deployment.name", "deployment.id"
        ),
        "pool": _related("flow_run.work_queue_id", _QUEUES, "work_pool.name", "work_pool.id"),
        "queue": _related("flow_run.work_queue_id", _QUEUES, "work_queue.name", "work_queue.id"),
        "tag": _tag("flow_run"),
        "name": _text("flow_run.name"),
        "word": _word("flow_run", "flow_run.name"),
        "since": _time(_FLOW_STARTED, ">="),
        "until": _time(_FLOW_STARTED, "<"),
        "duration": _duration("flow_run"),
        "error": _error("flow_run"),
        "param": _parameter,
        "subflow": _subflow,
        "run": _parent_run,
    },
    "task_run": {
        "state": _state("task_run"),
        "flow": _related(
            "task_run.flow_run_id",
            "SELECT flow_run.id FROM flow_run JOIN flow ON flow.id = flow_run.flow_id",
            "flow.name",
            "flow.id",
        ),
        "run": _related("task_run.flow_run_id", "SELECT flow_run.id FROM flow_run", "flow_run.name", "flow_run.id"),
        "tag": _tag("task_run"),
        "name": _text("task_run.name"),
        "word": _word("task_run", "task_run.name"),
        "since": _time(_TASK_STARTED, ">="),
        "until": _time(_TASK_STARTED, "<"),
        "duration": _duration("task_run"),
        "error": _error("task_run"),
    },
}

FIELDS = {table: frozenset(fields) for table, fields in _COMPILERS.items()}
"""The fields that terms may be about, by table."""
