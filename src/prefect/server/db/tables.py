"""The tables as they are now: each column's kind, each index and the query it serves.

How a kind is stored is the dialect's business; how an older file becomes this is the migrations'. A test holds the
migrations to what is declared here.

A run is one row. Its states are in it, as a JSON array in order of their timestamps, for three reasons: a task run
costs one row and one index entry where it would cost four and eight; whoever adds a state needs all of them to derive
the run's columns; and they are never asked for without the run. The newest state's type, name and time, which
filters ask for, are columns derived from them. `result` comes last, so that a scan need not read past it.

There are no foreign keys: records of several processes arrive in any order, and each key would cost a look-up a row.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

Kind = Literal["uuid", "text", "int", "float", "bool", "time", "duration", "json", "array", "object"]
"""`array` and `object` are JSON whose empty value is stored as null; any other JSON value is `json`."""


@dataclass(frozen=True)
class Column:
    """A column: its name, what it holds, and whether every row must have it."""

    name: str
    kind: Kind
    required: bool = False


@dataclass(frozen=True)
class Index:
    """An index on columns, of all rows or those that satisfy a condition in SQL."""

    name: str
    columns: tuple[str, ...]
    unique: bool = False
    where: str | None = None


@dataclass(frozen=True)
class Table:
    """A table, the column that identifies its rows, and its indexes."""

    name: str
    columns: tuple[Column, ...]
    key: str = "id"
    indexes: tuple[Index, ...] = ()

    @cached_property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    @cached_property
    def required(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns if column.required)

    @cached_property
    def kinds(self) -> dict[str, Kind]:
        return {column.name: column.kind for column in self.columns}


def _columns(kind: Kind, names: str) -> tuple[Column, ...]:
    """Several columns of one kind; a name that ends in `!` is required."""
    return tuple(Column(name.rstrip("!"), kind, name.endswith("!")) for name in names.split())


OPEN = "state_type NOT IN ('COMPLETED', 'FAILED', 'CANCELLED', 'CRASHED')"
"""Runs that have not finished, as the partial indexes have it: a query must say it in these words to use them."""

_DERIVED = (
    *_columns("text", "state_type state_name"),
    *_columns("time", "state_timestamp expected_start_time next_scheduled_start_time start_time end_time"),
    *_columns("duration", "total_run_time"),
    *_columns("int", "run_count"),
)
"""What `rules.advance` derives from a run's states."""

FLOW = Table(
    "flow",
    (
        *_columns("uuid", "id!"),
        *_columns("time", "created! updated!"),
        *_columns("text", "name!"),
        *_columns("array", "tags"),
        *_columns("object", "labels"),
    ),
    indexes=(Index("flow_by_name", ("name",), unique=True),),  # a flow by its name; no two of one name
)

FLOW_RUN = Table(
    "flow_run",
    (
        *_columns("uuid", "id!"),
        *_columns("time", "created! updated!"),
        *_columns("text", "name!"),
        *_columns("uuid", "flow_id! parent_task_run_id owner"),
        *_DERIVED,
        *_columns("text", "flow_version deployment_version work_queue_name idempotency_key infrastructure_pid"),
        *_columns("uuid", "deployment_id work_queue_id infrastructure_document_id"),
        *_columns("bool", "auto_scheduled"),
        *_columns("array", "tags"),
        *_columns("object", "labels parameters context empirical_policy"),
        *_columns("json", "job_variables created_by"),
        *_columns("array", "states"),
        *_columns("json", "result"),
    ),
    indexes=(
        Index("flow_run_by_flow", ("flow_id", "expected_start_time")),  # the runs of a flow, newest first
        Index("flow_run_by_expected_start", ("expected_start_time",)),  # `flow-run ls`, dashboards
        # The subflow behind a task run, and the subflows of a flow run.
        Index("flow_run_by_parent", ("parent_task_run_id",), where="parent_task_run_id IS NOT NULL"),
        Index("flow_run_open", ("owner",), where=OPEN),  # runs whose owner may be gone; what runs now
    ),
)

TASK_RUN = Table(
    "task_run",
    (
        *_columns("uuid", "id!"),
        *_columns("time", "created! updated!"),
        *_columns("text", "name!"),
        *_columns("uuid", "flow_run_id owner"),
        *_DERIVED,
        *_columns("text", "task_key! dynamic_key! task_version cache_key"),
        *_columns("time", "cache_expiration"),
        *_columns("int", "flow_run_run_count"),
        *_columns("array", "tags"),
        *_columns("object", "labels task_inputs empirical_policy"),
        *_columns("array", "states"),
        *_columns("json", "result"),
    ),
    indexes=(
        Index("task_run_by_flow_run", ("flow_run_id",)),  # the task runs of a flow run
        Index("task_run_open", ("owner",), where=OPEN),  # runs whose owner may be gone; what runs now
    ),
)

LOG = Table(
    "log",
    (
        *_columns("uuid", "id!"),
        *_columns("time", "timestamp!"),
        *_columns("text", "name! message!"),
        *_columns("int", "level!"),
        *_columns("uuid", "flow_run_id task_run_id"),
    ),
    indexes=(
        Index("log_by_flow_run", ("flow_run_id", "timestamp")),  # the log of a flow run in order
        # The log of a task run in order.
        Index("log_by_task_run", ("task_run_id", "timestamp"), where="task_run_id IS NOT NULL"),
    ),
)

ARTIFACT = Table(
    "artifact",
    (
        *_columns("uuid", "id!"),
        *_columns("time", "created! updated!"),
        *_columns("text", "key type description"),
        *_columns("json", "data metadata_"),
        *_columns("uuid", "flow_run_id task_run_id"),
    ),
    indexes=(
        Index("artifact_by_key", ("key", "created"), where="key IS NOT NULL"),  # the newest of a key
        Index("artifact_by_flow_run", ("flow_run_id",)),  # the artifacts of a flow run
    ),
)

PROCESS = Table(
    "process",
    (
        *_columns("uuid", "id!"),
        *_columns("int", "pid!"),
        *_columns("text", "start host!"),
        *_columns("time", "created!"),
    ),
)
"""The processes that own runs: who to ask whether an unfinished run still has somebody."""

SET_ASIDE = Table(
    "set_aside",
    (
        *_columns("uuid", "id! run_id"),
        *_columns("time", "created!"),
        *_columns("text", "reason! record!"),
    ),
    indexes=(Index("set_aside_by_run", ("run_id",), where="run_id IS NOT NULL"),),  # what waits for a run
)
"""Journal records that could not be applied, as they were, and why. Those with a `run_id` wait for that run."""

META = Table("meta", _columns("text", "key! value!"), key="key")
"""Facts about the database itself, for instance how far the journal has been applied."""

TABLES = (FLOW, FLOW_RUN, TASK_RUN, LOG, ARTIFACT, PROCESS, SET_ASIDE, META)
