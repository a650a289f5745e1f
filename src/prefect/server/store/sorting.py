"""The sorts of `prefect.schemas.sorting` as SQL. Every order ends in the id, so that pages never overlap.

Nulls come before all values, and last where the sort descends: databases differ in it, so every order says it.
"""

from __future__ import annotations

from typing import Any

from prefect.server.db.dialect import Dialect
from prefect.server.db.schema import tables
from prefect.server.store.collection import Order, sort_expression

_STARTED = "coalesce(flow_run.start_time, flow_run.expected_start_time)"

_RUN_TIME = "{run time}"
"""Placeholder for the expression of `_run_time`, which differs between dialects."""

_TYPE_OF_BLOCK = "(SELECT block_type.name FROM block_type WHERE block_type.id = block_document.block_type_id)"


def compile_order(dialect: Dialect, table: str, sort: Any, default: str) -> Order:
    """Return the order that a sort names.

    Args:
        dialect: The database's dialect.
        table: The table that is queried.
        sort: A member of its sort enumeration, its name, or None for the default.
        default: The name of the sort to use without one.

    Raises:
        ValueError: The table has no such sort.
    """
    name = default if sort is None else getattr(sort, "value", sort)
    try:
        return Order(_ORDERS[table][name].replace(_RUN_TIME, _run_time(dialect)))
    except KeyError:
        raise ValueError(f"{table} cannot be sorted by {name!r}: use one of {', '.join(_ORDERS[table])}.") from None


def _run_time(dialect: Dialect) -> str:
    """Return the seconds that a task run has been running, up to now if it still runs."""
    total, since = dialect.seconds("task_run.total_run_time"), dialect.seconds("task_run.state_timestamp")
    running = f"CASE WHEN task_run.state_type = 'RUNNING' THEN {dialect.now_seconds} - {since} ELSE 0 END"
    return f"(coalesce({total}, 0) + {running})"


def _orders(table: str, names: str, **own: str) -> dict[str, str]:
    orders: dict[str, str] = {}
    for name in names.split():
        column, _, direction = name.rpartition("_")
        required = column not in own and column.lower() in _REQUIRED[table]
        first = sort_expression(own.get(column, f"{table}.{column.lower()}"), direction == "DESC", required)
        orders[name] = first if column == "ID" else f"{first}, {table}.id {direction}"
    return orders


_REQUIRED = {table.name: table.required for table in tables.TABLES}


_ORDERS = {
    "flow": _orders("flow", "CREATED_DESC UPDATED_DESC NAME_ASC NAME_DESC"),
    "flow_run": _orders(
        "flow_run",
        "ID_DESC START_TIME_ASC START_TIME_DESC EXPECTED_START_TIME_ASC EXPECTED_START_TIME_DESC NAME_ASC NAME_DESC "
        "NEXT_SCHEDULED_START_TIME_ASC END_TIME_DESC",
        START_TIME=_STARTED,
    ),
    "task_run": _orders(
        "task_run",
        "ID_DESC EXPECTED_START_TIME_ASC EXPECTED_START_TIME_DESC NAME_ASC NAME_DESC NEXT_SCHEDULED_START_TIME_ASC "
        "END_TIME_DESC DURATION_DESC DURATION_ASC",
        DURATION=_RUN_TIME,
    ),
    "deployment": _orders("deployment", "CREATED_DESC UPDATED_DESC NAME_ASC NAME_DESC"),
    "work_pool": _orders("work_pool", "NAME_ASC"),
    "work_queue": _orders("work_queue", "NAME_ASC PRIORITY_ASC"),
    "worker": _orders("worker", "LAST_HEARTBEAT_TIME_DESC"),
    "log": _orders("log", "TIMESTAMP_ASC TIMESTAMP_DESC"),
    "artifact": _orders("artifact", "CREATED_DESC UPDATED_DESC ID_DESC KEY_DESC KEY_ASC"),
    "variable": _orders("variable", "CREATED_DESC UPDATED_DESC NAME_DESC NAME_ASC"),
    "automation": _orders("automation", "CREATED_DESC UPDATED_DESC NAME_ASC NAME_DESC"),
    "saved_search": _orders("saved_search", "NAME_ASC"),
    "observed_state": _orders("observed_state", "NAME_ASC LAST_SEEN_DESC", NAME="observed_state.state_name"),
    "concurrency_limit": _orders("concurrency_limit", "NAME_ASC"),
    "block_type": _orders("block_type", "NAME_ASC"),
    "block_schema": _orders("block_schema", "CREATED_DESC"),
    "block_document": {
        **_orders("block_document", "NAME_DESC NAME_ASC"),
        "BLOCK_TYPE_AND_NAME_ASC": f"{_TYPE_OF_BLOCK} ASC, block_document.name ASC, block_document.id ASC",
    },
}
