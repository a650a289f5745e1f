"""Keeping events: how an event becomes a row and back, and how they are added."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import orjson

from prefect.server import store
from prefect.server.db.connection import Connection
from prefect.server.store import Row

Event = dict[str, Any]
"""An event as the API shows it: Python values, as in `prefect.schemas.events.ReceivedEvent`."""


async def add(tx: Connection, events: Sequence[Event]) -> int:
    """Add events; one that is known already is left as it is.

    Returns:
        How many were new.
    """
    return await store.events.add(tx, [_row(event) for event in events])


def _row(event: Event) -> Row:
    kind, _, last = event["resource"]["prefect.resource.id"].rpartition(".")
    try:
        resource_id = UUID(last)
    except ValueError:
        kind, resource_id = event["resource"]["prefect.resource.id"], None
    flow_run = resource_id if kind == "prefect.flow-run" else None
    for related in event["related"]:
        if flow_run is None and related["prefect.resource.id"].startswith("prefect.flow-run."):
            flow_run = UUID(related["prefect.resource.id"].rpartition(".")[2])
    return {
        "occurred": event["occurred"],
        "id": event["id"],
        "delay": event["received"] - event["occurred"],
        "event": event["event"],
        "resource": kind,
        "resource_id": resource_id,
        "flow_run_id": flow_run,
        "follows": event["follows"],
        "body": orjson.dumps([event["resource"], event["related"], event["payload"]]),
    }
