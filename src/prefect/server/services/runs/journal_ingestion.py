"""Applying the journal to the store.

Batches are read in the order they were written and applied some thousand records at a time, each time in one
transaction; what is committed is then discarded from the journal. Any number of processes may do this at once, and any
of them may die at any moment: the transactions take turns, every object and state has an id of its writer's and counts
once, and a mark in the store says how far the journal was applied by whoever died before discarding.

A record that makes no sense is set aside with the reason, and a record of a run that is not known yet waits for it in
the same table: neither holds up the rest.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import orjson

from prefect._io import blocking
from prefect._lazy import lazy
from prefect.journal import file, reader
from prefect.rules import TERMINAL
from prefect.server import store
from prefect.server.db.errors import StoreError
from prefect.server.db.interface import Database, Transaction
from prefect.server.db.sql import Sql, chunks, one_of
from prefect.server.services.catalog import artifacts
from prefect.server.services.concurrency import leases
from prefect.server.services.events import emitting
from prefect.server.services.runs import heartbeats, record_admission, records, run_logs, run_states
from prefect.server.services.runs.records import BadRecord, Record
from prefect.types import new_id, now

if TYPE_CHECKING:
    import sqlite3
else:
    sqlite3 = lazy("sqlite3")

APPLY_BATCH_SIZE = 20_000
"""About how many records make a transaction: some tenths of a second, so that others get their turn."""

Progress = Callable[[int, int], None]
"""Told after each transaction: how many records have been applied, and how many batches wait."""

_MARK = "journal"


class JournalUnreadable(StoreError):
    """The journal's file is damaged or cannot be opened, so what it holds cannot be applied."""


@dataclass
class Applied:
    """What applying did.

    Attributes:
        records: How many records were read and applied, those seen before included.
        set_aside: How many of them were set aside: bad ones, and those that wait for their run.
    """

    records: int = 0
    dead_lettered: int = 0


async def apply_journal(database: Database, home: Path, progress: Progress | None = None) -> Applied:
    """Apply everything that the journal of `home` holds now.

    Args:
        database: The store to apply it to.
        home: The directory with the journal.
        progress: Called after each transaction.

    Raises:
        JournalUnreadable: The journal's file is damaged.
        JournalVersionError: A newer release wrote it.
        StoreError: The store cannot be written.
    """
    done = Applied()
    while await _waiting(home):
        batches, records, set_aside = await database.write(lambda tx: _apply_next(tx, home))
        if not batches:
            break
        await blocking(_guard, home, lambda through=batches[-1].seq: reader.discard(home, through))
        done.records += records
        done.dead_lettered += set_aside
        if progress is not None:
            progress(done.records, await _waiting(home))
    return done


async def apply_records(tx: Transaction, body: bytes) -> tuple[int, int]:
    """Apply records that came over the network: JSON objects, one a line.

    Returns:
        How many they were, and how many of them were set aside.
    """
    lines = [reader.decode(line) for line in body.splitlines() if line]
    return len(lines), await _apply(tx, lines, from_network=True)


async def apply_event_records(tx: Transaction, records: Iterable[Record]) -> int:
    """Apply records whose states were told by events, which need not be emitted again; how many were set aside."""
    return await _apply(tx, records, told=True)


def measure_backlog(home: Path) -> tuple[int, int]:
    """How many batches the journal of `home` holds, and their size in bytes.

    Raises:
        JournalUnreadable: Its file is damaged.
    """
    return _guard(home, lambda: reader.pending(home))


async def find_dead_letters(database: Database) -> list[store.Row]:
    """The records that were set aside, newest first: each with `reason`, `record` as it was, and `created`."""
    return await database.read(lambda tx: store.dead_letters.find(tx, order="dead_letter.id DESC"))


async def _apply_next(tx: Transaction, home: Path) -> tuple[list[_Batch], int, int]:
    """Apply the next batches: these, how many records they held, and how many of them were set aside."""
    batches = await _next(tx, home)
    lines = [record for batch in batches if not batch.seen for record in batch.records]
    set_aside = 0
    if lines:
        set_aside = await _apply(tx, lines)
        await store.meta.put(tx, {"key": _MARK, "value": batches[-1].mark})
    return batches, len(lines), set_aside


# --- reading ---------------------------------------------------------------------------------------------------------


@dataclass
class _Batch:
    """One row of the journal. Its mark names it and its content: a new journal begins to count again at 1."""

    seq: int
    records: list[dict[str, Any]]
    seen: bool = False

    @property
    def mark(self) -> str:
        last = orjson.dumps(self.records[-1]).decode() if self.records else ""
        return f"{self.seq} {len(self.records)} {last[:500]}"


async def _waiting(home: Path) -> int:
    return (await blocking(measure_backlog, home))[0]


async def _next(tx: Transaction, home: Path) -> list[_Batch]:
    """The next batches, marked as seen when another process applied them and has yet to discard them."""
    row = await store.meta.get(tx, _MARK)
    mark = row["value"] if row else ""
    batches = await blocking(_guard, home, lambda: _read(home))
    for position, batch in enumerate(batches):
        if mark.startswith(f"{batch.seq} ") and batch.mark == mark:
            for applied in batches[: position + 1]:
                applied.seen = True
    return batches


def _read(home: Path) -> list[_Batch]:
    batches: list[_Batch] = []
    count = 0
    while count < APPLY_BATCH_SIZE:
        after = batches[-1].seq if batches else 0
        some = [_Batch(seq, lines) for seq, lines in reader.read(home, after, limit=8)]
        if not some:
            break
        batches += some
        count += sum(len(batch.records) for batch in some)
    return batches


def _guard(home: Path, fn: Callable[[], Any]) -> Any:
    try:
        return fn()
    except sqlite3.Error as error:
        raise JournalUnreadable(
            f"The journal {str(file.path_in(home))!r} cannot be read ({error}): what is recorded in it is not shown "
            "until it is repaired, restored or moved away."
        ) from error


# --- applying --------------------------------------------------------------------------------------------------------


@dataclass
class _Pending:
    """What is new about one run: its own record, and its states and updates in the order they came."""

    record: store.Row | None = None
    events: list[Record] = field(default_factory=list)


@dataclass
class _Sorted:
    """Records by what they are about.

    Attributes:
        from_network: They are not trusted: see `record_admission`.
    """

    from_network: bool = False
    simple: dict[str, list[store.Row]] = field(default_factory=lambda: defaultdict(list))
    runs: dict[str, dict[UUID, _Pending]] = field(default_factory=lambda: {"flow_run": {}, "task_run": {}})
    artifact_updates: list[Record] = field(default_factory=list)
    alive: dict[UUID, timedelta] = field(default_factory=dict)
    entered: dict[str, list[emitting.StateChange]] = field(default_factory=lambda: {"flow_run": [], "task_run": []})
    aside: list[store.Row] = field(default_factory=list)

    def set_aside(self, record: Record, reason: str, run_id: UUID | None = None) -> None:
        line = orjson.dumps(record).decode()
        self.aside.append({"id": new_id(), "run_id": run_id, "created": now(), "reason": reason, "record": line})


async def _apply(tx: Transaction, lines: Iterable[Record], told: bool = False, from_network: bool = False) -> int:
    """Apply records within a transaction and return how many were set aside."""
    new = _Sorted(from_network)
    for line in lines:
        _sort(new, line)
    await _recall(tx, new)
    for kind, collection in _SIMPLE.items():
        await collection.add(tx, new.simple[kind])
    await artifacts.add_many(tx, new.simple["artifact"])
    run_logs.notify_added(tx, new.simple["log"])
    for record in new.artifact_updates:
        await _update_artifact(tx, new, record)
    flow_runs = await _merge(tx, new, "flow_run", {})
    await _merge(tx, new, "task_run", flow_runs)
    await heartbeats.renew_leases(tx, new.alive)
    await _give_back_slots(tx, new.entered["flow_run"])
    if not told:
        for of, entered in new.entered.items():
            await emitting.emit_state_events(tx, of, entered)
    await store.dead_letters.add(tx, new.aside)
    return len(new.aside)


_SIMPLE = {"process": store.processes, "flow": store.flows, "log": store.logs}

_RUNS = {"flow_run": store.flow_runs, "task_run": store.task_runs}


def _sort(new: _Sorted, record: Record) -> None:
    """Put a record where it belongs, or aside."""
    try:
        kind = record.get("kind") if isinstance(record, dict) else None
        if kind in records.SIMPLE:
            new.simple[kind].append(records.parse_simple(record))
        elif kind in _RUNS:
            run = records.parse_run(kind, record)
            pending = new.runs[kind].setdefault(run["id"], _Pending())
            pending.record = pending.record or run
            pending.events += records.parse_first_states(kind, record)
        elif kind == "heartbeat":
            id_, length = records.parse_heartbeat(record)
            new.alive[id_] = max(length, new.alive.get(id_, length))
        elif kind == "state" or kind == "update":
            of, id_ = records.parse_target(record, "run_id" if kind == "state" else "id")
            if of == "artifact":
                new.artifact_updates.append(record)
            else:
                new.runs[of].setdefault(id_, _Pending()).events.append(record)
        else:
            raise BadRecord(_REASONS.get(str(kind), f"its kind is {kind!r}, which is not known"))
    except BadRecord as error:
        new.set_aside(record, str(error))


_REASONS = {
    "damaged": "it is not JSON",
    "unreadable": "its writer could not put it into JSON",
}


async def _recall(tx: Transaction, new: _Sorted) -> None:
    """Take back what waited for runs that are known now; it came before anything that is in the journal now."""
    arrived = [id_ for runs in new.runs.values() for id_, pending in runs.items() if pending.record is not None]
    if not arrived or not await store.dead_letters.count(tx, Sql("dead_letter.run_id IS NOT NULL")):
        return
    for some in chunks(arrived):
        where = one_of("dead_letter.run_id", some)
        waited = await store.dead_letters.find(tx, where, order="dead_letter.id DESC")
        for row in waited:
            record = orjson.loads(row["record"])
            new.runs[record["of"]][row["run_id"]].events.insert(0, record)
        if waited:
            await store.dead_letters.remove(tx, where)


async def apply_waiting_records(tx: Transaction, limit: int) -> int:
    """Apply records that were set aside for a run which another transaction told of at the same moment.

    Neither of two such transactions sees what the other has written, so the records would wait for ever.

    Args:
        tx: The transaction.
        limit: How many at most.

    Returns:
        How many they were.
    """
    found = await store.dead_letters.find(tx, _NO_REASON_TO_WAIT, "dead_letter.id", limit, lock=True)
    for some in chunks(found):
        await store.dead_letters.remove(tx, one_of("dead_letter.id", [row["id"] for row in some]))
    if found:
        await _apply(tx, [orjson.loads(row["record"]) for row in found], from_network=True)
    return len(found)


_NO_REASON_TO_WAIT = Sql(
    "dead_letter.run_id IS NOT NULL AND (EXISTS (SELECT 1 FROM task_run WHERE task_run.id = dead_letter.run_id)"
    " OR EXISTS (SELECT 1 FROM flow_run WHERE flow_run.id = dead_letter.run_id))"
)
"""What was set aside for a run that is known."""


async def _update_artifact(tx: Transaction, new: _Sorted, record: Record) -> None:
    try:
        _, id_ = records.parse_target(record, "id")
        values = records.parse_changes("artifact", record)
    except BadRecord as error:
        new.set_aside(record, str(error))
        return
    if not await store.artifacts.change(tx, [{"id": id_, **values}], list(values)):
        new.set_aside(record, "its artifact is not known")


async def _merge(tx: Transaction, new: _Sorted, of: str, flow_runs: dict[UUID, store.Row]) -> dict[UUID, store.Row]:
    """Apply what is new about runs, and return those runs as they are now."""
    collection = _RUNS[of]
    known = await collection.get_many(tx, list(new.runs[of]), lock=True)
    added: list[store.Row] = []
    changed: list[store.Row] = []
    for id_, pending in new.runs[of].items():
        run = known.get(id_)
        if run is None and pending.record is None:
            for record in pending.events:
                new.set_aside(record, f"its {of.replace('_', ' ')} is not known", id_)
            continue
        if run is None:
            assert pending.record is not None
            run = known[id_] = pending.record
            added.append(run)
            _take_all(new, of, run, pending.events)
        elif _take_all(new, of, run, pending.events):
            changed.append(run)
    if of == "task_run":
        await _count_attempts(tx, [*added, *changed], flow_runs)
    if await collection.add(tx, added) < len(added):
        # Somebody else added some since we looked: what is new about them here is put into their rows.
        theirs = await collection.get_many(tx, [run["id"] for run in added], lock=True)
        known |= theirs
        changed += [run for id_, run in theirs.items() if _take_all(new, of, run, new.runs[of][id_].events)]
    await collection.change(tx, changed, [name for name in collection.table.names if name not in ("id", "created")])
    return known


def _take_all(new: _Sorted, of: str, run: store.Row, events: Iterable[Record]) -> bool:
    """Apply states and updates to a run's row; whether any of them was new."""
    news = False
    entered: set[str] = set()
    for record in events:
        try:
            if record["kind"] == "update":
                if new.from_network:
                    record_admission.check_owner(run, record)
                run.update(records.parse_changes(of, record))
                news = True
            else:
                entered.update(_enter(of, run, record, new.from_network))
        except BadRecord as error:
            new.set_aside(record, str(error))
    if entered:
        run_states.derive_columns(run)
        run["updated"] = max(run["updated"], run["state_timestamp"])
        states = run["states"]
        new.entered[of] += [
            emitting.StateChange(run, before, after)
            for before, after in zip([None, *states], states, strict=False)
            if after["id"] in entered
        ]
    return news or bool(entered)


def _enter(of: str, run: store.Row, record: Record, from_network: bool) -> Iterable[str]:
    """Put a recorded state into a run's history, and return its id; nothing when it is there already."""
    state, result = records.parse_state(record), records.parse_result(record)
    if from_network and not any(known["id"] == state["id"] for known in run["states"]):
        record_admission.check_owner(run, record)
        record_admission.check_result(result)
        if of == "flow_run":
            record_admission.check_transition(run, state)
        record_admission.claim_run(run, state, records.parse_owner(record))
    if not run_states.insert_state(run["states"], state):
        return ()
    if result is not None:
        run["result"] = result
    return (state["id"],)


async def _give_back_slots(tx: Transaction, entered: Iterable[emitting.StateChange]) -> None:
    """Flow runs that have ended hold no slot of their deployment any more, whoever told of their end."""
    ended = {
        each.run["id"]: each.run
        for each in entered
        if each.run.get("deployment_id") is not None and each.run["state_type"] in TERMINAL
    }
    for run in ended.values():
        for lease_id in run_states.lease_ids(run):
            await leases.end_lease(tx, lease_id)


async def _count_attempts(tx: Transaction, runs: list[store.Row], flow_runs: dict[UUID, store.Row]) -> None:
    """Note on task runs which attempt of their flow run they belong to."""
    lacking = {id_ for run in runs if (id_ := run.get("flow_run_id")) is not None and id_ not in flow_runs}
    counts = {id_: run["run_count"] for id_, run in flow_runs.items()}
    for some in chunks(list(lacking)):
        where = one_of("flow_run.id", some)
        for row in await store.flow_runs.find(tx, where, columns=("id", "run_count")):
            counts[row["id"]] = row["run_count"]
    for run in runs:
        if run["state_type"] == "RUNNING" or not run.get("flow_run_run_count"):
            run["flow_run_run_count"] = counts.get(run["flow_run_id"], 0) if run.get("flow_run_id") else 0
