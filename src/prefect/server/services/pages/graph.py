"""The graph and the timeline of a flow run, in few bytes: times as milliseconds, edges as numbers of nodes."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import zip_longest
from typing import Any
from uuid import UUID

from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.db.times import from_micros
from prefect.server.services.core import reading
from prefect.server.services.pages.shapes import GraphNode, GraphPage
from prefect.server.services.runs.graphs import PARENTS_INPUT
from prefect.server.store import Row
from prefect.server.store.queries import run_page as queries
from prefect.server.store.queries import run_pages as list_queries

MAX_NODES = 20_000

MAX_RETRIED = 500
"""Of how many retried task runs each attempt is shown."""


async def build_graph(tx: Transaction, id_: UUID) -> GraphPage:
    """Return the graph of a flow run, or raise `NotFound`."""
    run = await reading.get_row(tx, store.flow_runs, id_)
    rows = await queries.find_graph_rows(tx, id_, MAX_NODES)
    left_out = 0
    if len(rows) == MAX_NODES:
        counts = (await list_queries.count_task_states(tx, [id_])).get(id_, {})
        left_out = sum(counts.values()) - MAX_NODES
    start = run["start_time"] or run["expected_start_time"]
    subflows = await _find_subflows(tx, id_)
    retried = [row["id"] for row in rows if (row["run_count"] or 0) > 1][:MAX_RETRIED]
    attempts = await queries.find_attempts(tx, retried) if retried else {}
    numbers = {str(row["id"]): number for number, row in enumerate(rows)}
    nodes: list[GraphNode] = []
    for row in rows:
        subflow = subflows.get(row["id"])
        shown = {**row, **subflow} if subflow else row
        nodes.append(
            {
                "id": shown["id"],
                "kind": "flow-run" if subflow else "task-run",
                "name": shown["name"],
                "group": row["task_key"],
                "state_type": shown["state_type"],
                "state_name": shown["state_name"],
                "start": _offset(start, shown["start_time"]),
                "end": _offset(start, shown["end_time"]),
                "parents": _find_parents(row, numbers),
                "attempts": _find_attempts(start, attempts.get(row["id"], [])),
            }
        )
    return {
        "start": start,
        "end": run["end_time"],
        "state_type": run["state_type"],
        "nodes": nodes,
        "left_out": max(left_out, 0),
    }


async def _find_subflows(tx: Transaction, flow_run_id: UUID) -> dict[UUID, Row]:
    """Return the subflow runs of a flow run by the task runs that stand for them."""
    rows = await queries.find_subflow_runs(tx, flow_run_id)
    return {row["parent_task_run_id"]: row for row in rows}


def _offset(start: datetime | None, at: datetime | None) -> float | None:
    return None if start is None or at is None else round((at - start) / timedelta(milliseconds=1), 1)


def _find_parents(row: Row, numbers: dict[str, int]) -> list[int]:
    """Return the numbers of the nodes whose results a task run used."""
    inputs: dict[str, list[dict[str, Any]]] = row["task_inputs"]
    found = {
        numbers[str(each["id"])]: None
        for name, values in inputs.items()
        if name != PARENTS_INPUT
        for each in values
        if str(each.get("id")) in numbers
    }
    return list(found)


def _find_attempts(start: datetime | None, states: list[Any]) -> list[tuple[float, float | None]]:
    """Return where each attempt of a run began and ended, from its states."""
    found: list[tuple[float, float | None]] = []
    for state, following in zip_longest(states, states[1:]):
        if state["type"] == "RUNNING":
            ended = _offset(start, from_micros(following["timestamp"])) if following else None
            found.append((_offset(start, from_micros(state["timestamp"])) or 0.0, ended))
    return found
