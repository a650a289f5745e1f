"""Jobs: the actions of firings. An action that fails in a way that may pass is tried again.

An action on the store is executed in the transaction that ends its job. One on the world outside is claimed, sent
and ended: when the server ends in between, it is sent again, with the same idempotency key.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import groupby
from typing import Any, TypeAlias
from uuid import UUID

from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.services.automations import firings, sending
from prefect.server.services.automations.action_context import ActionContext, ActionFailed, read_contexts
from prefect.server.services.automations.actions import ACTIONS, RUN_DEPLOYMENT, run_deployments
from prefect.server.services.automations.sending import SENDERS, Send
from prefect.server.services.core.errors import ServiceError
from prefect.server.services.events import emitting, event_store
from prefect.server.services.events.event_store import Event
from prefect.server.store import Row
from prefect.server.store.queries import automations as queries
from prefect.triggers.trees import derive_id
from prefect.types import now

MAX_ATTEMPTS = 5
"""How often an action is tried at most."""

FIRST_RETRY_DELAY = timedelta(seconds=1)
"""The delay before the second attempt; each later one is four times as long."""

CLAIM_DURATION = timedelta(seconds=60)
"""How long a server may take to send something before another one does; longer than the time limit of sending."""

FOLLOWS_LIMIT = timedelta(minutes=5)
"""Events further apart do not follow each other."""


async def find_due(tx: Transaction, limit: int, without_automations: Sequence[UUID]) -> list[UUID]:
    """Return the ids of due jobs, without the jobs of some automations."""
    return await queries.find_due_jobs(tx, now(), limit, without_automations)


async def release_jobs_of_other_servers(tx: Transaction, owner: str) -> int:
    """Make jobs due that a former leader has started and not ended; return how many."""
    return await queries.release_jobs(tx, owner, now())


@dataclass(frozen=True)
class StartedJob:
    """A job whose action is to be sent.

    Attributes:
        send: Sends the notification or calls the webhook.
        context: The context of the action.
    """

    send: Send
    context: ActionContext


@dataclass(frozen=True)
class StartResult:
    """The result of starting jobs.

    Attributes:
        found: How many jobs were due.
        count: How many of them are done, failed or to be sent; the rest is still due.
        started: The jobs whose actions are to be sent.
    """

    found: int
    count: int
    started: list[StartedJob]


async def start_due(
    tx: Transaction, limit: int, without_automations: Sequence[UUID], owner: str, capacity: Callable[[UUID], int]
) -> StartResult:
    """Start due jobs, without the jobs of some automations, as `start` does."""
    ids = await find_due(tx, limit, without_automations)
    return await start(tx, ids, owner, capacity) if ids else StartResult(0, 0, [])


async def start(tx: Transaction, ids: Sequence[UUID], owner: str, capacity: Callable[[UUID], int]) -> StartResult:
    """Start jobs: execute actions on the store, and claim jobs whose actions are to be sent.

    The jobs of a firing are started in their order. An action that is refused fails, and affects no other.

    Args:
        tx: The transaction.
        ids: The jobs.
        owner: The server that starts them.
        capacity: Returns how many more actions of an automation may be sent now.
    """
    rows = await store.action_jobs.get_many(tx, ids, lock=True)
    at = now()
    jobs = firings.NewJobs([job for job in rows.values() if job["due"] <= at])
    return await start_new(tx, jobs, owner, capacity)


async def start_new(tx: Transaction, jobs: firings.NewJobs, owner: str, capacity: Callable[[UUID], int]) -> StartResult:
    """Start jobs that this transaction has added or locked, as `start` does."""
    due = sorted(jobs.rows, key=lambda job: (job["body"]["index"], job["due"]))
    contexts = await read_contexts(tx, due, jobs.events)
    writes = _JobWrites()
    started: list[StartedJob] = []
    count = 0
    for _, group in groupby(zip(due, contexts, strict=True), key=lambda each: each[1].index):
        pairs = list(group)
        to_send = _select_within_capacity([pair for pair in pairs if pair[1].kind in SENDERS], capacity, started)
        on_store = [pair for pair in pairs if pair[1].kind not in SENDERS]
        await _execute_actions(tx, on_store, writes)
        started += await _claim(tx, to_send, owner, writes)
        count += len(on_store) + len(to_send)
    await writes.save(tx)
    return StartResult(len(due), count, started)


_Pair: TypeAlias = tuple[Row, ActionContext]
"""A job and the context of its action."""


def _select_within_capacity(
    pairs: Sequence[_Pair], capacity: Callable[[UUID], int], started: Sequence[StartedJob]
) -> list[_Pair]:
    """Return the first jobs of each automation, within its capacity less the jobs that have started."""
    taken = Counter(each.context.automation_id for each in started)
    chosen: list[_Pair] = []
    for job, context in pairs:
        if taken[context.automation_id] < capacity(context.automation_id):
            taken[context.automation_id] += 1
            chosen.append((job, context))
    return chosen


async def _execute_actions(tx: Transaction, pairs: Sequence[_Pair], writes: _JobWrites) -> None:
    """Execute actions on the store."""
    runs = [pair for pair in pairs if pair[1].kind == RUN_DEPLOYMENT]
    refusals = await run_deployments(tx, [context for _, context in runs])
    outcomes = list(zip(runs, refusals, strict=True))
    for job, context in pairs:
        if context.kind != RUN_DEPLOYMENT:
            outcomes.append(((job, context), await _execute_action(tx, context)))
    for (job, context), refusal in outcomes:
        if refusal is None:
            writes.end(job, context, "executed", context.details)
        else:
            writes.fail(job, context, refusal)


async def _execute_action(tx: Transaction, context: ActionContext) -> ServiceError | None:
    """Execute an action; return the error if it is refused, in which case nothing has changed."""
    execute = ACTIONS.get(context.kind)
    if execute is None:
        return ActionFailed(f"This server knows no action of the type {context.kind!r}.")
    try:
        async with tx.savepoint():
            await execute(tx, context)
    except ServiceError as error:
        return error
    return None


async def _claim(tx: Transaction, pairs: Sequence[_Pair], owner: str, writes: _JobWrites) -> list[StartedJob]:
    """Claim the jobs of actions that are to be sent, and return what sends them."""
    started: list[StartedJob] = []
    prepared = await sending.prepare(tx, [context for _, context in pairs])
    for (job, context), send in zip(pairs, prepared, strict=True):
        if isinstance(send, ServiceError):
            writes.fail(job, context, send)
        else:
            writes.claim(job, context, owner)
            started.append(StartedJob(send, context))
    return started


@dataclass(frozen=True)
class JobOutcome:
    """The outcome of an action that was sent.

    Attributes:
        job_id: The job of the action.
        details: Further fields of the event `prefect.automation.action.executed`.
        failure: The error of a failed action; None after a success.
    """

    job_id: UUID
    details: Mapping[str, Any] = field(default_factory=dict[str, Any])
    failure: ServiceError | None = None


async def end(tx: Transaction, outcomes: Sequence[tuple[JobOutcome, ActionContext | None]]) -> None:
    """End jobs, or schedule another attempt of jobs that failed in a way that may pass.

    Args:
        tx: The transaction.
        outcomes: The outcome of each, and the context of its action, if that has been read.
    """
    rows = await store.action_jobs.get_many(tx, [outcome.job_id for outcome, _ in outcomes], lock=True)
    writes = _JobWrites()
    for outcome, known in outcomes:
        job = rows.get(outcome.job_id)
        if job is None:
            continue
        context = known or (await read_contexts(tx, [job], {}))[0]
        if outcome.failure is None:
            writes.end(job, context, "executed", outcome.details)
        else:
            writes.fail(job, context, outcome.failure)
    await writes.save(tx)


class _JobWrites:
    """The changes of a transaction to jobs, written in few statements at its end."""

    def __init__(self) -> None:
        self._ended: list[UUID] = []
        self._changed: list[Row] = []
        self._events: list[Event] = []

    def end(self, job: Row, context: ActionContext, what: str, details: Mapping[str, Any]) -> None:
        """Remove a job and emit the events of its action."""
        self._ended.append(job["id"])
        self._add_triggered(job, context)
        self._events.append(_build_event(context, what, details))

    def claim(self, job: Row, context: ActionContext, owner: str) -> None:
        """Claim a job for some time."""
        self._add_triggered(job, context)
        claimed = {**job, "attempts": job["attempts"] + 1, "owner": owner, "due": now() + CLAIM_DURATION}
        self._changed.append(claimed)
        if context.block is not None:
            self._events.append(_build_block_event(context, context.block, claimed["attempts"]))

    def fail(self, job: Row, context: ActionContext, failure: ServiceError) -> None:
        """End a job whose action failed, or schedule its next attempt."""
        details = failure.details if isinstance(failure, ActionFailed) else {}
        is_final = failure.is_final if isinstance(failure, ActionFailed) else True
        if is_final or job["attempts"] >= MAX_ATTEMPTS:
            self.end(job, _describe_failed(context), "failed", {"reason": str(failure), **details})
            return
        delay = FIRST_RETRY_DELAY * 4 ** max(job["attempts"] - 1, 0) * (0.8 + 0.4 * random.random())
        attempts = max(job["attempts"], 1)
        self._changed.append({**job, "attempts": attempts, "owner": None, "due": now() + delay})

    def _add_triggered(self, job: Row, context: ActionContext) -> None:
        if not job["attempts"]:
            self._events.append(_build_event(context, "triggered", {}))

    async def save(self, tx: Transaction) -> None:
        """Write the changes."""
        if self._ended:
            await store.action_jobs.remove(tx, {"id": self._ended})
        if self._changed:
            await store.action_jobs.change(tx, self._changed, ("attempts", "owner", "due"))
        if self._events:
            await event_store.add_events(tx, self._events)


def _describe_failed(context: ActionContext) -> ActionContext:
    """Return the context of an action that failed, with its target as far as its automation selects it."""
    described = replace(context, related=[], details={})
    block_id = context.action.get("block_document_id")
    if context.kind in SENDERS and block_id:
        described.add_target("block-document", block_id, role="block")
    for kind, field_name in _SELECTED.items():
        if context.action.get(field_name):
            described.add_target(kind, context.action[field_name])
    return described


_SELECTED = {
    "deployment": "deployment_id",
    "work-pool": "work_pool_id",
    "work-queue": "work_queue_id",
    "automation": "automation_id",
}
"""The fields of actions that select an object, by the object's kind."""


def _build_event(context: ActionContext, what: str, details: Mapping[str, Any]) -> Event:
    """Return the event `prefect.automation.action.WHAT`."""
    causes = [firings.describe_cause(context.firing_event, "automation-triggered-event")]
    if context.event is not None:
        causes.append(firings.describe_cause(context.event["id"], "triggering-event"))
    payload = {"action_index": context.index, "action_type": context.kind, "invocation": str(context.job_id)}
    triggered_id = derive_id(context.job_id, "triggered")
    follows: UUID | None = triggered_id
    if what == "triggered":
        event = context.event
        follows = event["id"] if event and now() - event["occurred"] < FOLLOWS_LIMIT else None
    return emitting.build_event(
        f"prefect.automation.action.{what}",
        context.automation,
        [*context.related, *causes],
        {**payload, **details},
        id=derive_id(context.job_id, what),
        follows=follows,
    )


def _build_block_event(context: ActionContext, block: Mapping[str, Any], attempt: int) -> Event:
    """Return the event of the block that was loaded for an action."""
    slug = block["block_type"]["slug"]
    return emitting.build_event(
        f"prefect.block.{slug}.loaded",
        emitting.resource_labels("block-document", block["id"], block["name"]),
        [emitting.resource_labels("block-type", slug, role="block-type")],
        id=derive_id(context.job_id, "loaded", attempt),
    )
