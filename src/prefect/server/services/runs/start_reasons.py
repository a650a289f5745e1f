"""Why a flow run has not started, in one sentence."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.services.core import reading
from prefect.server.services.core.presenters import Answer
from prefect.server.services.runs import claims, transitions
from prefect.server.services.work import workers
from prefect.server.store import Row
from prefect.server.store.queries import work as queries
from prefect.types import now

MAX_NAMED_RUNS = 3
"""How many runs that hold slots a sentence names."""


async def explain(tx: Transaction, id_: UUID) -> Answer:
    """Return why a flow run has not started: a `reason` for programs and a `message` for people."""
    run = await reading.get_row(tx, store.flow_runs, id_)
    reason, message = await _find_reason(tx, run)
    return {"flow_run_id": id_, "reason": reason, "message": f"Flow run {run['name']!r} {message}"}


async def _find_reason(tx: Transaction, run: Row) -> tuple[str, str]:
    type_, since = run["state_type"], _format_since(run["state_timestamp"])
    if type_ == "PENDING":
        claim = claims.find_claim(run)
        if claim is not None and "worker" in claim:
            return "claimed", f"was claimed {since} by the worker {claim['worker']!r}, which is starting it."
        return "pending", f"is pending {since}: whoever runs it has not begun."
    if type_ == "RUNNING":
        return "running", f"has started: it is running {since}."
    if type_ == "PAUSED":
        return "paused", f"has started, and is paused {since}: it goes on when it is resumed."
    if type_ == "CANCELLING":
        return "cancelling", f"is being cancelled {since}."
    if type_ != "SCHEDULED":
        return "ended", f"has ended: it is {run['state_name']} {since}."
    return await _explain_scheduled(tx, run)


async def _explain_scheduled(tx: Transaction, run: Row) -> tuple[str, str]:
    due, at = run["next_scheduled_start_time"], now()
    deployment = await store.deployments.get(tx, run["deployment_id"]) if run["deployment_id"] else None
    if run["state_name"] != "AwaitingConcurrencySlot" and due is not None and due > at:
        if run["auto_scheduled"] and deployment is not None and deployment["paused"]:
            return "deployment_paused", f"will not start: its deployment {deployment['name']!r} is paused."
        return "scheduled", f"is scheduled for {due:%Y-%m-%d %H:%M:%S} UTC, in {_format_duration(due - at)}."
    if run["work_queue_id"] is None:
        return _explain_without_queue(deployment)
    queue = await reading.get_row(tx, store.work_queues, run["work_queue_id"])
    pool = await reading.get_row(tx, store.work_pools, queue["work_pool_id"])
    return (
        _explain_paused(queue, pool)
        or await _explain_deployment_limit(tx, run, deployment)
        or await _explain_slots(tx, queue, pool)
        or await _explain_workers(tx, pool)
        or await _explain_position(tx, run, queue, pool)
    )


def _explain_without_queue(deployment: Row | None) -> tuple[str, str]:
    if deployment is None:
        return "no_deployment", "has no deployment, so nothing starts it: run it with `prefect flow-run execute`."
    polled = deployment["last_polled"]
    seen = f"was last there {_format_ago(polled)}" if polled else "has never been there"
    return "no_runner", f"waits for the process that serves its deployment {deployment['name']!r}, which {seen}."


def _explain_paused(queue: Row, pool: Row) -> tuple[str, str] | None:
    if pool["is_paused"]:
        return "pool_paused", f"waits: its work pool {pool['name']!r} is paused."
    if queue["is_paused"]:
        return "queue_paused", f"waits: its work queue {queue['name']!r} in the pool {pool['name']!r} is paused."
    return None


async def _explain_deployment_limit(tx: Transaction, run: Row, deployment: Row | None) -> tuple[str, str] | None:
    if deployment is None:
        return None
    limit = await transitions.find_deployment_limit(tx, deployment["id"])
    if limit is None or limit["occupied"] < limit["limit_"]:
        return None
    where = {"deployment_id": deployment["id"], "state_type": ["PENDING", "RUNNING", "CANCELLING"]}
    order = store.flow_runs.order("state_timestamp", "id")
    holders = await store.flow_runs.find(tx, where, order, MAX_NAMED_RUNS + 1)
    held = _describe_holders(holders)
    limit_text = f"limit of {limit['limit_']} of its deployment {deployment['name']!r}"
    return "deployment_limit", f"waits for the {limit_text}{held}."


async def _explain_slots(tx: Transaction, queue: Row, pool: Row) -> tuple[str, str] | None:
    for kind, row, count, in_queues in (
        ("queue", queue, queries.count_slots_by_queue, [queue["id"]]),
        ("pool", pool, queries.count_slots_by_pool, None),
    ):
        limit = row["concurrency_limit"]
        if limit is None or (await count(tx, [row["id"]])).get(row["id"], 0) < limit:
            continue
        ids = in_queues or [each["id"] for each in await store.work_queues.find(tx, {"work_pool_id": pool["id"]})]
        holders = await queries.find_occupying_runs_by_queue(tx, ids, MAX_NAMED_RUNS + 1)
        held = _describe_holders(holders)
        return f"{kind}_limit", f"waits for the limit of {limit} of its work {kind} {row['name']!r}{held}."
    return None


async def _explain_workers(tx: Transaction, pool: Row) -> tuple[str, str] | None:
    found = await store.workers.find(tx, {"work_pool_id": pool["id"]})
    if any(row["status"] == workers.ONLINE for row in found):
        return None
    last = max(found, key=lambda row: row["last_heartbeat_time"], default=None)
    waits = f"waits for a worker of its work pool {pool['name']!r}"
    if last is None:
        return "no_worker", f"{waits}, which has never had one: start one with `prefect worker start`."
    seen = _format_ago(last["last_heartbeat_time"])
    return "no_worker", f"{waits}: none is online, and the last one, {last['name']!r}, was there {seen}."


async def _explain_position(tx: Transaction, run: Row, queue: Row, pool: Row) -> tuple[str, str]:
    ids = await queries.find_due_runs(tx, [queue["id"]], now(), None, POSITION_LIMIT)
    if run["id"] not in ids:
        return "queued", f"waits in the work queue {queue['name']!r} of the pool {pool['name']!r}."
    place = ids.index(run["id"])
    if place == 0:
        return "next", f"is the next one in the work queue {queue['name']!r}: a worker is about to take it."
    before = "1 run is" if place == 1 else f"{place} runs are"
    return "queued", f"waits in the work queue {queue['name']!r} of the pool {pool['name']!r}: {before} before it."


POSITION_LIMIT = 10_000
"""The last place in a queue that is looked up."""


def _describe_holders(holders: Sequence[Row]) -> str:
    if not holders:
        return ""
    named = [f"{row['name']!r} ({_format_since(row['state_timestamp'])})" for row in holders[:MAX_NAMED_RUNS]]
    more = ["others"] if len(holders) > MAX_NAMED_RUNS else []
    return ", which is held by " + " and ".join([*named, *more])


def _format_since(moment: datetime | None) -> str:
    return "" if moment is None else f"since {moment:%Y-%m-%d %H:%M:%S} UTC"


def _format_ago(moment: Any) -> str:
    return f"{_format_duration(now() - moment)} ago"


def _format_duration(duration: timedelta) -> str:
    seconds = max(0, round(duration.total_seconds()))
    for size, unit in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            count = seconds // size
            return f"{count} {unit}{'s' if count > 1 else ''}"
    return f"{seconds} second{'' if seconds == 1 else 's'}"
