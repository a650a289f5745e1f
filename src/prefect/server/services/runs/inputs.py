"""Inputs of flow runs: values, as JSON text, that others leave for a flow run under a key."""

from __future__ import annotations

import re
from collections.abc import Sequence
from uuid import UUID

from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.db.sql import Sql, all_of, none_of, one_of
from prefect.server.services.core import paging, reading
from prefect.server.services.core.errors import Conflict, InvalidRequest, NotFound
from prefect.server.services.core.presenters import Answer
from prefect.types import new_id, now

_KEY = re.compile(r"[A-Za-z0-9._-]+").fullmatch


async def add(tx: Transaction, flow_run_id: UUID, key: str, value: str, sender: str | None = None) -> None:
    """Leave a value for a flow run.

    Raises:
        NotFound: There is no such flow run.
        Conflict: It has a value under this key.
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
    """Leave a value for a flow run in place of the one under this key."""
    await store.flow_run_inputs.remove(tx, _at(flow_run_id, key))
    await add(tx, flow_run_id, key, value)


async def find(
    tx: Transaction, flow_run_id: UUID, prefix: str, limit: int | None, exclude: Sequence[str] = ()
) -> list[Answer]:
    """Inputs of a flow run whose keys begin with `prefix`, oldest first, without those of the keys in `exclude`."""
    parts = [one_of("flow_run_input.flow_run_id", [flow_run_id]), none_of("flow_run_input.key", list(exclude))]
    if prefix:
        parts.append(Sql(f"substr(flow_run_input.key, 1, {len(prefix)}) = ?", (prefix,)))
    order = "flow_run_input.created, flow_run_input.id"
    return await store.flow_run_inputs.find(tx, all_of(parts), order, paging.resolve_page_size(limit))


async def get(tx: Transaction, flow_run_id: UUID, key: str) -> str:
    """The value under a key, or raise `NotFound`."""
    rows = await store.flow_run_inputs.find(tx, _at(flow_run_id, key))
    if not rows:
        raise NotFound("flow run input", key)
    return rows[0]["value"]


async def remove(tx: Transaction, flow_run_id: UUID, key: str) -> None:
    """Delete the value under a key."""
    if not await store.flow_run_inputs.remove(tx, _at(flow_run_id, key)):
        raise NotFound("flow run input", key)


def _at(flow_run_id: UUID, key: str) -> Sql:
    return Sql("flow_run_input.flow_run_id = ? AND flow_run_input.key = ?", (flow_run_id, key))
