"""The pages of flows and deployments: lists with their latest runs, and each with its tasks over its latest runs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.services.core import reading
from prefect.server.services.core.errors import InvalidRequest
from prefect.server.services.deployments import deployments as deployment_service
from prefect.server.services.pages.core import run_rows
from prefect.server.services.pages.core.catalog_shapes import (
    DeploymentPage,
    DeploymentRow,
    DeploymentsPage,
    FlowPage,
    FlowRow,
    FlowsPage,
    GridRow,
    ShortRun,
)
from prefect.server.store import Collection, Row
from prefect.server.store.queries import catalog_pages as queries

CHART_BARS = 20
"""Runs of each object that a list shows."""

GRID_RUNS = 30
GRID_TASKS = 60
UPCOMING_SIZE = 10

_STATES_BY_SEVERITY = (
    "CRASHED",
    "FAILED",
    "CANCELLED",
    "CANCELLING",
    "RUNNING",
    "PAUSED",
    "PENDING",
    "SCHEDULED",
    "COMPLETED",
)


@dataclass(frozen=True)
class ListChoice:
    """Filters and order of a list of objects.

    Attributes:
        text: What their names hold; of deployments also those of their flows.
        tag: A tag that they have; empty for any.
        sort: Their order, as `queries.SORTS` names it.
        page: The number of the page, from 1.
        size: The most rows of a page.
        deployed: Whether flows without a deployment are left out.
        pinned: The ids of those that come first, on the first pages.
    """

    text: str = ""
    tag: str = ""
    sort: str = "name"
    page: int = 1
    size: int = 50
    deployed: bool = False
    pinned: Sequence[UUID] = ()


async def build_flows_page(tx: Transaction, choice: ListChoice) -> FlowsPage:
    """Return the page of flows."""
    rows, total = await _find_page(tx, store.flows, choice)
    shown = await present_flows(tx, rows)
    return {"rows": shown, "total": total, "page": choice.page, "pages": max(1, -(-total // choice.size))}


async def build_deployments_page(tx: Transaction, choice: ListChoice) -> DeploymentsPage:
    """Return the page of deployments."""
    rows, total = await _find_page(tx, store.deployments, choice)
    shown = await present_deployments(tx, rows)
    return {"rows": shown, "total": total, "page": choice.page, "pages": max(1, -(-total // choice.size))}


async def _find_page(tx: Transaction, collection: Collection, choice: ListChoice) -> tuple[list[Row], int]:
    parts: list[Any] = [{}]
    if choice.text:
        parts.append(queries.search_condition(tx, collection, choice.text))
    if choice.tag:
        parts.append(tx.dialect.array_has_any(f"{collection.table.name}.tags", [choice.tag]))
    if choice.deployed and collection is store.flows:
        parts.append(queries.has_deployment())
    where = collection.where(*parts)
    order = queries.page_order(collection, choice.sort)
    rows = await queries.find_page(tx, collection, where, order, choice.page, choice.size, choice.pinned)
    return rows, await collection.count(tx, where)


def parse_ids(text: str) -> list[UUID]:
    """Return ids that are separated by commas.

    Raises:
        InvalidRequest: One of them is none.
    """
    try:
        return [UUID(part) for part in text.split(",") if part]
    except ValueError:
        raise InvalidRequest(f"Ids must be separated by commas, unlike {text!r}.") from None


async def build_flow_page(tx: Transaction, id_: UUID) -> FlowPage:
    """Return the page of a flow, or raise `NotFound`."""
    row = await reading.get_row(tx, store.flows, id_)
    (flow,) = await present_flows(tx, [row], GRID_RUNS)
    deployments = await store.deployments.find(tx, {"flow_id": id_}, queries.page_order(store.deployments))
    return {
        "flow": flow,
        "deployments": await present_deployments(tx, deployments),
        "grid": await build_grid(tx, flow["runs"]),
    }


async def build_deployment_page(tx: Transaction, id_: UUID) -> DeploymentPage:
    """Return the page of a deployment, or raise `NotFound`."""
    stored = await reading.get_row(tx, store.deployments, id_)
    answer = await deployment_service.read(tx, id_)
    (row,) = await present_deployments(tx, [stored], GRID_RUNS)
    upcoming = await store.flow_runs.find(
        tx,
        {"deployment_id": id_, "state_type": "SCHEDULED"},
        store.flow_runs.order("expected_start_time", "id"),
        UPCOMING_SIZE,
    )
    options = stored["concurrency_options"] or {}
    return {
        "row": row,
        "created": stored["created"],
        "updated": stored["updated"],
        "description": stored["description"],
        "version": stored["version"],
        "labels": stored["labels"],
        "storage": stored["storage_document_id"],
        "entrypoint": stored["entrypoint"],
        "path": stored["path"],
        "concurrency_limit": (answer["global_concurrency_limit"] or {}).get("limit"),
        "collision_strategy": options.get("collision_strategy"),
        "parameters": stored["parameters"],
        "form": answer["parameter_openapi_schema"] or {},
        "enforces_form": stored["enforce_parameter_schema"],
        "job_variables": stored["job_variables"],
        "pull_steps": stored["pull_steps"] or [],
        "last_polled": stored["last_polled"],
        "upcoming": [present_short(run) for run in upcoming],
        "grid": await build_grid(tx, row["runs"]),
    }


async def present_flows(tx: Transaction, rows: Sequence[Row], bars: int = CHART_BARS) -> list[FlowRow]:
    """Return flows as rows of a list."""
    ids = [row["id"] for row in rows]
    if not ids:
        return []
    runs = await queries.find_latest_runs(tx, "flow_id", ids, bars)
    upcoming = await queries.find_next_runs(tx, "flow_id", ids)
    counts = await queries.count_deployments_by_flow(tx, ids)
    return [
        {
            "id": row["id"],
            "name": row["name"],
            "created": row["created"],
            "tags": row["tags"],
            "deployments": counts.get(row["id"], 0),
            "runs": [present_short(run) for run in runs.get(row["id"], [])],
            "next": present_short(upcoming[row["id"]]) if row["id"] in upcoming else None,
        }
        for row in rows
    ]


async def present_deployments(tx: Transaction, rows: Sequence[Row], bars: int = CHART_BARS) -> list[DeploymentRow]:
    """Return deployments as rows of a list."""
    ids = [row["id"] for row in rows]
    if not ids:
        return []
    answers = {answer["id"]: answer for answer in await deployment_service.present(tx, rows)}
    flows = await run_rows.find_names(tx, store.flows, [row["flow_id"] for row in rows])
    runs = await queries.find_latest_runs(tx, "deployment_id", ids, bars)
    upcoming = await queries.find_next_runs(tx, "deployment_id", ids)
    presented: list[DeploymentRow] = []
    for row in rows:
        answer = answers[row["id"]]
        presented.append(
            {
                "id": row["id"],
                "name": row["name"],
                "flow": flows.get(row["flow_id"]),
                "status": row["status"],
                "paused": row["paused"],
                "tags": row["tags"],
                "work_pool": answer["work_pool_name"],
                "work_queue": answer["work_queue_name"],
                "schedules": [_present_schedule(schedule) for schedule in answer["schedules"]],
                "runs": [present_short(run) for run in runs.get(row["id"], [])],
                "next": present_short(upcoming[row["id"]]) if row["id"] in upcoming else None,
            }
        )
    return presented


def _present_schedule(schedule: dict[str, Any]) -> Any:
    return {
        "id": schedule["id"],
        "active": schedule["active"],
        "slug": schedule["slug"],
        "schedule": schedule["schedule"],
        "parameters": schedule["parameters"] or {},
    }


def present_short(row: Row) -> ShortRun:
    """Return a flow run as a bar."""
    return {
        "id": row["id"],
        "name": row["name"],
        "state_type": row["state_type"],
        "state_name": row["state_name"],
        "start_time": row["start_time"],
        "expected_start_time": row["expected_start_time"],
        "seconds": (row["total_run_time"] or timedelta(0)).total_seconds(),
    }


async def build_grid(tx: Transaction, runs: Sequence[ShortRun]) -> list[GridRow]:
    """Return each task over some runs: a cell has the number of its run, and the worst state of the task's runs."""
    if not runs:
        return []
    numbers = {run["id"]: number for number, run in enumerate(runs)}
    counted: dict[str, dict[int, dict[str, tuple[int, float]]]] = defaultdict(lambda: defaultdict(dict))
    for run_id, task, type_, count, seconds in await queries.find_task_cells(tx, list(numbers)):
        counted[task][numbers[run_id]][type_] = (count, seconds)
    rows: list[GridRow] = []
    for task, by_run in sorted(counted.items(), key=lambda item: (-len(item[1]), item[0]))[:GRID_TASKS]:
        cells: list[Any] = [
            {
                "run": number,
                "state_type": min(states, key=_STATES_BY_SEVERITY.index),
                "count": sum(count for count, _ in states.values()),
                "seconds": max(seconds for _, seconds in states.values()),
            }
            for number, states in by_run.items()
        ]
        rows.append({"task": _short_task_name(task), "cells": cells})
    return rows


def _short_task_name(key: str) -> str:
    """Return the name of a task from its key, which ends in a hash or a place."""
    name = key.rpartition("-")[0] or key
    return name.rpartition(".")[2] or name
