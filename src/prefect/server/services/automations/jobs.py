"""Jobs: the actions of firings, each carried out once, or again when it failed in a way that may pass.

An action on the store is carried out in the transaction that ends its job. One on the world outside is claimed, sent
and ended: when the server ends in between, it is sent again, with the same idempotency key.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.services.automations import firings
from prefect.server.services.automations.action_context import ActionContext, ActionFailed, read_context
from prefect.server.services.automations.actions import ACTIONS
from prefect.server.services.automations.sending import SENDERS, Send
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


async def find_due(
    tx: Transaction, limit: int, without_automations: Sequence[UUID], without: Sequence[UUID]
) -> list[Row]:
    """Return the ids and automations of jobs that are due, without some and without those of some automations."""
    return await queries.find_due_jobs(tx, now(), limit, without_automations, without)


async def release_others(tx: Transaction, owner: str) -> int:
    """Make jobs due that another server had begun, which does not lead any more; return how many."""
    return await queries.release_jobs(tx, owner, now())


@dataclass(frozen=True)
class Begun:
    """A job whose action is to be sent.

    Attributes:
        send: Sends it.
        context: What it is carried out with.
    """

    send: Send
    context: ActionContext


async def begin(tx: Transaction, id_: UUID, owner: str) -> Begun | None:
    """Begin a job: carry out its action, or claim it and return what sends it; None when there is nothing to send.

    Raises:
        ActionFailed, ServiceError: The action cannot be carried out.
    """
    job = await store.action_jobs.get(tx, id_, lock=True)
    at = now()
    if job is None or (job["due"] > at and job["owner"] != owner):
        return None
    context = await read_context(tx, job)
    carry_out, prepare = ACTIONS.get(context.kind), SENDERS.get(context.kind)
    if carry_out is not None:
        await carry_out(tx, context)
        await _end(tx, job, context, "executed", context.details)
        return None
    if prepare is None:
        raise ActionFailed(f"This server knows no action of the type {context.kind!r}.")
    send = await prepare(tx, context)
    claimed = {**job, "attempts": job["attempts"] + 1, "owner": owner, "due": at + CLAIM_DURATION}
    await store.action_jobs.change(tx, [claimed], ("attempts", "owner", "due"))
    events = [] if job["attempts"] else [_build_event(context, "triggered", {})]
    if context.block is not None:
        events.append(_build_block_event(context, context.block, claimed["attempts"]))
    await event_store.add_events(tx, events)
    return Begun(send, context)


async def finish(tx: Transaction, context: ActionContext, details: Mapping[str, Any]) -> None:
    """End a job whose action was sent."""
    job = await store.action_jobs.get(tx, context.job_id, lock=True)
    if job is not None:
        await _end(tx, job, context, "executed", details)


async def fail(tx: Transaction, id_: UUID, reason: str, details: Mapping[str, Any], is_final: bool) -> None:
    """End a job whose action failed, or schedule its next attempt.

    Args:
        tx: The transaction.
        id_: The job.
        reason: Why it failed.
        details: Further fields of the event that says so.
        is_final: Whether it would fail again.
    """
    job = await store.action_jobs.get(tx, id_, lock=True)
    if job is None:
        return
    if is_final or job["attempts"] >= MAX_ATTEMPTS:
        await _end(tx, job, await _describe(tx, job), "failed", {"reason": reason, **details})
        return
    delay = FIRST_RETRY_DELAY * 4 ** max(job["attempts"] - 1, 0) * (0.8 + 0.4 * random.random())
    attempts = max(job["attempts"], 1)
    await store.action_jobs.change(
        tx, [{**job, "attempts": attempts, "owner": None, "due": now() + delay}], ("attempts", "owner", "due")
    )  # fmt: skip


async def _describe(tx: Transaction, job: Row) -> ActionContext:
    """Return the context of a job that is over, with its target as far as it can be found."""
    context = await read_context(tx, job)
    prepare = SENDERS.get(context.kind)
    block_id = context.action.get("block_document_id")
    if prepare is not None and block_id:
        context.add_target("block-document", block_id, role="block")
    for kind, field_name in _SELECTED.items():
        if context.action.get(field_name):
            context.add_target(kind, context.action[field_name])
    return context


_SELECTED = {
    "deployment": "deployment_id",
    "work-pool": "work_pool_id",
    "work-queue": "work_queue_id",
    "automation": "automation_id",
}
"""The fields of actions that select an object, by the object's kind."""


async def _end(tx: Transaction, job: Row, context: ActionContext, what: str, details: Mapping[str, Any]) -> None:
    """Remove a job and emit the events of its action."""
    await store.action_jobs.remove(tx, {"id": job["id"]})
    events = [] if job["attempts"] else [_build_event(context, "triggered", {})]
    await event_store.add_events(tx, [*events, _build_event(context, what, details)])


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
