"""The graph of a flow run: its task runs, its subflow runs, and which of them used the results of which."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.services.core import presenters, reading
from prefect.server.services.core.errors import ServiceError
from prefect.server.services.core.presenters import Answer
from prefect.server.store import Row
from prefect.server.store.queries import runs as queries
from prefect.settings import get_current_settings

PARENTS_INPUT = "__parents__"
"""The input of a task run that names the task runs in whose bodies it was called."""


async def find_dependencies(tx: Transaction, flow_run_id: UUID) -> list[Answer]:
    """Return the task runs of a flow run, each with the task runs whose results it used."""
    await reading.get_row(tx, store.flow_runs, flow_run_id)
    rows = await store.task_runs.find(tx, {"flow_run_id": flow_run_id}, store.task_runs.by_key)
    return [_dependency(row) for row in rows]


def _dependency(row: Row) -> Answer:
    run = presenters.present_task_run(row)
    names = ("id", "name", "state", "expected_start_time", "start_time", "end_time", "total_run_time")
    upstream = {id_: {"input_type": "task_run", "id": id_} for id_ in _inputs(row, ("task_run",))}
    return {
        **{name: run[name] for name in names},
        "estimated_run_time": run["estimated_run_time"],
        "upstream_dependencies": list(upstream.values()),
        "untrackable_result": bool(run["state"] and run["state"]["state_details"]["untrackable_result"]),
    }


async def build_graph(tx: Transaction, flow_run_id: UUID, since: datetime) -> Answer:
    """Return the graph of a flow run.

    Args:
        tx: The transaction.
        flow_run_id: The flow run.
        since: Runs that ended before this time are left out.

    Raises:
        ServiceError: It has more nodes or artifacts than the settings allow.
    """
    limits = get_current_settings().server.flow_run_graph
    run = await reading.get_row(tx, store.flow_runs, flow_run_id)
    task_runs = await queries.find_graph_task_runs(tx, flow_run_id, since, limits.max_nodes + 1)
    if len(task_runs) > limits.max_nodes:
        raise ServiceError(
            f"The graph of flow run {flow_run_id} has more than {limits.max_nodes} nodes: ask for those that ended "
            "after a time with `since`, or raise server.flow_run_graph.max_nodes."
        )
    subflows = await _find_subflow_runs(tx, [row["id"] for row in task_runs])
    artifacts = await _find_artifacts(tx, flow_run_id, limits.max_artifacts)
    nodes = _build_nodes(task_runs, subflows, artifacts)
    return {
        "start_time": run["start_time"] or run["expected_start_time"],
        "end_time": run["end_time"],
        "root_node_ids": [node["id"] for node in nodes if not node["parents"]],
        "nodes": [(node["id"], node) for node in nodes],
        "artifacts": artifacts[None],
        "states": [
            {name: state[name] for name in ("id", "timestamp", "type", "name")}
            for state in presenters.present_flow_run_states(run)
        ],
    }


async def _find_subflow_runs(tx: Transaction, task_run_ids: list[UUID]) -> dict[UUID, Row]:
    """Return the flow runs that task runs stand for, by the id of the task run, each with its `flow_name`."""
    names = (
        "id",
        "name",
        "flow_id",
        "parent_task_run_id",
        "state_type",
        "start_time",
        "expected_start_time",
        "end_time",
    )
    rows: list[Row] = []
    for batch in store.chunks(task_run_ids):
        rows += await store.flow_runs.find(
            tx, {"parent_task_run_id": list(batch)}, store.flow_runs.by_key, columns=names
        )
    flows = await store.flows.get_many(tx, list({row["flow_id"] for row in rows}))
    return {
        row["parent_task_run_id"]: {
            **row,
            "flow_name": flows[row["flow_id"]]["name"] if row["flow_id"] in flows else "",
        }
        for row in rows
    }


async def _find_artifacts(tx: Transaction, flow_run_id: UUID, limit: int) -> dict[UUID | None, list[Answer]]:
    """Return the artifacts of a flow run by task run, the latest of each key marked.

    Data is there only where the graph shows it.
    """
    names = ("id", "created", "key", "type", "data", "task_run_id")
    rows = await store.artifacts.find(
        tx, {"flow_run_id": flow_run_id}, store.artifacts.order("created", "id"), limit + 1, columns=names
    )
    if len(rows) > limit:
        raise ServiceError(
            f"The graph of flow run {flow_run_id} has more than {limit} artifacts: raise "
            "server.flow_run_graph.max_artifacts."
        )
    latest = await queries.find_latest_artifacts(tx, {row["key"] for row in rows if row["key"] is not None})
    artifacts: dict[UUID | None, list[Answer]] = defaultdict(list)
    for row in rows:
        artifacts[row["task_run_id"]].append(
            {
                **{name: row[name] for name in ("id", "created", "key", "type")},
                "is_latest": row["key"] is None or latest.get(row["key"]) == row["id"],
                "data": row["data"] if row["type"] == "progress" else None,
            }
        )
    return artifacts


def _build_nodes(
    task_runs: list[Row], subflows: dict[UUID, Row], artifacts: dict[UUID | None, list[Answer]]
) -> list[Answer]:
    """Return the nodes by the start of their runs; a subflow run stands in place of its task run."""
    shown = {row["id"]: subflows.get(row["id"], row)["id"] for row in task_runs}
    shown |= {subflow["id"]: subflow["id"] for subflow in subflows.values()}
    nodes: dict[UUID, Answer] = {}
    for row in task_runs:
        subflow = subflows.get(row["id"])
        run = subflow or row
        parents = _edges(_inputs(row, ("task_run", "flow_run")), shown)
        nodes[run["id"]] = {
            "kind": "flow-run" if subflow else "task-run",
            "id": run["id"],
            "label": f"{subflow['flow_name']} / {subflow['name']}" if subflow else row["name"],
            "state_type": run["state_type"] or row["state_type"],
            "start_time": run["start_time"] or run["expected_start_time"],
            "end_time": run["end_time"],
            "parents": parents,
            "children": [],
            "encapsulating": _edges(_inputs(row, ("task_run",), PARENTS_INPUT), shown),
            "artifacts": artifacts.get(row["id"], []),
        }
    for node in nodes.values():
        for parent in node["parents"]:
            nodes[parent["id"]]["children"].append({"id": node["id"]})
    return list(nodes.values())


def _edges(ids: Iterable[UUID], shown: dict[UUID, UUID]) -> list[Answer]:
    """Return edges to those runs that the graph shows, each once."""
    return [{"id": id_} for id_ in dict.fromkeys(shown[id_] for id_ in ids if id_ in shown)]


def _inputs(row: Row, types: tuple[str, ...], name: str | None = None) -> list[UUID]:
    """Return the runs of these types whose results a task run used: in the input `name`, or in all but the parents."""
    inputs: dict[str, list[dict[str, Any]]] = row["task_inputs"]
    return [
        UUID(str(source["id"]))
        for key, values in inputs.items()
        if (key == name if name else key != PARENTS_INPUT)
        for source in values
        if source.get("input_type") in types
    ]
