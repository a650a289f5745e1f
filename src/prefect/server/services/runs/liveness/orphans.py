"""Orphans: runs whose process on this host has ended become Crashed.

A background task run whose worker has gone is run by another one.
A run that is not ready, or a task run that never began and whose flow run has ended, is no orphan: it stays as it is,
and no process owns it then.

A run names the process that owns it. Runs of other hosts are skipped, since only the host of a process can determine
whether it has ended. The records that the process wrote are applied first, and a finished run is never changed.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

from prefect import _processes
from prefect.server import store
from prefect.server.db.interface import Database, Transaction
from prefect.server.db.times import to_micros
from prefect.server.services.events import emitting
from prefect.server.services.runs import background_tasks
from prefect.server.services.runs.ingestion.journal_ingestion import apply_journal
from prefect.server.services.runs.states import observed_states, run_states
from prefect.server.store.queries import runs as queries
from prefect.types import new_id, now


async def crash_orphans(database: Database, home: Path) -> int:
    """Set the state Crashed on every unfinished run whose process, on this host, has ended.

    Args:
        database: The store; the journal of `home` has been applied to it.
        home: The directory with the journal, which is applied again once it is known which processes have ended: only
            then is it complete.

    Returns:
        How many runs crashed.
    """
    ended = {id_: process for id_, process in (await database.read(_find_owners)).items() if _has_ended(process)}
    if not ended:
        return 0
    await apply_journal(database, home)
    return await database.write(lambda tx: _crash_runs(tx, ended))


async def _find_owners(tx: Transaction) -> dict[UUID, store.Row]:
    """Return the processes that own unfinished runs, by id."""
    return await store.processes.get_many(tx, list(await queries.find_owners_of_open_runs(tx)))


def _has_ended(process: store.Row) -> bool:
    if process["host"] != _processes.host() or process["start"] is None:
        return False
    return not _processes.is_alive(process["pid"], process["start"])


async def _crash_runs(tx: Transaction, processes: dict[UUID, store.Row]) -> int:
    await background_tasks.deliver_again(tx)
    count = 0
    last_activities: dict[UUID, datetime] = {}
    for collection in (store.task_runs, store.flow_runs):
        kind = collection.table.name
        entered: list[emitting.StateChange] = []
        open_ = await queries.find_open_runs_of_owners(tx, collection, list(processes))
        orphans = await _release_runs_that_never_began(tx, collection, open_)
        for run in orphans:
            last = await find_last_activity(tx, kind, run)
            flow_run_id = run["flow_run_id"] if kind == "task_run" else run["id"]
            if flow_run_id is not None:
                last = last_activities[flow_run_id] = max(last, last_activities.get(flow_run_id, last))
            before = run["states"][-1] if run["states"] else None
            _enter_crashed(run, processes[run["owner"]], last)
            entered.append(emitting.StateChange(run, before, run["states"][-1], run["run_count"]))
        changed = ("states", "updated", *run_states.NO_DERIVED_COLUMNS)
        count += await collection.change(tx, orphans, changed)
        await emitting.emit_state_events(tx, kind, entered)
        await observed_states.record_states(tx, [each.after for each in entered])
    return count


async def _release_runs_that_never_began(
    tx: Transaction, collection: store.Collection, runs: list[store.Row]
) -> list[store.Row]:
    """Clear the owner of runs that never began, and return the remaining runs."""
    waiting = [run for run in runs if run["state_type"] in _NOT_BEGUN]
    flow_runs = {run["flow_run_id"] for run in waiting if run.get("flow_run_id") is not None}
    ended = flow_runs.copy()
    for batch in store.chunks(list(flow_runs)):
        ended.difference_update(await queries.lock_open_flow_runs(tx, batch))
    final = [run for run in waiting if is_not_ready(run) or run.get("flow_run_id") in ended]
    for run in final:
        run["owner"] = None
    await collection.change(tx, final, ("owner",))
    return [run for run in runs if run["owner"] is not None]


_NOT_BEGUN = ("PENDING", "SCHEDULED")


def is_not_ready(run: store.Row) -> bool:
    """Return whether a run can never begin, because a run that it depends on did not complete."""
    return run["state_type"] == "PENDING" and run["state_name"] == "NotReady"


async def find_last_activity(tx: Transaction, kind: str, run: store.Row) -> datetime:
    """Return when a run was last active: the time of its newest state, log or task run.

    Args:
        tx: The transaction.
        kind: `"flow_run"` or `"task_run"`.
        run: The row of the run.
    """
    last: datetime = run["state_timestamp"] or run["created"]
    of_run = {f"{kind}_id": run["id"]}
    for log in await store.logs.find(tx, of_run, store.logs.order("-timestamp"), 1, columns=["timestamp"]):
        last = max(last, log["timestamp"])
    if kind == "flow_run":
        newest = await store.task_runs.find(
            tx, {"flow_run_id": run["id"]}, store.task_runs.order("-state_timestamp"), 1, columns=["state_timestamp"]
        )
        if newest and newest[0]["state_timestamp"]:
            last = max(last, newest[0]["state_timestamp"])
    return last


def _enter_crashed(run: store.Row, process: store.Row, last: datetime) -> None:
    # The run ended when it was last active: the time until its end is detected is not run time.
    at = to_micros(last + timedelta(microseconds=1))
    message = (
        f"The process that ran it (pid {process['pid']} on {process['host']}) ended without recording an outcome; "
        f"its last activity was at {last:%Y-%m-%d %H:%M:%S} UTC."
    )
    run_states.enter_state(run, {"id": str(new_id()), "type": "CRASHED", "timestamp": at, "message": message})
    run["updated"] = now()
