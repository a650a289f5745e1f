"""What lists of flows show beside each: how many deployments it has, and its next run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from uuid import UUID

from prefect.server import store
from prefect.server.db.connection import Connection
from prefect.server.db.sql import Sql, all_of, one_of
from prefect.server.services.answers import Answer
from prefect.server.store import work

_SHOWN = ("id", "flow_id", "name", "state_name", "state_type", "next_scheduled_start_time")


async def deployments_of_flows(tx: Connection, flow_ids: Sequence[UUID]) -> dict[UUID, int]:
    """How many deployments each of these flows has."""
    rows = await store.deployments.find(tx, one_of("deployment.flow_id", flow_ids), columns=["flow_id"])
    counted = Counter(row["flow_id"] for row in rows)
    return {flow_id: counted[flow_id] for flow_id in flow_ids}


async def next_runs_of_flows(tx: Connection, flow_ids: Sequence[UUID]) -> dict[UUID, Answer | None]:
    """The run of each of these flows that is to start next; None for one without."""
    waiting = all_of([one_of("flow_run.flow_id", flow_ids), *work.scheduled(None)])
    first = Sql(
        "flow_run.id IN (SELECT placed.id FROM (SELECT flow_run.id, row_number() OVER (PARTITION BY flow_run.flow_id"
        " ORDER BY flow_run.next_scheduled_start_time, flow_run.id) AS place FROM flow_run"
        f" WHERE {waiting.text}) AS placed WHERE placed.place = 1)",
        waiting.values,
    )
    rows = await store.flow_runs.find(tx, first, columns=_SHOWN)
    by_flow = {row["flow_id"]: row for row in rows}
    return {flow_id: by_flow.get(flow_id) for flow_id in flow_ids}
