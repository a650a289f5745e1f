"""Inputs of flow runs: JSON values that people and other runs send to a flow run under a key."""

from __future__ import annotations

import re
from collections.abc import Sequence
from uuid import UUID

from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.services.core import paging, reading
from prefect.server.services.core.errors import Conflict, InvalidRequest, NotFound
from prefect.server.services.core.presenters import Answer
from prefect.server.store.queries import runs as queries
from prefect.types import new_id, now

_KEY = re.compile(r"[A-Za-z0-9._-]+").fullmatch


async def add(tx: Transaction, flow_run_id: UUID, key: str, value: str, sender: str | None = None) -> None:
    """Add an input of a flow run.

    Raises:
        NotFound: There is no such flow run.
        Conflict: It has an input of this key.
        InvalidRequest: The key has other characters than letters, digits, `.`, `_` and `-`.
    """
    if not _KEY(key):
        raise InvalidRequest(f"key is {key!r}, and may have only letters, digits, '.', '_' and '-'.")
    await reading.get_row(tx, store.flow_runs, flow_run_id)
    at = now()
    row = {"id": new_id(), "created": at, "updated": at, "flow_run_id": flow_run_id, "key": key}
    row |= {"value": value, "sender": sender}
    if not await store.flow_run_inputs.add(tx, [row]):
        raise Conflict("A flow run input with this key already exists.")


async def put(tx: Transaction, flow_run_id: UUID, key: str, value: str) -> None:
    """Add an input of a flow run, or replace the one of this key."""
    await store.flow_run_inputs.remove(tx, {"flow_run_id": flow_run_id, "key": key})
    await add(tx, flow_run_id, key, value)


async def find(
    tx: Transaction, flow_run_id: UUID, prefix: str, limit: int | None, exclude: Sequence[str] = ()
) -> list[Answer]:
    """Return inputs of a flow run whose keys begin with `prefix`, oldest first, without the keys `exclude`."""
    return await queries.find_inputs(tx, flow_run_id, prefix, exclude, paging.resolve_page_size(limit))


async def get(tx: Transaction, flow_run_id: UUID, key: str) -> str:
    """Return the value of an input of a flow run, or raise `NotFound`."""
    rows = await store.flow_run_inputs.find(tx, {"flow_run_id": flow_run_id, "key": key})
    if not rows:
        raise NotFound("flow run input", key)
    return rows[0]["value"]


async def remove(tx: Transaction, flow_run_id: UUID, key: str) -> None:
    """Delete an input of a flow run, or raise `NotFound`."""
    if not await store.flow_run_inputs.remove(tx, {"flow_run_id": flow_run_id, "key": key}):
        raise NotFound("flow run input", key)
