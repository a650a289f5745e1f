"""Requests that wait for runs: until one ends, or until a background task is due."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.routes.concurrency import slot_preferences
from prefect.server.routes.core.operation import RequestInfo, Waiting
from prefect.server.services.core import reading
from prefect.server.services.events import emitting
from prefect.server.services.runs import background_tasks
from prefect.server.services.runs.ingestion.journal_ingestion import TERMINAL, result_topic
from prefect.types import now


async def read_task_run(tx: Transaction, request: RequestInfo, id_: UUID) -> Any:
    """Return a task run; with `Prefer: wait=20`, a background task run once it has ended or so many seconds passed."""
    return await _read(tx, _Kind(reading.get_task_run, store.task_runs, result_topic), id_, _find_end(request))


async def read_flow_run(tx: Transaction, request: RequestInfo, id_: UUID) -> Any:
    """Return a flow run; with `Prefer: wait=20`, once it has ended or so many seconds passed."""
    return await _read(tx, _Kind(reading.get_flow_run, store.flow_runs, emitting.end_topic), id_, _find_end(request))


@dataclass(frozen=True)
class _Kind:
    """The differences between flow runs and task runs: how one is read and found, and the topic of its end."""

    read: Callable[[Transaction, UUID], Awaitable[Any]]
    collection: store.Collection
    topic: Callable[[UUID], str]


def _find_end(request: RequestInfo) -> datetime | None:
    """Return until when a request waits; None when it does not."""
    seconds = slot_preferences.read(request).wait_seconds if "prefer" in request.headers else 0.0
    return now() + timedelta(seconds=seconds) if seconds else None


async def _read(tx: Transaction, kind: _Kind, id_: UUID, until: datetime | None) -> Any:
    answer = await kind.read(tx, id_)
    if until is None or answer["state_type"] in TERMINAL:
        return answer
    left = (until - now()).total_seconds()
    if left <= 0:
        return answer

    async def has_ended(reading_tx: Transaction) -> bool:
        found = await kind.collection.find(reading_tx, {"id": id_}, columns=["state_type"])
        return not found or found[0]["state_type"] in TERMINAL

    return Waiting(
        topic=kind.topic(id_),
        seconds=left,
        is_ready=has_ended,
        attempt=lambda writing: _read(writing, kind, id_, until),
        give_up=_do_nothing,
    )


async def claim(tx: Transaction, request: RequestInfo, worker: str, task_keys: list[str], lease: timedelta) -> Any:
    """Claim the next due run of these tasks for a worker, waiting for one as the request prefers."""
    preferences = slot_preferences.read(request)
    claimant = background_tasks.Claimant(worker, lease, preferences.process)
    return await _claim(tx, claimant, task_keys, now() + timedelta(seconds=preferences.wait_seconds))


async def _claim(tx: Transaction, claimant: background_tasks.Claimant, keys: list[str], until: datetime) -> Any:
    found = await background_tasks.claim_task_run(tx, keys, claimant)
    left = (until - now()).total_seconds()
    if found is not None or left <= 0:
        return found
    return Waiting(
        topic=background_tasks.TOPIC,
        seconds=await background_tasks.find_seconds_until_due(tx, keys, left),
        is_ready=lambda reading_tx: background_tasks.has_unclaimed(reading_tx, keys),
        attempt=lambda writing: _claim(writing, claimant, keys, until),
        give_up=_do_nothing,
    )


async def _do_nothing(_: Transaction) -> None:
    pass
