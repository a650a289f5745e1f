"""Queries about flow runs and task runs, their logs, inputs and artifacts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TypeAlias
from uuid import UUID

from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.db.schema.tables import HELD, is_open
from prefect.server.db.sql import Sql, chunks, none_of, one_of
from prefect.server.store import Collection, Condition, Order, Row, Where
from prefect.server.store.queries.batches import lock_batch

LogPosition: TypeAlias = tuple[datetime, UUID]
"""The timestamp and the id of a log."""

_ZOMBIE = Sql(
    f"flow_run.lease_until IS NOT NULL AND {is_open('flow_run')} AND (flow_run.state_type IN ('RUNNING', 'PENDING')"
    " OR (flow_run.state_name = 'AwaitingRetry' AND flow_run.deployment_id IS NULL))"
)
"""Flow runs that a process should be running, or a worker starting. One that is suspended, or scheduled for a worker,
has no process."""

_FLOW_COLUMNS = ("id", "name", "tags")

_FLOW_RUN_AND_FLOW = (
    f"SELECT {', '.join(f'flow_run.{name}' for name in store.flow_runs.table.names)},"
    f" {', '.join(f'flow.{name}' for name in _FLOW_COLUMNS)}"
    " FROM flow_run LEFT JOIN flow ON flow.id = flow_run.flow_id WHERE flow_run.id = ?"
)


async def lock_flow_run(tx: Transaction, id_: UUID) -> tuple[Row | None, dict[UUID, Row]]:
    """Lock and return a flow run, and what events say of its flow, by the flow's id; None and nothing without the run.

    Hot path: each change of state reads both, so one statement does.
    """
    lock = f"{tx.dialect.lock_clause} OF flow_run" if tx.dialect.lock_clause else ""
    rows = await tx.fetch(Sql(_FLOW_RUN_AND_FLOW + lock, (id_,)))
    if not rows:
        return None, {}
    names = store.flow_runs.table.names
    (run,) = tx.dialect.decode_rows(store.flow_runs.table, names, [rows[0][: len(names)]])
    (flow,) = tx.dialect.decode_rows(store.flows.table, _FLOW_COLUMNS, [rows[0][len(names) :]])
    return run, {} if flow["id"] is None else {flow["id"]: flow}


_RETRY_COLUMNS = ("id", "name", "task_key", "flow_run_run_count", "state_type", "state_name", "end_time", "states")


async def find_retried_rows(tx: Transaction, flow_run_id: UUID, limit: int, with_inputs: bool) -> list[Row]:
    """Return the columns of the task runs of a flow run that decide which of them a retry repeats, newest first."""
    columns = (*_RETRY_COLUMNS, "task_inputs") if with_inputs else _RETRY_COLUMNS
    return await store.task_runs.find(
        tx, {"flow_run_id": flow_run_id}, store.task_runs.order("-id"), limit, columns=columns
    )


# --- unfinished runs -------------------------------------------------------------------------------------------------


async def lock_open_flow_runs(tx: Transaction, ids: Sequence[UUID]) -> list[UUID]:
    """Lock the unfinished flow runs among these, and return their ids."""
    where = store.flow_runs.where({"id": list(ids)}, Sql(is_open("flow_run")))
    return [
        row["id"] for row in await store.flow_runs.find(tx, where, store.flow_runs.by_key, columns=["id"], lock=True)
    ]


async def lock_crashed_flow_runs(tx: Transaction, ids: Sequence[UUID]) -> list[Row]:
    """Lock and return the crashed flow runs among these."""
    where = {"id": list(ids), "state_type": "CRASHED"}
    if not await store.flow_runs.count(tx, where):  # nearly always, and without a lock
        return []
    return await store.flow_runs.find(tx, where, store.flow_runs.by_key, lock=True)


async def lock_crashed_task_runs(tx: Transaction, flow_run_id: UUID) -> list[Row]:
    """Lock and return the task runs of a flow run that have crashed."""
    where = {"flow_run_id": flow_run_id, "state_type": "CRASHED"}
    return await store.task_runs.find(tx, where, store.task_runs.by_key, lock=True)


async def count_live_flow_runs(tx: Transaction, at: datetime) -> int:
    """Return how many unfinished flow runs have a lease that has not expired."""
    return await store.flow_runs.count(tx, store.flow_runs.where(_ZOMBIE, Sql("flow_run.lease_until >= ?", (at,))))


async def lock_open_task_runs(tx: Transaction, flow_run_id: UUID) -> list[Row]:
    """Lock and return the unfinished task runs of a flow run."""
    where = store.task_runs.where({"flow_run_id": flow_run_id}, Sql(is_open("task_run")))
    return await store.task_runs.find(tx, where, store.task_runs.by_key, lock=True)


async def find_owners_of_open_runs(tx: Transaction) -> set[UUID]:
    """Return the ids of the processes that own unfinished flow runs and task runs."""
    owners: set[UUID] = set()
    for collection in (store.flow_runs, store.task_runs):
        rows = await collection.find(tx, _owned(collection), columns=["owner"])
        owners.update(row["owner"] for row in rows)
    return owners


async def find_open_runs_of_owners(tx: Transaction, collection: Collection, owners: Sequence[UUID]) -> list[Row]:
    """Return the unfinished runs (of flows or of tasks) that these processes own."""
    return await collection.find(tx, collection.where({"owner": list(owners)}, _owned(collection)))


def _owned(collection: Collection) -> Condition:
    # A suspended run has left its process on purpose.
    name = collection.table.name
    return Sql(f"{is_open(name)} AND {name}.owner IS NOT NULL AND {name}.state_name <> 'Suspended'")


async def lock_expired_flow_runs(tx: Transaction, at: datetime, limit: int) -> list[Row]:
    """Lock and return flow runs whose process has not renewed its lease in time."""
    where = store.flow_runs.where(_ZOMBIE, Sql("flow_run.lease_until < ?", (at,)))
    return await lock_batch(tx, store.flow_runs, where, limit)


async def lock_late_flow_runs(tx: Transaction, due_by: datetime, limit: int) -> list[Row]:
    """Lock and return flow runs in the state Scheduled that should have started by a time."""
    where = Sql(
        "flow_run.next_scheduled_start_time IS NOT NULL AND flow_run.next_scheduled_start_time <= ?"
        " AND flow_run.state_type = 'SCHEDULED' AND flow_run.state_name = 'Scheduled'",
        (due_by,),
    )
    return await lock_batch(tx, store.flow_runs, where, limit)


async def find_paused_flow_runs(tx: Transaction) -> list[Row]:
    """Return `id` and `states` of the paused flow runs."""
    where = Sql(f"flow_run.{HELD} AND flow_run.state_type = 'PAUSED'")
    return await store.flow_runs.find(tx, where, columns=("id", "states"))


# --- cancellation ----------------------------------------------------------------------------------------------------


async def lock_task_runs_of_cancelled_flow_runs(tx: Transaction, limit: int) -> list[Row]:
    """Lock and return unfinished task runs whose flow run is cancelled."""
    where = Sql(
        f"{is_open('task_run')} AND EXISTS (SELECT 1 FROM flow_run WHERE flow_run.id = task_run.flow_run_id"
        " AND flow_run.state_type = 'CANCELLED')"
    )
    return await lock_batch(tx, store.task_runs, where, limit)


async def lock_subflow_runs_of_cancelled_flow_runs(tx: Transaction, limit: int) -> list[Row]:
    """Lock and return subflow runs that are neither finished nor cancelling, and whose parent is cancelled."""
    where = Sql(
        f"{is_open('flow_run')} AND flow_run.state_type <> 'CANCELLING' AND flow_run.parent_task_run_id IS NOT NULL"
        " AND EXISTS (SELECT 1 FROM task_run JOIN flow_run AS parent ON parent.id = task_run.flow_run_id"
        " WHERE task_run.id = flow_run.parent_task_run_id AND parent.state_type = 'CANCELLED')"
    )
    return await lock_batch(tx, store.flow_runs, where, limit)


async def lock_cancelling_flow_runs(tx: Transaction, since: datetime, limit: int) -> list[Row]:
    """Lock and return flow runs that have been cancelling since before a time."""
    where = Sql(f"flow_run.{HELD} AND flow_run.state_type = 'CANCELLING' AND flow_run.state_timestamp < ?", (since,))
    return await lock_batch(tx, store.flow_runs, where, limit)


# --- deletion --------------------------------------------------------------------------------------------------------


async def find_open_deployed_flow_runs(tx: Transaction, where: Where) -> list[Row]:
    """Return `states` of the unfinished flow runs of deployments among those that satisfy a condition."""
    open_ = Sql(f"{is_open('flow_run')} AND flow_run.deployment_id IS NOT NULL")
    return await store.flow_runs.find(tx, store.flow_runs.where(where, open_), columns=["states"])


async def find_open_tagged_task_runs(tx: Transaction, where: Where) -> list[UUID]:
    """Return the ids of the unfinished task runs with tags in those flow runs that satisfy a condition."""
    within = _in_flow_runs("task_run.flow_run_id", where)
    open_ = Sql(f"{is_open('task_run')} AND task_run.tags IS NOT NULL")
    rows = await store.task_runs.find(tx, store.task_runs.where(within, open_), columns=["id"])
    return [row["id"] for row in rows]


async def find_ended_lone_task_runs(tx: Transaction, ended_before: datetime, limit: int) -> list[UUID]:
    """Return the ids of task runs without a flow run that ended before a time."""
    ended = Sql(f"NOT ({is_open('task_run')}) AND task_run.end_time < ?", (ended_before,))
    where = store.task_runs.where({"flow_run_id": None}, ended)
    return [row["id"] for row in await store.task_runs.find(tx, where, limit=limit, columns=["id"])]


async def remove_flow_runs(tx: Transaction, where: Where) -> None:
    """Remove the flow runs that satisfy a condition, with their task runs and everything that belongs to either.

    Flow runs that their task runs have started stay, without a parent.
    """
    within = _in_flow_runs("task_run.flow_run_id", where)
    await remove_task_runs(tx, within)
    for collection in (store.logs, store.artifacts, store.flow_run_inputs):
        await collection.remove(tx, _in_flow_runs(f"{collection.table.name}.flow_run_id", where))
    await store.dead_letters.remove(tx, _in_flow_runs("dead_letter.run_id", where))
    await store.flow_runs.remove(tx, where)


async def remove_task_runs(tx: Transaction, where: Where) -> None:
    """Remove the task runs that satisfy a condition with everything that belongs to them.

    Flow runs that they have started stay, without a parent.
    """
    condition = store.task_runs.where(where)
    among = Sql(f"SELECT task_run.id FROM task_run WHERE {condition.text}", condition.values)
    await _detach_subflow_runs(tx, among)
    for column, collection in (
        ("log.task_run_id", store.logs),
        ("artifact.task_run_id", store.artifacts),
        ("dead_letter.run_id", store.dead_letters),
    ):
        await collection.remove(tx, Sql(f"{column} IN ({among.text})", among.values))
    await store.task_runs.remove(tx, condition)


async def _detach_subflow_runs(tx: Transaction, parents: Sql) -> None:
    text = f"UPDATE flow_run SET parent_task_run_id = NULL WHERE parent_task_run_id IN ({parents.text})"
    await tx.run(Sql(text, parents.values))


def _in_flow_runs(column: str, where: Where) -> Condition:
    condition = store.flow_runs.where(where)
    return Sql(f"{column} IN (SELECT flow_run.id FROM flow_run WHERE {condition.text})", condition.values)


# --- the graph of a flow run -----------------------------------------------------------------------------------------


async def find_graph_task_runs(tx: Transaction, flow_run_id: UUID, since: datetime, limit: int) -> list[Row]:
    """Return the task runs of a flow run that have not ended before a time, in the order in which they started."""
    visible = Sql("task_run.state_type IS NOT NULL AND (task_run.end_time IS NULL OR task_run.end_time >= ?)", (since,))
    names = ("id", "name", "state_type", "start_time", "expected_start_time", "end_time", "task_inputs")
    order = Order("coalesce(task_run.start_time, task_run.expected_start_time) ASC NULLS FIRST, task_run.id")
    where = store.task_runs.where({"flow_run_id": flow_run_id}, visible)
    return await store.task_runs.find(tx, where, order, limit, columns=names)


async def find_latest_artifacts(tx: Transaction, keys: Iterable[str]) -> dict[str, UUID]:
    """Return the id of the latest artifact of each key."""
    latest: dict[str, UUID] = {}
    for batch in chunks(sorted(keys)):
        with_key = one_of("artifact.key", batch)
        first = (
            "SELECT ranked.id FROM (SELECT artifact.id, row_number() OVER (PARTITION BY artifact.key"
            f" ORDER BY artifact.created DESC, artifact.id DESC) AS rank FROM artifact WHERE {with_key.text}) AS ranked"
            " WHERE ranked.rank = 1"
        )
        where = Sql(f"artifact.id IN ({first})", with_key.values)
        latest |= {row["key"]: row["id"] for row in await store.artifacts.find(tx, where, columns=("id", "key"))}
    return latest


# --- observed states -------------------------------------------------------------------------------------------------


async def find_observed_states(tx: Transaction, text: str | None, order: Order, limit: int) -> list[Row]:
    """Return the states that runs have had; with a text, only names that contain it, ignoring case."""
    where: Where = tx.dialect.contains("observed_state.state_name", text) if text else {}
    return await store.observed_states.find(tx, where, order, limit)


# --- inputs and logs -------------------------------------------------------------------------------------------------


async def find_inputs(
    tx: Transaction, flow_run_id: UUID, prefix: str, excluded_keys: Sequence[str], limit: int
) -> list[Row]:
    """Return inputs of a flow run whose keys begin with `prefix`, oldest first, without some keys."""
    parts: list[Where] = [{"flow_run_id": flow_run_id}, none_of("flow_run_input.key", list(excluded_keys))]
    if prefix:
        parts.append(Sql(f"substr(flow_run_input.key, 1, {len(prefix)}) = ?", (prefix,)))
    order = store.flow_run_inputs.order("created", "id")
    return await store.flow_run_inputs.find(tx, store.flow_run_inputs.where(*parts), order, limit)


async def find_logs(
    tx: Transaction,
    where: Where,
    limit: int,
    *,
    since: datetime | None = None,
    after: LogPosition | None = None,
    columns: Sequence[str] | None = None,
) -> tuple[list[Row], LogPosition | None]:
    """Return a page of the logs that satisfy a condition, by their time.

    Args:
        tx: The transaction.
        where: The condition.
        limit: The size of a page.
        since: The time at which the first page begins.
        after: The position at which the page before ended; it replaces `since`.
        columns: The columns to read, with `id` and `timestamp`; None for all.

    Returns:
        The logs, and the position after which the next page begins; None when this page is the last.
    """
    parts: list[Where] = [where]
    if after is not None:
        parts.append(Sql("(log.timestamp, log.id) > (?, ?)", after))
    elif since is not None:
        parts.append(Sql("log.timestamp >= ?", (since,)))
    rows = await store.logs.find(
        tx, store.logs.where(*parts), store.logs.order("timestamp", "id"), limit, columns=columns
    )
    return rows, (rows[-1]["timestamp"], rows[-1]["id"]) if len(rows) == limit else None


# --- journal records that wait for their run -------------------------------------------------------------------------


async def has_waiting_records(tx: Transaction) -> bool:
    """Return whether any record was dead-lettered because its run was unknown."""
    waiting = Sql("dead_letter.run_id IS NOT NULL")
    return bool(await store.dead_letters.find(tx, waiting, limit=1, columns=["id"]))


async def lock_applicable_records(tx: Transaction, limit: int) -> list[Row]:
    """Lock and return dead-lettered records that waited for a run which is known now, oldest first."""
    where = Sql(
        "dead_letter.run_id IS NOT NULL AND (EXISTS (SELECT 1 FROM task_run WHERE task_run.id = dead_letter.run_id)"
        " OR EXISTS (SELECT 1 FROM flow_run WHERE flow_run.id = dead_letter.run_id))"
    )
    return await store.dead_letters.find(tx, where, store.dead_letters.by_key, limit, lock=True)


# --- background task runs --------------------------------------------------------------------------------------------


async def find_next_deferred_start(tx: Transaction, task_keys: Sequence[str]) -> datetime | None:
    """Return when the next background run of these tasks is due that no worker has claimed."""
    where = store.task_runs.where(
        {"task_key": list(task_keys)},
        Sql("task_run.next_scheduled_start_time IS NOT NULL"),
        Sql("NOT EXISTS (SELECT 1 FROM lease WHERE lease.id = task_run.id)"),
        tx.dialect.last_item_has("task_run.states", "details", "deferred"),
    )
    order = Order("task_run.next_scheduled_start_time, task_run.id")
    rows = await store.task_runs.find(tx, where, order, 1, columns=["next_scheduled_start_time"])
    return rows[0]["next_scheduled_start_time"] if rows else None


async def find_unclaimed_task_runs(
    tx: Transaction, task_keys: Sequence[str], due_by: datetime, limit: int
) -> list[Row]:
    """Return background task runs of these tasks that are due and that no worker has claimed, by their start time."""
    where = store.task_runs.where(
        {"task_key": list(task_keys)},
        Sql("task_run.next_scheduled_start_time IS NOT NULL AND task_run.next_scheduled_start_time <= ?", (due_by,)),
        Sql("NOT EXISTS (SELECT 1 FROM lease WHERE lease.id = task_run.id)"),
        # Other runs of these tasks may wait for their retry, in the process of their flow.
        tx.dialect.last_item_has("task_run.states", "details", "deferred"),
    )
    order = Order("task_run.next_scheduled_start_time, task_run.id")  # as in the index; none of them is null
    return await store.task_runs.find(tx, where, order, limit)
