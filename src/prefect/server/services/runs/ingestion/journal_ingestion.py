"""Applying journal records to the store.

Batches are read in the order they were written and applied some thousand records at a time, each time in one
transaction; what is committed is then discarded from the journal. Any number of processes may do this together, and any
of them may die at any moment: the transactions take turns, every object and state has an id of its writer's and counts
once, and a marker in the store names the last batch that was applied but perhaps not discarded.

An invalid record becomes a dead letter with the reason, and a record of a run that is not known yet waits for it in
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

from prefect._io import blocking
from prefect._lazy import lazy
from prefect.journal import file, reader
from prefect.rules import TERMINAL
from prefect.schemas import liveness
from prefect.server import store
from prefect.server.db.errors import StoreError
from prefect.server.db.interface import Database, Transaction
from prefect.server.services.catalog import artifacts
from prefect.server.services.concurrency import leases
from prefect.server.services.core.errors import ServiceError
from prefect.server.services.events import emitting, event_store, incoming
from prefect.server.services.runs.ingestion import artifact_events, heartbeat_events, record_admission, records
from prefect.server.services.runs.ingestion.artifact_events import ArtifactUpdate
from prefect.server.services.runs.ingestion.records import BadRecord, Record
from prefect.server.services.runs.liveness import heartbeat_intervals, heartbeats
from prefect.server.services.runs.logs import run_logs
from prefect.server.services.runs.states import observed_states, run_states
from prefect.server.services.work import workers
from prefect.server.store.queries import runs as queries
from prefect.types import json_codec, new_id, now

if TYPE_CHECKING:
    import sqlite3
else:
    sqlite3 = lazy("sqlite3")

APPLY_BATCH_SIZE = 20_000
"""About how many records one transaction applies: some tenths of a second, so that other writers get their turn."""

Progress = Callable[[int, int], None]
"""Called after each transaction with the number of records applied so far and of batches that wait."""

_MARKER = "journal"
_HEARTBEAT = b'"kind":"heartbeat"'


class JournalUnreadable(StoreError):
    """The journal's file is damaged or cannot be opened, so what it holds cannot be applied."""


@dataclass
class Applied:
    """Counts of applied records.

    Attributes:
        records: How many records were read and applied, those applied before included.
        dead_lettered: How many of them became dead letters: invalid ones, and those that wait for their run.
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
    applied = Applied()
    while await _count_pending_batches(home):
        batches, records, dead_lettered = await database.write(lambda tx: _apply_next_batches(tx, home))
        if not batches:
            break
        await blocking(_access_journal, home, lambda through=batches[-1].seq: reader.discard(home, through))
        applied.records += records
        applied.dead_lettered += dead_lettered
        if progress is not None:
            progress(applied.records, await _count_pending_batches(home))
    return applied


async def apply_request(tx: Transaction, body: bytes) -> dict[str, float]:
    """Apply records received over the network: JSON objects, one a line.

    Returns:
        How many records there were, how many of them became dead letters, and for heartbeats, which clients send in
        requests of their own, how often to send them.
    """
    records, dead_letters = await apply_records(tx, body)
    answer: dict[str, float] = {"records": records, "dead_lettered": dead_letters}
    if _HEARTBEAT in body:
        answer[liveness.INTERVAL_FIELD] = await heartbeat_intervals.find_interval(tx)
    return answer


async def apply_records(tx: Transaction, body: bytes) -> tuple[int, int]:
    """Apply records as `apply_request` does; return how many there were, and how many of them became dead letters."""
    lines = [reader.decode(line) for line in body.splitlines() if line]
    return len(lines), await _apply_records(tx, lines, from_network=True)


async def apply_event_records(tx: Transaction, records: Iterable[Record]) -> int:
    """Apply records made from events, without emitting events for their states; return how many are dead letters."""
    return await _apply_records(tx, records, emit_events=False)


def measure_backlog(home: Path) -> tuple[int, int]:
    """Return how many batches the journal of `home` holds, and their size in bytes.

    Raises:
        JournalUnreadable: Its file is damaged.
    """
    return _access_journal(home, lambda: reader.measure_pending(home))


async def find_dead_letters(database: Database) -> list[store.Row]:
    """Return the dead letters, newest first: each with `reason`, the `record` as it was, and `created`."""
    return await database.read(lambda tx: store.dead_letters.find(tx, order=store.dead_letters.order("-id")))


async def _apply_next_batches(tx: Transaction, home: Path) -> tuple[list[_Batch], int, int]:
    """Apply the next batches; return them, how many records they held, and how many of these are dead letters."""
    batches = await _read_next_batches(tx, home)
    lines = [record for batch in batches if not batch.is_applied for record in batch.records]
    dead_lettered = 0
    if lines:
        dead_lettered = await _apply_records(tx, lines)
        await store.meta.put(tx, {"key": _MARKER, "value": batches[-1].marker})
    return batches, len(lines), dead_lettered


# --- reading ---------------------------------------------------------------------------------------------------------


@dataclass
class _Batch:
    """One row of the journal. Its marker holds some of its content, since a new journal counts from 1 again."""

    seq: int
    records: list[dict[str, Any]]
    is_applied: bool = False

    @property
    def marker(self) -> str:
        last = json_codec.dumps(self.records[-1]).decode() if self.records else ""
        return f"{self.seq} {len(self.records)} {last[:500]}"


async def _count_pending_batches(home: Path) -> int:
    return (await blocking(measure_backlog, home))[0]


async def _read_next_batches(tx: Transaction, home: Path) -> list[_Batch]:
    """Return the next batches; those that another process has applied, and has yet to discard, are marked."""
    row = await store.meta.get(tx, _MARKER)
    marker = row["value"] if row else ""
    batches = await blocking(_access_journal, home, lambda: _read_batches(home))
    for position, batch in enumerate(batches):
        if marker.startswith(f"{batch.seq} ") and batch.marker == marker:
            for applied in batches[: position + 1]:
                applied.is_applied = True
    return batches


def _read_batches(home: Path) -> list[_Batch]:
    batches: list[_Batch] = []
    count = 0
    while count < APPLY_BATCH_SIZE:
        after = batches[-1].seq if batches else 0
        page = [_Batch(seq, lines) for seq, lines in reader.read(home, after, limit=8)]
        if not page:
            break
        batches += page
        count += sum(len(batch.records) for batch in page)
    return batches


def _access_journal(home: Path, fn: Callable[[], Any]) -> Any:
    """Call a function that reads or writes the journal, and raise `JournalUnreadable` for its database errors."""
    try:
        return fn()
    except sqlite3.Error as error:
        raise JournalUnreadable(
            f"The journal {str(file.path_in(home))!r} cannot be read ({error}): what is recorded in it is not shown "
            "until it is repaired, restored or moved away."
        ) from error


# --- applying --------------------------------------------------------------------------------------------------------


@dataclass
class _RunChanges:
    """The records about one run: the `run` record, and its states and updates in the order of their arrival."""

    record: store.Row | None = None
    changes: list[Record] = field(default_factory=list)


@dataclass
class _SortedRecords:
    """Records by what they are about, and the effects of applying them so far.

    Attributes:
        from_network: They are not trusted: see `record_admission`.
    """

    from_network: bool = False
    simple: dict[str, list[store.Row]] = field(default_factory=lambda: defaultdict(list))
    runs: dict[str, dict[UUID, _RunChanges]] = field(default_factory=lambda: {"flow_run": {}, "task_run": {}})
    artifact_updates: list[Record] = field(default_factory=list)
    heartbeats: dict[UUID, timedelta] = field(default_factory=dict)
    events: list[event_store.Event] = field(default_factory=list)
    entered: dict[str, list[emitting.StateChange]] = field(default_factory=lambda: {"flow_run": [], "task_run": []})
    dead_letters: list[store.Row] = field(default_factory=list)

    def add_dead_letter(self, record: Record, reason: str, run_id: UUID | None = None) -> None:
        line = json_codec.dumps(record).decode()
        self.dead_letters.append({"id": new_id(), "run_id": run_id, "created": now(), "reason": reason, "record": line})


async def _apply_records(
    tx: Transaction, lines: Iterable[Record], *, emit_events: bool = True, from_network: bool = False
) -> int:
    """Apply records within a transaction and return how many became dead letters."""
    new = _SortedRecords(from_network)
    for line in lines:
        _sort_record(new, line)
    await _recall_waiting_records(tx, new)
    for kind, collection in _SIMPLE.items():
        await collection.add(tx, new.simple[kind])
    await artifacts.add_many(tx, new.simple["artifact"])
    run_logs.notify_added(tx, new.simple["log"])
    updates = [update for record in new.artifact_updates if (update := await _update_artifact(tx, new, record))]
    flow_runs = await _merge_runs(tx, new, "flow_run", {})
    await _merge_runs(tx, new, "task_run", flow_runs)
    await heartbeats.renew_leases(tx, new.heartbeats)
    await heartbeat_events.emit_heartbeats(tx, new.heartbeats)
    await observed_states.record_states(tx, [each.after for entered in new.entered.values() for each in entered])
    await _release_slots(tx, new.entered["flow_run"])
    if emit_events:
        for kind, entered in new.entered.items():
            await emitting.emit_state_events(tx, kind, entered)
    _notify_of_results(tx, new.entered["task_run"])
    await artifact_events.emit_artifact_events(tx, new.simple["artifact"], updates)
    await workers.mark_stopped_offline(tx, new.events)
    await event_store.add_events(tx, new.events)
    await store.dead_letters.add(tx, new.dead_letters)
    return len(new.dead_letters)


_SIMPLE = {"process": store.processes, "flow": store.flows, "log": store.logs}

_RUNS = {"flow_run": store.flow_runs, "task_run": store.task_runs}


def _sort_record(new: _SortedRecords, record: Record) -> None:
    """Put a record where it belongs, or among the dead letters."""
    try:
        kind = record.get("kind") if isinstance(record, dict) else None
        if kind in records.STATELESS_COLLECTIONS:
            new.simple[kind].append(records.parse_simple(record))
        elif kind in _RUNS:
            run = records.parse_run(kind, record)
            run_changes = new.runs[kind].setdefault(run["id"], _RunChanges())
            run_changes.record = run_changes.record or run
            run_changes.changes += records.parse_first_states(kind, record)
        elif kind == "heartbeat":
            id_, duration = records.parse_heartbeat(record)
            new.heartbeats[id_] = max(duration, new.heartbeats.get(id_, duration))
        elif kind == "event":
            new.events.append(_parse_event(record))
        elif kind == "state" or kind == "update":
            target, id_ = records.parse_target(record, "run_id" if kind == "state" else "id")
            if target == "artifact":
                new.artifact_updates.append(record)
            else:
                new.runs[target].setdefault(id_, _RunChanges()).changes.append(record)
        else:
            raise BadRecord(_UNUSABLE_KINDS.get(str(kind), f"its kind is {kind!r}, which is not known"))
    except BadRecord as error:
        new.add_dead_letter(record, str(error))


def _parse_event(record: Record) -> event_store.Event:
    """Return the event of an `event` record."""
    try:
        event = incoming.build_event({name: value for name, value in record.items() if name != "kind"}, now())
        incoming.check_event(event)
    except ServiceError as error:
        raise BadRecord(str(error)) from None
    return event


_UNUSABLE_KINDS = {
    "damaged": "it is not JSON",
    "unreadable": "its writer could not put it into JSON",
}
"""Kinds that stand for records whose content is lost, and the reason."""


async def _recall_waiting_records(tx: Transaction, new: _SortedRecords) -> None:
    """Put records that waited for runs which are known now in front of the new ones, which were written later."""
    arrived = [id_ for runs in new.runs.values() for id_, changes in runs.items() if changes.record is not None]
    if not arrived or not await queries.has_waiting_records(tx):
        return
    for batch in store.chunks(arrived):
        of_runs = {"run_id": list(batch)}
        waiting = await store.dead_letters.find(tx, of_runs, order=store.dead_letters.order("-id"))
        for row in waiting:
            record = json_codec.loads(row["record"])
            new.runs[record["of"]][row["run_id"]].changes.insert(0, record)
        if waiting:
            await store.dead_letters.remove(tx, of_runs)


async def apply_waiting_records(tx: Transaction, limit: int) -> int:
    """Apply records that wait for a run which another transaction added at the same moment.

    Neither of two such transactions sees what the other has written, so the records would wait for ever.

    Args:
        tx: The transaction.
        limit: How many at most.

    Returns:
        How many records were applied.
    """
    rows = await queries.lock_applicable_records(tx, limit)
    for batch in store.chunks(rows):
        await store.dead_letters.remove(tx, {"id": [row["id"] for row in batch]})
    if rows:
        await _apply_records(tx, [json_codec.loads(row["record"]) for row in rows], from_network=True)
    return len(rows)


async def _update_artifact(tx: Transaction, new: _SortedRecords, record: Record) -> ArtifactUpdate | None:
    """Change an artifact, and return the change if the artifact is known."""
    try:
        _, id_ = records.parse_target(record, "id")
        values = records.parse_changes("artifact", record)
    except BadRecord as error:
        new.add_dead_letter(record, str(error))
        return None
    if not await store.artifacts.change(tx, [{"id": id_, **values}], list(values)):
        new.add_dead_letter(record, "its artifact is not known")
        return None
    return ArtifactUpdate(id_, record["set"], values.get("updated") or now())


async def _merge_runs(
    tx: Transaction, new: _SortedRecords, kind: str, flow_runs: dict[UUID, store.Row]
) -> dict[UUID, store.Row]:
    """Apply the records about runs of a kind, and return the rows of these runs as they are then."""
    collection = _RUNS[kind]
    known = await collection.get_many(tx, list(new.runs[kind]), lock=True)
    added: list[store.Row] = []
    changed: list[store.Row] = []
    for id_, changes in new.runs[kind].items():
        run = known.get(id_)
        if run is None and changes.record is None:
            for record in changes.changes:
                new.add_dead_letter(record, f"its {kind.replace('_', ' ')} is not known", id_)
            continue
        if run is None:
            assert changes.record is not None
            run = known[id_] = changes.record
            added.append(run)
            _apply_changes(new, kind, run, changes.changes)
        elif _apply_changes(new, kind, run, changes.changes):
            changed.append(run)
    if kind == "task_run":
        await _set_flow_run_run_counts(tx, [*added, *changed], flow_runs)
    if await collection.add(tx, added) < len(added):
        # Another transaction has added some since the look-up: the changes are applied to its rows.
        existing = await collection.get_many(tx, [run["id"] for run in added], lock=True)
        known |= existing
        changed += [run for id_, run in existing.items() if _apply_changes(new, kind, run, new.runs[kind][id_].changes)]
    await collection.change(tx, changed, [name for name in collection.table.names if name not in ("id", "created")])
    return known


def _apply_changes(new: _SortedRecords, kind: str, run: store.Row, changes: Iterable[Record]) -> bool:
    """Apply states and updates to a run's row; return whether any of them changed it."""
    is_changed = False
    state_ids: set[str] = set()
    for record in changes:
        try:
            if record["kind"] == "update":
                if new.from_network:
                    record_admission.check_owner(run, record)
                run.update(records.parse_changes(kind, record))
                is_changed = True
            else:
                state_ids.update(_insert_state(kind, run, record, new.from_network))
        except BadRecord as error:
            new.add_dead_letter(record, str(error))
    if state_ids:
        run_counts = run_states.derive_columns(run)
        run["updated"] = max(run["updated"], run["state_timestamp"])
        states = run["states"]
        new.entered[kind] += [
            emitting.StateChange(run, before, after, run_count)
            for before, after, run_count in zip([None, *states], states, run_counts, strict=False)
            if after["id"] in state_ids
        ]
    return is_changed or bool(state_ids)


def _insert_state(kind: str, run: store.Row, record: Record, from_network: bool) -> Iterable[str]:
    """Insert a recorded state into a run's history, and return its id; nothing when it is there already."""
    state, result = records.parse_state(record), records.parse_result(record)
    if from_network and not any(known["id"] == state["id"] for known in run["states"]):
        record_admission.check_owner(run, record)
        record_admission.check_result(result)
        if kind == "flow_run":
            record_admission.check_transition(run, state)
        record_admission.claim_run(run, state, records.parse_owner(record))
    if not run_states.insert_state(run["states"], state):
        return ()
    if result is not None:
        run["result"] = result
    return (state["id"],)


def _notify_of_results(tx: Transaction, entered: Iterable[emitting.StateChange]) -> None:
    """Notify those who wait for background task runs that have ended."""
    for each in entered:
        if each.after["type"] in TERMINAL and (each.run["states"][0].get("details") or {}).get("deferred"):
            tx.notify(result_topic(each.run["id"]))


def result_topic(task_run_id: UUID) -> str:
    """Return the topic of the notification that a background task run has ended."""
    return f"task-run:{task_run_id}"


async def _release_slots(tx: Transaction, entered: Iterable[emitting.StateChange]) -> None:
    """Release the slots of their deployments that flow runs which have ended still hold."""
    ended = {
        each.run["id"]: each.run
        for each in entered
        if each.run.get("deployment_id") is not None and each.run["state_type"] in TERMINAL
    }
    for run in ended.values():
        for lease_id in run_states.lease_ids(run):
            await leases.end_lease(tx, lease_id)


async def _set_flow_run_run_counts(tx: Transaction, runs: list[store.Row], flow_runs: dict[UUID, store.Row]) -> None:
    """Set on task runs to which attempt of their flow run they belong."""
    missing = {id_ for run in runs if (id_ := run.get("flow_run_id")) is not None and id_ not in flow_runs}
    counts = {id_: run["run_count"] for id_, run in flow_runs.items()}
    for batch in store.chunks(list(missing)):
        for row in await store.flow_runs.find(tx, {"id": list(batch)}, columns=("id", "run_count")):
            counts[row["id"]] = row["run_count"]
    for run in runs:
        if run["state_type"] == "RUNNING" or not run.get("flow_run_run_count"):
            run["flow_run_run_count"] = counts.get(run["flow_run_id"], 0) if run.get("flow_run_id") else 0
