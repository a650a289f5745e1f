"""The overview: problems that need attention first, then recent, running and upcoming runs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.services.pages import automations, catalog, work
from prefect.server.services.pages.core import run_rows
from prefect.server.services.pages.core.catalog_shapes import (
    DeploymentRow,
    FlowGroups,
    OverviewPage,
    TaskRunCounts,
    WorkerInPool,
)
from prefect.server.services.pages.core.shapes import RunRow
from prefect.server.services.pages.run_detail import flow_run
from prefect.server.services.pages.run_list import run_query
from prefect.server.services.runs.reports import start_reasons
from prefect.server.services.runs.states.run_states import STATE_NAMES
from prefect.server.store import Row
from prefect.server.store.queries import catalog_pages as queries
from prefect.server.store.queries import run_pages, run_search
from prefect.types import now

LIST_SIZE = 8
CHART_COLUMNS = 48
LATEST_RUNS = 80
STUCK_AFTER = timedelta(minutes=5)
MAX_LOOK_BACK = timedelta(days=7)
ACTIONS_LOOK_BACK = timedelta(days=1)
"""The age of the oldest failed actions that are shown."""

MAX_CHECKED_DEPLOYMENTS = 200
MAX_GROUPS = 100


@dataclass(frozen=True)
class ChartTime:
    """The time that the overview's chart covers.

    Attributes:
        hours: How many hours.
        back: How many times its width before its end the chart ends.
        until: Its end, where that is not now.
    """

    hours: int
    back: int = 0
    until: datetime | None = None

    def place(self, at: datetime) -> tuple[datetime, timedelta]:
        """Return when the chart begins, and the width of a column."""
        width = timedelta(hours=self.hours) / CHART_COLUMNS
        since = (self.until or at) - timedelta(hours=self.hours) * (self.back + 1)
        # Where a column begins does not move with each request, so that an unchanged page has an unchanged ETag.
        step = width.total_seconds()
        return datetime.fromtimestamp(since.timestamp() // step * step, since.tzinfo), width

    @property
    def columns(self) -> int | None:
        """How many columns it has; None if it ends now, so that later ones are counted too."""
        return CHART_COLUMNS + 1 if self.back or self.until else None


async def build_overview(tx: Transaction, time: ChartTime, looked_at: datetime | None, query: str = "") -> OverviewPage:
    """Return the overview.

    Args:
        tx: The transaction.
        time: What the chart covers.
        looked_at: When a person has last looked: failures before that are known.
        query: Which flow runs, in the query language.

    Raises:
        InvalidRequest: The query is not valid.
    """
    at = now()
    chosen = run_search.compile_terms(tx, store.flow_runs, run_query.parse_query(query, "flow_run", at))
    looked_at = looked_at or at - timedelta(hours=time.hours)
    failed, failed_total = await queries.find_failed(tx, max(looked_at, at - MAX_LOOK_BACK), LIST_SIZE, chosen)
    paused = await run_pages.find_paused_flow_runs(tx, LIST_SIZE, chosen)
    shown_paused = await run_rows.present_flow_runs(tx, paused, count_tasks=False)
    open_runs = store.flow_runs.where(run_pages.OPEN_FLOW_RUNS, chosen)
    stuck = await queries.find_stuck(tx, open_runs, at - STUCK_AFTER, LIST_SIZE)
    since, width = time.place(at)
    shown = store.flow_runs.where(run_pages.not_upcoming(store.flow_runs, at), chosen)
    columns = await queries.count_by_bucket(tx, since, width, shown, time.columns)
    started = queries.has_started_between(since, since + width * time.columns if time.columns else None)
    latest = await queries.find_latest(tx, store.flow_runs.where(started, shown), LATEST_RUNS)
    upcoming, upcoming_total = await run_pages.find_upcoming(tx, chosen, at, LIST_SIZE)
    running = await run_pages.find_running_flow_runs(tx, LIST_SIZE, chosen)
    pools = (await work.build_pools_page(tx))["rows"]
    totals = {type_: sum(count for _, each, count in columns if each == type_) for type_ in STATE_NAMES}
    return {
        "failed": await run_rows.present_flow_runs(tx, failed),
        "failed_total": failed_total,
        "paused": [
            {"run": run, "pause": await flow_run.describe_pause(tx, row)}
            for run, row in zip(shown_paused, paused, strict=True)
        ],
        "late": await _present_waiting(tx, await queries.find_late(tx, LIST_SIZE, chosen)),
        "stuck": await _present_waiting(tx, stuck),
        "offline": await _find_offline_workers(tx),
        "failing": await _find_failing_deployments(tx),
        "failed_actions": await automations.find_failed_actions(tx, max(looked_at, at - ACTIONS_LOOK_BACK), LIST_SIZE),
        "states": [{"type": type_, "name": STATE_NAMES[type_], "count": n} for type_, n in totals.items() if n],
        "since": since,
        "width": width.total_seconds(),
        "columns": columns,
        "latest": [catalog.present_short(row) for row in latest],
        "running": await run_rows.present_flow_runs(tx, running),
        "upcoming": await run_rows.present_flow_runs(tx, upcoming, count_tasks=False),
        "upcoming_total": upcoming_total,
        "pools": pools,
        "outcomes": await work.compute_outcomes(tx, since, width * (CHART_COLUMNS + 1), chosen) if pools else [],
        "flows": await store.flows.count(tx),
        "deployments": await store.deployments.count(tx),
    }


async def count_task_runs(tx: Transaction, time: ChartTime, query: str = "") -> TaskRunCounts:
    """Return the counts of task runs over the time of the overview's chart; the arguments are those of the overview."""
    at = now()
    terms = run_query.parse_query(query, "flow_run", at)
    chosen = run_search.compile_terms(tx, store.flow_runs, terms)
    where = queries.has_flow_run(chosen) if terms else store.task_runs.where({})
    since, width = time.place(at)
    columns = await queries.count_by_bucket(tx, since, width, where, time.columns, store.task_runs)
    return {"since": since, "width": width.total_seconds(), "columns": columns}


async def group_by_flow(tx: Transaction, time: ChartTime, states: list[str], query: str = "") -> FlowGroups:
    """Return the flow runs of the overview's chart in some states by their flow.

    Args:
        tx: The transaction.
        time: As of the overview.
        states: The types of the states.
        query: As of the overview.
    """
    at = now()
    chosen = run_search.compile_terms(tx, store.flow_runs, run_query.parse_query(query, "flow_run", at))
    since, width = time.place(at)
    started = queries.has_started_between(since, since + width * time.columns if time.columns else None)
    upcoming = run_pages.not_upcoming(store.flow_runs, at)
    where = store.flow_runs.where(started, chosen, upcoming, {"state_type": states})
    groups = await queries.count_by_flow(tx, where, MAX_GROUPS)
    flows = await run_rows.find_names(tx, store.flows, [flow_id for flow_id, _, _ in groups])
    return {
        "rows": [
            {"flow": flows[flow_id], "count": count, "latest": latest}
            for flow_id, count, latest in groups
            if flow_id in flows
        ]
    }


async def _present_waiting(tx: Transaction, rows: list[Row]) -> list[RunRow]:
    """Return flow runs that have not begun as rows of a list, each with the reason."""
    presented = await run_rows.present_flow_runs(tx, rows, count_tasks=False)
    for row in presented:
        row["message"] = (await start_reasons.explain(tx, row["id"]))["message"]
    return presented


async def _find_offline_workers(tx: Transaction) -> list[WorkerInPool]:
    workers = await queries.find_workers(tx, {"status": "OFFLINE"})
    pools = await run_rows.find_names(tx, store.work_pools, [worker["work_pool_id"] for worker in workers])
    return [
        {
            "name": worker["name"],
            "pool": pools[worker["work_pool_id"]]["name"],
            "last_heartbeat_time": worker["last_heartbeat_time"],
        }
        for worker in workers[:LIST_SIZE]
        if worker["work_pool_id"] in pools
    ]


async def _find_failing_deployments(tx: Transaction) -> list[DeploymentRow]:
    """Return deployments whose last run that ended failed."""
    rows = await store.deployments.find(tx, {}, store.deployments.order("-updated"), MAX_CHECKED_DEPLOYMENTS)
    runs = await queries.find_latest_runs(tx, "deployment_id", [row["id"] for row in rows], 3)

    def is_failing(id_: UUID) -> bool:
        ended = [run for run in runs.get(id_, []) if run["state_type"] in run_rows.FINISHED]
        return bool(ended) and ended[0]["state_type"] in ("FAILED", "CRASHED")

    return await catalog.present_deployments(tx, [row for row in rows if is_failing(row["id"])][:LIST_SIZE])
