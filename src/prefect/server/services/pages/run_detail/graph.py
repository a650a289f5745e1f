"""The graph and the timeline of a flow run, in few bytes: times as milliseconds, edges as numbers of nodes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from itertools import zip_longest
from typing import Any
from uuid import UUID

from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.db.times import from_micros
from prefect.server.services.core import reading
from prefect.server.services.pages.core.shapes import GraphChanges, GraphEvent, GraphNode, GraphPage, GraphPart
from prefect.server.services.runs.reports.graphs import PARENTS_INPUT
from prefect.server.store import Row
from prefect.server.store.filters.events import FLOW_RUN, TASK_RUN
from prefect.server.store.queries import events as event_queries
from prefect.server.store.queries import run_page as queries
from prefect.server.store.queries import run_pages as list_queries

MAX_NODES = 20_000

MAX_EVENTS = 500
"""The most events that are marked; of more, the newest."""

MAX_RETRIED = 500
"""The most retried task runs whose attempts are shown."""

_STATE_EVENTS = (f"{FLOW_RUN}.", f"{TASK_RUN}.")
"""Prefixes of the names of events of states and of heartbeats."""


async def build_graph(tx: Transaction, id_: UUID) -> GraphPage:
    """Return the graph of a flow run, or raise `NotFound`."""
    run = await reading.get_row(tx, store.flow_runs, id_)
    rows = await queries.find_graph_rows(tx, id_, MAX_NODES)
    left_out = 0
    if len(rows) == MAX_NODES:
        counts = (await list_queries.count_task_states(tx, [id_])).get(id_, {})
        left_out = sum(counts.values()) - MAX_NODES
    start = _get_start(run)
    numbers = {str(row["id"]): number for number, row in enumerate(rows)}
    subflows = await queries.find_subflow_runs(tx, id_)
    nodes = await _build_nodes(tx, rows, start, subflows)
    for row, node in zip(rows, nodes, strict=True):
        node["parents"] = [numbers[used] for used in _find_used(row) if used in numbers]
    return {
        **_build_part(run, nodes, subflows),
        "left_out": max(left_out, 0),
        "events": _build_events(await event_queries.find_marks(tx, id_, MAX_EVENTS), start),
    }


async def build_changes(
    tx: Transaction, id_: UUID, task_run_ids: Collection[UUID], events: Iterable[Row]
) -> GraphChanges | None:
    """Return what changed in the graph of a flow run, or None where that run does not exist any more.

    Args:
        tx: The transaction.
        id_: The flow run.
        task_run_ids: Its task runs that changed.
        events: Rows of new events about it.
    """
    run = await store.flow_runs.get(tx, id_)
    if run is None:
        return None
    found = await queries.get_graph_rows(tx, task_run_ids)
    start = _get_start(run)
    subflows = await queries.find_subflows_behind(tx, [row["id"] for row in found])
    nodes = await _build_nodes(tx, found, start, subflows)
    return {
        **_build_part(run, nodes, subflows),
        "uses": {node["id"]: _find_used(row) for row, node in zip(found, nodes, strict=True)},
        "events": _build_events([row for row in events if not row["event"].startswith(_STATE_EVENTS)], start),
    }


def _get_start(run: Row) -> datetime | None:
    return run["start_time"] or run["expected_start_time"]


def _build_part(run: Row, nodes: list[GraphNode], subflows: Iterable[Row]) -> GraphPart:
    return {
        "start": _get_start(run),
        "end": run["end_time"],
        "state_type": run["state_type"],
        "nodes": nodes,
        "subflows": {row["id"]: row["parent_task_run_id"] for row in subflows},
    }


async def _build_nodes(
    tx: Transaction, rows: Sequence[Row], start: datetime | None, subflow_runs: Iterable[Row]
) -> list[GraphNode]:
    """Return task runs, or the subflow runs that they stand for, as nodes without edges."""
    subflows = {row["parent_task_run_id"]: row for row in subflow_runs}
    retried = [row["id"] for row in rows if (row["run_count"] or 0) > 1][:MAX_RETRIED]
    attempts = await queries.find_attempts(tx, retried) if retried else {}
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
                "parents": [],
                "attempts": _find_attempts(start, attempts.get(row["id"], [])),
            }
        )
    return nodes


def _build_events(rows: Iterable[Row], start: datetime | None) -> list[GraphEvent]:
    return [
        {
            "id": row["id"],
            "name": row["event"],
            "resource": row["resource"],
            "occurred": row["occurred"],
            "at": _offset(start, row["occurred"]) or 0.0,
        }
        for row in rows
    ]


def _offset(start: datetime | None, at: datetime | None) -> float | None:
    return None if start is None or at is None else round((at - start) / timedelta(milliseconds=1), 1)


def _find_used(row: Row) -> list[str]:
    """Return the ids of the runs whose results a task run used."""
    inputs: dict[str, list[dict[str, Any]]] = row["task_inputs"]
    used = (each.get("id") for name, values in inputs.items() if name != PARENTS_INPUT for each in values)
    return list(dict.fromkeys(str(id_) for id_ in used if id_))


def _find_attempts(start: datetime | None, states: list[Any]) -> list[tuple[float, float | None]]:
    """Return where each attempt of a run began and ended, from its states."""
    found: list[tuple[float, float | None]] = []
    for state, following in zip_longest(states, states[1:]):
        if state["type"] == "RUNNING":
            ended = _offset(start, from_micros(following["timestamp"])) if following else None
            found.append((_offset(start, from_micros(state["timestamp"])) or 0.0, ended))
    return found
