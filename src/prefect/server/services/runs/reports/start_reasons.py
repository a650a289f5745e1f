"""The reason why a flow run has not started, in one sentence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.services.core import reading
from prefect.server.services.core.presenters import Answer
from prefect.server.services.runs.states import claims, transitions
from prefect.server.services.work import work_queues, workers
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
        return "paused", f"has started, and is paused {since}: it continues when it is resumed."
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
    online = await store.workers.find(
        tx, {"work_pool_id": pool["id"], "status": workers.ONLINE}, store.workers.order("name")
    )
    return (
        _explain_paused(queue, pool)
        or await _explain_deployment_limit(tx, run, deployment)
        or await _explain_slots(tx, queue, pool)
        or await _explain_workers(tx, queue, pool, online)
        or await _explain_position(tx, run, queue, pool, online)
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


async def _explain_workers(tx: Transaction, queue: Row, pool: Row, online: Sequence[Row]) -> tuple[str, str] | None:
    if not online:
        return await _explain_absence(tx, pool)
    if not work_queues.is_polled(queue):
        polled = queue["last_polled"]
        seen = "has never been polled" if polled is None else f"was last polled {_format_ago(polled)}"
        text = f"waits: no worker polls its work queue {queue['name']!r} in the pool {pool['name']!r}, which {seen}."
        return "queue_not_polled", text
    return None


async def _explain_absence(tx: Transaction, pool: Row) -> tuple[str, str]:
    known = await store.workers.find(tx, {"work_pool_id": pool["id"]})
    last = max(known, key=lambda row: row["last_heartbeat_time"], default=None)
    waits = f"waits for a worker of its work pool {pool['name']!r}"
    if last is None:
        return "no_worker", f"{waits}, which has never had one: start one with `prefect worker start`."
    seen = _format_ago(last["last_heartbeat_time"])
    return "no_worker", f"{waits}: none is online, and the last one, {last['name']!r}, was there {seen}."


async def _explain_position(tx: Transaction, run: Row, queue: Row, pool: Row, online: Sequence[Row]) -> tuple[str, str]:
    ids = await queries.find_due_runs(tx, [queue["id"]], now(), None, POSITION_LIMIT)
    place = ids.index(run["id"]) if run["id"] in ids else None
    counts = await _count_claimed_runs(tx, pool)
    if place == 0:
        # A worker that has ended a moment ago, or polls other queues, counts as online too: it does not take the run.
        is_new = now() - (run["next_scheduled_start_time"] or now()) < CLAIM_DELAY
        is_free = is_new and any(row["name"] not in counts and not _is_overdue(row) for row in online)
        waits_for = "a worker is about to take it" if is_free else _describe_workers(online, counts)
        return "next", f"is the next one in the work queue {queue['name']!r}: {waits_for}."
    waits = f"waits in the work queue {queue['name']!r} of the pool {pool['name']!r}"
    if place is None:
        return "queued", f"{waits}{await _describe_precedence(tx, run, queue)}."
    before = "1 run is" if place == 1 else f"{place} runs are"
    return "queued", f"{waits}: {before} before it, and {_describe_workers(online, counts)}."


async def _describe_precedence(tx: Transaction, run: Row, queue: Row) -> str:
    """Return which limit keeps a run from being the next one, because runs that are due before it come first."""
    limit = await transitions.find_deployment_limit(tx, run["deployment_id"]) if run["deployment_id"] else None
    if limit is not None:
        return f": runs of its deployment that were due before it come first, {limit['limit_']} at a time"
    if queue["concurrency_limit"] is not None:
        return f": runs that were due before it come first, {queue['concurrency_limit']} at a time"
    return ""


POSITION_LIMIT = 10_000
"""The last place in a queue that is looked up."""

CLAIM_DELAY = timedelta(seconds=15)
"""How soon a worker takes a run that is the next one: it polls every ten seconds, if it is not notified before."""

MAX_COUNTED_RUNS = 1_000
"""How many runs of a pool are counted by their workers."""


async def _count_claimed_runs(tx: Transaction, pool: Row) -> Mapping[str, int]:
    """Return how many runs the workers of a pool have claimed that have not ended; those without any are left out."""
    queues = await store.work_queues.find(tx, {"work_pool_id": pool["id"]}, columns=["id"])
    runs = await queries.find_states_of_occupying_runs(tx, [queue["id"] for queue in queues], MAX_COUNTED_RUNS)
    return Counter(claim["worker"] for run in runs if "worker" in (claim := claims.find_claim(run) or {}))


def _is_overdue(worker: Row) -> bool:
    """Return whether a worker that still counts as online has missed a heartbeat."""
    allowed = timedelta(seconds=worker["heartbeat_interval_seconds"] or HEARTBEAT_SECONDS) * 1.2
    return now() - worker["last_heartbeat_time"] > allowed


HEARTBEAT_SECONDS = 30
"""The interval of a worker whose interval is not known."""


def _describe_workers(online: Sequence[Row], counts: Mapping[str, int]) -> str:
    """Return which workers are online, with how many runs each."""
    named: list[str] = []
    for row in online[:MAX_NAMED_WORKERS]:
        count = counts.get(row["name"], 0)
        runs = "no run" if not count else "1 run" if count == 1 else f"{count} runs"
        silent = f", silent for {_format_duration(now() - row['last_heartbeat_time'])}" if _is_overdue(row) else ""
        named.append(f"{row['name']!r} ({runs}{silent})")
    if len(online) > MAX_NAMED_WORKERS:
        named.append("others")
    who = "the worker" if len(online) == 1 else "the workers"
    return f"{who} {' and '.join(named)} {'is' if len(online) == 1 else 'are'} online"


MAX_NAMED_WORKERS = 3
"""How many workers a sentence names."""


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
