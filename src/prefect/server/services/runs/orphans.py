"""Runs whose process is gone: they get a Crashed state, so that nothing is shown as running for ever.

A run names the process that owns it. When that process ran on this host and is no more, nobody will finish the run.
Runs of other hosts are left alone: only their own host can tell. Whatever the process recorded before it ended counts
first, and a run that finished is never touched.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

from prefect import _processes
from prefect.server import store
from prefect.server.db.interface import Database, Transaction
from prefect.server.db.sql import Sql, all_of, one_of
from prefect.server.db.tables import OPEN
from prefect.server.db.times import to_micros
from prefect.server.services.events import emitting
from prefect.server.services.runs import observed_states, run_states
from prefect.server.services.runs.journal_ingestion import apply_journal
from prefect.types import new_id, now

_MISSED = Sql(f"{OPEN} AND owner IS NOT NULL AND state_name <> 'Suspended'")
"""A suspended run has left its process on purpose."""


async def crash_orphans(database: Database, home: Path) -> int:
    """Give a Crashed state to every unfinished run whose process, on this host, is gone.

    Args:
        database: The store; the journal of `home` has been applied to it.
        home: The directory with the journal, which is applied again once it is known which processes are gone: what
            they wrote until they ended is complete only then.

    Returns:
        How many runs crashed.
    """
    gone = {id_: process for id_, process in (await database.read(_owners)).items() if _is_gone(process)}
    if not gone:
        return 0
    await apply_journal(database, home)
    return await database.write(lambda tx: _crash(tx, gone))


async def _owners(tx: Transaction) -> dict[UUID, store.Row]:
    """The processes that own unfinished runs."""
    owners: set[UUID] = set()
    for collection in (store.flow_runs, store.task_runs):
        owners.update(row["owner"] for row in await collection.find(tx, _MISSED, columns=["owner"]))
    return await store.processes.get_many(tx, list(owners))


def _is_gone(process: store.Row) -> bool:
    if process["host"] != _processes.host() or process["start"] is None:
        return False
    return not _processes.is_alive(process["pid"], process["start"])


async def _crash(tx: Transaction, gone: dict[UUID, store.Row]) -> int:
    count = 0
    last_heard: dict[UUID, datetime] = {}
    for collection in (store.task_runs, store.flow_runs):
        of = collection.table.name
        entered: list[emitting.StateChange] = []
        orphans = await collection.find(tx, all_of([one_of("owner", list(gone)), _MISSED]))
        for run in orphans:
            last = await find_last_activity(tx, of, run)
            flow_run_id = run["flow_run_id"] if of == "task_run" else run["id"]
            if flow_run_id is not None:
                last = last_heard[flow_run_id] = max(last, last_heard.get(flow_run_id, last))
            before = run["states"][-1] if run["states"] else None
            _enter_crashed(run, gone[run["owner"]], last)
            entered.append(emitting.StateChange(run, before, run["states"][-1]))
        changed = ("states", "updated", *run_states.NO_DERIVED_COLUMNS)
        count += await collection.change(tx, orphans, changed)
        await emitting.emit_state_events(tx, of, entered)
        await observed_states.record_states(tx, [each.after for each in entered])
    return count


async def find_last_activity(tx: Transaction, of: str, run: store.Row) -> datetime:
    """When a run was last heard of: its newest state, log or task run."""
    last: datetime = run["state_timestamp"] or run["created"]
    logs = await store.logs.find(
        tx, one_of(f"log.{of}_id", [run["id"]]), "log.timestamp DESC", 1, columns=["timestamp"]
    )
    if logs:
        last = max(last, logs[0]["timestamp"])
    if of == "flow_run":
        where = one_of("task_run.flow_run_id", [run["id"]])
        tasks = await store.task_runs.find(tx, where, "task_run.state_timestamp DESC", 1, columns=["state_timestamp"])
        if tasks and tasks[0]["state_timestamp"]:
            last = max(last, tasks[0]["state_timestamp"])
    return last


def _enter_crashed(run: store.Row, process: store.Row, last: datetime) -> None:
    # The end is put where the run was last heard of: the time nobody looked is not time it ran.
    at = to_micros(last + timedelta(microseconds=1))
    message = (
        f"The process that ran it (pid {process['pid']} on {process['host']}) ended without recording an outcome; "
        f"it was last heard of at {last:%Y-%m-%d %H:%M:%S} UTC."
    )
    run_states.enter_state(run, {"id": str(new_id()), "type": "CRASHED", "timestamp": at, "message": message})
    run["updated"] = now()
