"""Evaluate triggers on committed events, and on windows that are over.

Events wait in a queue that is written in the transaction that stores them. A batch is taken out of it in the
transaction that stores what it led to: buckets, firings and jobs. So an event counts once, whenever a server ends.
Nothing here may make a transaction fail because of one automation.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias
from uuid import UUID

from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.services.automations import bucket_rows, firings, held_events
from prefect.server.services.automations.known_triggers import KnownTriggers
from prefect.server.services.events import event_store
from prefect.server.services.events.event_store import Event, EventKey
from prefect.server.store import Row
from prefect.server.store.filters.events import restore_name
from prefect.server.store.queries import automations as queries
from prefect.server.store.queries import events as event_queries
from prefect.triggers.buckets import Bucket
from prefect.triggers.occurrences import Firing, Occurrence
from prefect.triggers.ordering import order_by_cause
from prefect.triggers.trees import BucketKey, TriggerTree

logger = logging.getLogger("prefect.server.automations")

BATCH_SIZE = 100
"""Events that are evaluated in one transaction, unless one notification names more: others wait for it, some 20 ms."""


_OWN_EVENTS = "prefect.automation."
"""The beginning of the names of events that automations cause themselves."""


@dataclass(frozen=True)
class Evaluation:
    """What the evaluation of a batch has found.

    Attributes:
        count: How much was due.
        jobs: The jobs of the automations that fired.
    """

    count: int
    jobs: firings.NewJobs


Evaluate: TypeAlias = Callable[[Transaction, KnownTriggers], Awaitable[Evaluation]]
"""Evaluates a batch of what is due."""


class StaleTriggers(Exception):
    """Automations have changed since the triggers were read."""


async def evaluate_queued_events(tx: Transaction, known: KnownTriggers) -> Evaluation:
    """Evaluate the next events of the queue, and those that were held until these had arrived.

    Raises:
        StaleTriggers: The triggers must be read first.
    """
    keys = await _take_keys(tx)
    if await queries.find_versions(tx) != known.versions:
        raise StaleTriggers
    rows = await event_queries.find_by_keys(tx, keys) if keys and known.trees else []
    candidates = _find_candidates(rows, known)
    jobs = firings.NewJobs()
    if candidates:
        arrived = {row["id"] for row in rows}
        jobs += await _evaluate(tx, known, *await held_events.hold_early(tx, candidates, arrived))
    if len(keys) < BATCH_SIZE:
        jobs += await _evaluate_released_events(tx, known)
    return Evaluation(len(keys), jobs)


async def _evaluate_released_events(tx: Transaction, known: KnownTriggers) -> firings.NewJobs:
    """Evaluate events whose turn it is now, because the one that they follow was evaluated or did not arrive."""
    keys, predecessors = await held_events.release(tx, BATCH_SIZE)
    if not keys:
        return firings.NewJobs()
    candidates = _find_candidates(await event_queries.find_by_keys(tx, keys), known)
    return await _evaluate(tx, known, candidates, predecessors)


async def end_due_windows(tx: Transaction, known: KnownTriggers, at: datetime) -> Evaluation:
    """End windows that are over, and remove buckets that are no longer needed.

    Raises:
        StaleTriggers: The triggers must be read first.
    """
    if await queries.find_versions(tx) != known.versions:
        raise StaleTriggers
    rows = await queries.lock_due_buckets(tx, at, BATCH_SIZE)
    session = _Session(known)
    await session.load(tx, _find_keys_above(rows, known), rows)
    for row in rows:
        session.end_window(row, at)
    return Evaluation(len(rows), await session.save(tx))


async def move_windows(tx: Transaction, by: timedelta, at: datetime) -> int:
    """Move the windows that are open, because the clock was set; return how many there are.

    Args:
        tx: The transaction.
        by: How far the clock was set forward.
        at: The time before it was set.
    """
    rows = await queries.find_open_windows(tx, at)
    for row in rows:
        row["start"], row["until"], row["due"] = row["start"] + by, row["until"] + by, row["due"] + by
    await store.buckets.change(tx, rows, ("start", "until", "due"))
    return len(rows)


# --- reading the queue -----------------------------------------------------------------------------------------------


async def _take_keys(tx: Transaction) -> list[EventKey]:
    """Remove the next rows of the queue and return the keys of their events."""
    keys: list[EventKey] = []
    taken: list[UUID] = []
    for row in await queries.lock_queued_events(tx, BATCH_SIZE):
        keys += event_store.unpack_keys(row["keys"])
        taken.append(row["id"])
        if len(keys) >= BATCH_SIZE:
            break
    if taken:
        await store.event_queue.remove(tx, {"id": taken})
    return keys


def _find_candidates(rows: Iterable[Row], known: KnownTriggers) -> list[tuple[Occurrence, list[UUID]]]:
    """Return the events that may concern triggers, each with the automations."""
    candidates: list[tuple[Occurrence, list[UUID]]] = []
    for row in rows:
        # The name decides about most events, which need not be unpacked then.
        ids = known.index.find_candidates(restore_name(row["event"], row["resource"])[0])
        if not ids:
            continue
        occurrence = to_occurrence(event_store.from_row(row))
        if occurrence.event.startswith(_OWN_EVENTS):
            ids = [id_ for id_ in ids if occurrence.resource["prefect.resource.id"] != f"{_OWN_EVENTS}{id_}"]
        if ids:
            candidates.append((occurrence, ids))
    return candidates


def to_occurrence(event: Event) -> Occurrence:
    """Return an event as triggers see it."""
    names = ("occurred", "id", "event", "resource", "related", "follows")
    return Occurrence(**{name: event[name] for name in names})


def _find_keys_above(rows: Iterable[Row], known: KnownTriggers) -> list[BucketKey]:
    """Return the keys of the buckets above the triggers of some buckets."""
    return [
        key
        for row in rows
        if (tree := known.trees.get(row["automation_id"])) and row["trigger_id"] in tree.nodes
        for key in tree.find_keys_above(row["trigger_id"])
    ]


# --- evaluation ------------------------------------------------------------------------------------------------------


async def _evaluate(
    tx: Transaction, known: KnownTriggers, candidates: held_events.Candidates, predecessors: Mapping[UUID, datetime]
) -> firings.NewJobs:
    session = _Session(known)
    automations = {occurrence.id: automation_ids for occurrence, automation_ids in candidates}
    keys = [
        key
        for occurrence, automation_ids in candidates
        for automation_id in automation_ids
        for key in known.trees[automation_id].find_keys(occurrence)
    ]
    await session.load(tx, keys)
    for occurrence in order_by_cause([occurrence for occurrence, _ in candidates], predecessors):
        for automation_id in automations[occurrence.id]:
            session.observe(automation_id, occurrence)
    return await session.save(tx)


class _Session:
    """The buckets and firings of one transaction.

    Args:
        known: The triggers.
    """

    def __init__(self, known: KnownTriggers) -> None:
        self._known = known
        self._before: dict[BucketKey, Bucket | None] = {}
        self._buckets: dict[BucketKey, Bucket | None] = {}
        self._fired: list[tuple[UUID, UUID, Firing]] = []

    async def load(self, tx: Transaction, keys: Iterable[BucketKey], rows: Sequence[Row] = ()) -> None:
        """Read buckets; `rows` are some that were read before."""
        ids = {key.id for key in keys}
        found = await store.buckets.get_many(tx, list(ids), lock=True) if ids else {}
        for row in (*rows, *found.values()):
            self._before[bucket_rows.read_key(row)] = bucket_rows.from_row(row)
        self._buckets = dict(self._before)

    def observe(self, automation_id: UUID, occurrence: Occurrence) -> None:
        """Evaluate the trigger of an automation on an event."""
        tree = self._known.trees[automation_id]
        self._try(tree, lambda: tree.observe(occurrence, self._buckets))

    def end_window(self, row: Row, at: datetime) -> None:
        """End the window of a bucket; without its automation it is removed."""
        key, tree = bucket_rows.read_key(row), self._known.trees.get(row["automation_id"])
        if tree is None:
            self._buckets[key] = None
        else:
            self._try(tree, lambda: tree.end_window(key, at, self._buckets))

    def _try(self, tree: TriggerTree, evaluate: Callable[[], list[Firing]]) -> None:
        """Evaluate a trigger; the error of one that cannot be evaluated is logged, so that it stops no other."""
        try:
            found = evaluate()
        except Exception:
            logger.exception("The trigger of the automation %s cannot be evaluated", tree.automation_id)
            return
        self._fired += [(tree.automation_id, tree.root.id, firing) for firing in found]

    async def save(self, tx: Transaction) -> firings.NewJobs:
        """Write the buckets that changed, and the firings; return the jobs of their actions."""
        rows: list[Row] = []
        removed: list[UUID] = []
        for key, bucket in self._buckets.items():
            if bucket is self._before.get(key):
                continue
            if bucket is None:
                removed.append(key.id)
            else:
                trigger = self._known.trees[key.automation_id].nodes[key.trigger_id].trigger
                rows.append(bucket_rows.to_row(key, trigger, bucket))
        await bucket_rows.save(tx, rows, removed)
        return await firings.add_firings(tx, self._fired) if self._fired else firings.NewJobs()
