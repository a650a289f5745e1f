"""Queries of the web page about one flow run: what failed in it, its logs by their position, its graph."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.db.schema.tables import STARTED
from prefect.server.db.sql import Sql, all_of
from prefect.server.store import Condition, Order, Row, Where

DEEP_OFFSET = 2000
"""Skipping more rows than this by reading them would cost more than two look-ups in the index."""

TRACEBACK = "Traceback (most recent call last)"


async def find_failed_task_runs(tx: Transaction, flow_run_id: UUID, limit: int) -> list[Row]:
    """Return the task runs of a flow run that failed or crashed, the first to end first."""
    where = {"flow_run_id": flow_run_id, "state_type": ["FAILED", "CRASHED"]}
    return await store.task_runs.find(tx, where, store.task_runs.order("end_time", "id"), limit)


async def find_durations(tx: Transaction, flow_run_ids: Sequence[UUID], task_key: str, limit: int) -> list[timedelta]:
    """Return how long task runs of a task took that completed in flow runs."""
    if not flow_run_ids:
        return []
    where = {"flow_run_id": list(flow_run_ids), "task_key": task_key, "state_type": "COMPLETED"}
    rows = await store.task_runs.find(tx, where, limit=limit, columns=("total_run_time",))
    return [row["total_run_time"] or timedelta(0) for row in rows]


async def count_not_ready(tx: Transaction, flow_run_id: UUID) -> int:
    """Count the task runs of a flow run that were not run because what they need failed."""
    return await store.task_runs.count(tx, {"flow_run_id": flow_run_id, "state_name": "NotReady"})


async def count_subflow_runs(tx: Transaction, flow_run_id: UUID) -> int:
    """Count the flow runs that the task runs of a flow run stand for."""
    return await store.flow_runs.count(
        tx,
        Sql(
            "flow_run.parent_task_run_id IN (SELECT task_run.id FROM task_run WHERE task_run.flow_run_id = ?)",
            (flow_run_id,),
        ),
    )


async def find_traceback(tx: Transaction, flow_run_id: UUID, task_run_id: UUID | None) -> str | None:
    """Return the message of the last log of a task run, or of a flow run's own logs, that holds a traceback."""
    found = all_of([Sql("log.level >= 40"), tx.dialect.contains("log.message", TRACEBACK)])
    of_run = {"task_run_id": task_run_id} if task_run_id else {"flow_run_id": flow_run_id, "task_run_id": None}
    order = store.logs.order("-timestamp", "-id")
    rows = await store.logs.find(tx, store.logs.where(of_run, found), order, 1, columns=["message"])
    return rows[0]["message"] if rows else None


# --- logs ------------------------------------------------------------------------------------------------------------


def log_condition(tx: Transaction, whose: Where, level: int, logger: str, text: str) -> Condition:
    """Return the condition of logs: of a run or a worker, of a level or above, of a logger, with a text."""
    parts: list[Where] = [whose]
    if level:
        parts.append(Sql("log.level >= ?", (level,)))
    if logger:
        parts.append({"name": logger})
    if text:
        parts.append(tx.dialect.contains("log.message", text))
    return store.logs.where(*parts)


def within(where: Condition, since: datetime | None, until: datetime | None) -> Condition:
    """Return a condition of logs with bounds of their time added, of which each may be None."""
    parts = [where]
    if since is not None:
        parts.append(Sql("log.timestamp >= ?", (since,)))
    if until is not None:
        parts.append(Sql("log.timestamp < ?", (until,)))
    return all_of(parts)


async def find_logs_at(tx: Transaction, where: Condition, offset: int, limit: int) -> list[Row]:
    """Return logs by their position among those that satisfy a condition."""
    if offset > DEEP_OFFSET:
        found = await _find_time_at(tx, where, offset)
        if found is None:
            return []
        at, before = found
        where, offset = all_of([where, Sql("log.timestamp >= ?", (at,))]), offset - before
    return await store.logs.find(tx, where, store.logs.order("timestamp", "id"), limit, offset)


async def find_logs_after(tx: Transaction, where: Condition, last: Row | None, limit: int) -> list[Row]:
    """Return the logs that satisfy a condition and follow another one, or the first."""
    if last is not None:
        # The first part is what the index serves.
        text = "log.timestamp >= ? AND NOT (log.timestamp = ? AND log.id <= ?)"
        where = all_of([where, Sql(text, (last["timestamp"], last["timestamp"], last["id"]))])
    return await store.logs.find(tx, where, store.logs.order("timestamp", "id"), limit)


async def _find_time_at(tx: Transaction, where: Condition, position: int) -> tuple[datetime, int] | None:
    """Return the time of the log at a position, and how many logs are older. Both are read from the index alone."""
    page = tx.dialect.limit_clause(1, position)
    text = f"SELECT log.timestamp FROM log WHERE {where.text} ORDER BY log.timestamp{page.text}"
    rows = await tx.fetch(Sql(text, (*where.values, *page.values)))
    if not rows:
        return None
    at = tx.dialect.decode("time", rows[0][0])
    return at, await store.logs.count(tx, all_of([where, Sql("log.timestamp < ?", (at,))]))


async def count_logs(tx: Transaction, where: Condition) -> int:
    """Count the logs that satisfy a condition."""
    return await store.logs.count(tx, where)


async def find_log_positions(
    tx: Transaction, where: Condition, text: str, limit: int, is_pattern: bool = False
) -> tuple[list[int], int]:
    """Return the positions, from 0, of the logs that hold a text, or a pattern, among those that satisfy a condition.

    Returns:
        The first of them, and how many there are.
    """
    found = (tx.dialect.matches if is_pattern else tx.dialect.contains)("numbered.message", text)
    numbered = (
        "(SELECT log.message AS message, row_number() OVER (ORDER BY log.timestamp, log.id) - 1 AS n"
        f" FROM log WHERE {where.text}) AS numbered"
    )
    sql = f"SELECT numbered.n FROM {numbered} WHERE {found.text} ORDER BY numbered.n"
    rows = await tx.fetch(Sql(sql, (*where.values, *found.values)))
    return [int(n) for (n,) in rows[:limit]], len(rows)


async def find_named_task_runs(tx: Transaction, flow_run_id: UUID, limit: int) -> list[Row]:
    """Return `id` and `name` of task runs of a flow run: first those that failed, then those that began first."""
    failed = "CASE WHEN task_run.state_type IN ('FAILED', 'CRASHED') THEN 0 ELSE 1 END"
    order = Order(f"{failed}, {STARTED} ASC NULLS LAST, task_run.id")
    return await store.task_runs.find(tx, {"flow_run_id": flow_run_id}, order, limit, columns=("id", "name"))


async def find_loggers(tx: Transaction, where: Condition) -> list[str]:
    """Return the names of the loggers of the logs that satisfy a condition."""
    text = f"SELECT DISTINCT log.name FROM log WHERE {where.text}"
    return sorted(name for (name,) in await tx.fetch(Sql(text, where.values)))


# --- graph -----------------------------------------------------------------------------------------------------------


_GRAPH_COLUMNS = (
    *("id", "name", "task_key", "state_type", "state_name", "start_time", "expected_start_time", "end_time"),
    *("run_count", "task_inputs"),
)
_SUBFLOW_COLUMNS = ("id", "name", "parent_task_run_id", "state_type", "state_name", "start_time", "end_time")


async def find_graph_rows(tx: Transaction, flow_run_id: UUID, limit: int) -> list[Row]:
    """Return the columns of the task runs of a flow run that its graph needs, in the order in which they started."""
    order = Order(f"{STARTED} ASC NULLS LAST, task_run.id")
    return await store.task_runs.find(tx, {"flow_run_id": flow_run_id}, order, limit, columns=_GRAPH_COLUMNS)


async def get_graph_rows(tx: Transaction, ids: Collection[UUID]) -> list[Row]:
    """Return the columns of task runs that a graph needs, in the order in which they started."""
    found = await store.task_runs.get_many(tx, sorted(ids), columns=_GRAPH_COLUMNS)
    started = {id_: row["start_time"] or row["expected_start_time"] for id_, row in found.items()}
    return sorted(found.values(), key=lambda row: (started[row["id"]] is None, started[row["id"]], row["id"]))


async def find_attempts(tx: Transaction, task_run_ids: Sequence[UUID]) -> dict[UUID, list[dict[str, object]]]:
    """Return the states of task runs, by id."""
    rows = await store.task_runs.get_many(tx, list(task_run_ids), columns=("id", "states"))
    return {id_: row["states"] for id_, row in rows.items()}


async def find_artifacts(tx: Transaction, where: Where, limit: int) -> list[Row]:
    """Return artifacts without their data, newest first."""
    names = ("id", "created", "key", "type", "description", "flow_run_id", "task_run_id")
    return await store.artifacts.find(tx, where, store.artifacts.order("-created", "-id"), limit, columns=names)


async def find_inputs(tx: Transaction, flow_run_id: UUID, keys: Sequence[str]) -> dict[str, str]:
    """Return inputs of a flow run by their keys."""
    where = {"flow_run_id": flow_run_id, "key": list(keys)}
    return {row["key"]: row["value"] for row in await store.flow_run_inputs.find(tx, where)}


async def find_downstream_runs(tx: Transaction, flow_run_id: UUID, task_run_id: UUID, limit: int) -> list[Row]:
    """Return `id` and `name` of the task runs of a flow run whose inputs mention a task run."""
    mentioned = tx.dialect.contains("CAST(task_run.task_inputs AS TEXT)", str(task_run_id))
    where = store.task_runs.where({"flow_run_id": flow_run_id}, mentioned)
    return await store.task_runs.find(tx, where, store.task_runs.by_key, limit, columns=("id", "name"))


async def find_subflow_runs(tx: Transaction, flow_run_id: UUID) -> list[Row]:
    """Return the columns of the subflow runs of a flow run that its graph needs."""
    of_run = Sql(
        "flow_run.parent_task_run_id IN (SELECT task_run.id FROM task_run WHERE task_run.flow_run_id = ?)",
        (flow_run_id,),
    )
    return await store.flow_runs.find(tx, of_run, columns=_SUBFLOW_COLUMNS)


async def find_subflows_behind(tx: Transaction, task_run_ids: Sequence[UUID]) -> list[Row]:
    """Return the same columns of the subflow runs that task runs stand for."""
    if not task_run_ids:
        return []
    return await store.flow_runs.find(tx, {"parent_task_run_id": list(task_run_ids)}, columns=_SUBFLOW_COLUMNS)
