"""The graph of a flow run: its task runs, the flow runs inside it, and who waited for whose result."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.db.sql import Sql, all_of, chunks, one_of
from prefect.server.services.core import presenters, reading
from prefect.server.services.core.errors import ServiceError
from prefect.server.services.core.presenters import Answer
from prefect.server.store import Row
from prefect.settings import get_current_settings

PARENTS_INPUT = "__parents__"
"""The input of a task run that names the task runs in whose bodies it was called."""


async def find_dependencies(tx: Transaction, flow_run_id: UUID) -> list[Answer]:
    """The task runs of a flow run, each with those whose results it was given."""
    await reading.get_row(tx, store.flow_runs, flow_run_id)
    where = one_of("task_run.flow_run_id", [flow_run_id])
    return [_dependency(row) for row in await store.task_runs.find(tx, where, "task_run.id")]


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
    """The graph of a flow run.

    Args:
        tx: The transaction.
        flow_run_id: The flow run.
        since: Runs that ended before this time are left out.

    Raises:
        ServiceError: It has more nodes or artifacts than the settings allow.
    """
    limits = get_current_settings().server.flow_run_graph
    run = await reading.get_row(tx, store.flow_runs, flow_run_id)
    task_runs = await _task_runs(tx, flow_run_id, since, limits.max_nodes + 1)
    if len(task_runs) > limits.max_nodes:
        raise ServiceError(
            f"The graph of flow run {flow_run_id} has more than {limits.max_nodes} nodes: ask for those that ended "
            "after a time with `since`, or raise server.flow_run_graph.max_nodes."
        )
    subflows = await _subflows(tx, [row["id"] for row in task_runs])
    artifacts = await _artifacts(tx, flow_run_id, limits.max_artifacts)
    nodes = _nodes(task_runs, subflows, artifacts)
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


async def _task_runs(tx: Transaction, flow_run_id: UUID, since: datetime, limit: int) -> list[Row]:
    where = all_of(
        [
            one_of("task_run.flow_run_id", [flow_run_id]),
            Sql("task_run.state_type IS NOT NULL AND (task_run.end_time IS NULL OR task_run.end_time >= ?)", (since,)),
        ]
    )
    names = ("id", "name", "state_type", "start_time", "expected_start_time", "end_time", "task_inputs")
    started = "coalesce(task_run.start_time, task_run.expected_start_time), task_run.id"
    return await store.task_runs.find(tx, where, started, limit, columns=names)


async def _subflows(tx: Transaction, task_run_ids: list[UUID]) -> dict[UUID, Row]:
    """The flow runs behind task runs, by task run, each with its `flow_name`."""
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
    found: list[Row] = []
    for some in chunks(task_run_ids):
        where = one_of("flow_run.parent_task_run_id", some)
        found += await store.flow_runs.find(tx, where, "flow_run.id", columns=names)
    flows = await store.flows.get_many(tx, list({row["flow_id"] for row in found}))
    return {
        row["parent_task_run_id"]: {
            **row,
            "flow_name": flows[row["flow_id"]]["name"] if row["flow_id"] in flows else "",
        }
        for row in found
    }


async def _artifacts(tx: Transaction, flow_run_id: UUID, limit: int) -> dict[UUID | None, list[Answer]]:
    """The artifacts of a flow run by task run, the newest of a key marked; data only where it is shown in the graph."""
    where = one_of("artifact.flow_run_id", [flow_run_id])
    names = ("id", "created", "key", "type", "data", "task_run_id")
    rows = await store.artifacts.find(tx, where, "artifact.created, artifact.id", limit + 1, columns=names)
    if len(rows) > limit:
        raise ServiceError(
            f"The graph of flow run {flow_run_id} has more than {limit} artifacts: raise "
            "server.flow_run_graph.max_artifacts."
        )
    newest = await _newest(tx, {row["key"] for row in rows if row["key"] is not None})
    found: dict[UUID | None, list[Answer]] = defaultdict(list)
    for row in rows:
        found[row["task_run_id"]].append(
            {
                **{name: row[name] for name in ("id", "created", "key", "type")},
                "is_latest": row["key"] is None or newest.get(row["key"]) == row["id"],
                "data": row["data"] if row["type"] == "progress" else None,
            }
        )
    return found


async def _newest(tx: Transaction, keys: Iterable[str]) -> dict[str, UUID]:
    found: dict[str, UUID] = {}
    for some in chunks(sorted(keys)):
        asked = one_of("artifact.key", some)
        first = (
            "SELECT ranked.id FROM (SELECT artifact.id, row_number() OVER (PARTITION BY artifact.key"
            f" ORDER BY artifact.created DESC, artifact.id DESC) AS rank FROM artifact WHERE {asked.text}) AS ranked"
            " WHERE ranked.rank = 1"
        )
        where = Sql(f"artifact.id IN ({first})", asked.values)
        found |= {row["key"]: row["id"] for row in await store.artifacts.find(tx, where, columns=("id", "key"))}
    return found


def _nodes(task_runs: list[Row], subflows: dict[UUID, Row], artifacts: dict[UUID | None, list[Answer]]) -> list[Answer]:
    """The nodes in the order in which they started; a task run that stands for a flow run is shown as that."""
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
    """Edges to those of the runs that are shown, each once."""
    return [{"id": id_} for id_ in dict.fromkeys(shown[id_] for id_ in ids if id_ in shown)]


def _inputs(row: Row, types: tuple[str, ...], name: str | None = None) -> list[UUID]:
    """The runs of these types that a task run was given results of: in the input of this name, or in all others."""
    inputs: dict[str, list[dict[str, Any]]] = row["task_inputs"]
    return [
        UUID(str(given["id"]))
        for key, values in inputs.items()
        if (key == name if name else key != PARENTS_INPUT)
        for given in values
        if given.get("input_type") in types
    ]
