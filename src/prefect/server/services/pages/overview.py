"""The overview: what needs attention first, then what has run, runs and will run."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.services.pages import catalog, flow_run, run_rows, work
from prefect.server.services.pages.catalog_shapes import DeploymentRow, OverviewPage, WorkerInPool
from prefect.server.services.pages.shapes import RunRow
from prefect.server.services.runs import start_reasons
from prefect.server.services.runs.run_states import STATE_NAMES
from prefect.server.store import Row
from prefect.server.store.queries import catalog_pages as queries
from prefect.server.store.queries import run_pages
from prefect.types import now

LIST_SIZE = 8
CHART_COLUMNS = 48
STUCK_AFTER = timedelta(minutes=5)
MAX_LOOK_BACK = timedelta(days=7)
MAX_CHECKED_DEPLOYMENTS = 200


async def build_overview(tx: Transaction, hours: int, looked_at: datetime | None) -> OverviewPage:
    """Return the overview.

    Args:
        tx: The transaction.
        hours: How many hours the chart covers.
        looked_at: When a person has last looked: failures before that are known.
    """
    at = now()
    since = at - timedelta(hours=hours)
    failed, failed_total = await queries.find_failed(tx, max(looked_at or since, at - MAX_LOOK_BACK), LIST_SIZE)
    paused = await run_pages.find_paused_flow_runs(tx, LIST_SIZE)
    shown_paused = await run_rows.present_flow_runs(tx, paused, count_tasks=False)
    stuck = await queries.find_stuck(tx, run_pages.OPEN_FLOW_RUNS, at - STUCK_AFTER, LIST_SIZE)
    width = timedelta(hours=hours) / CHART_COLUMNS
    # Where a column begins does not move with each request, so that an unchanged page has an unchanged ETag.
    since = datetime.fromtimestamp(since.timestamp() // width.total_seconds() * width.total_seconds(), since.tzinfo)
    columns = await queries.count_by_bucket(tx, since, width, run_pages.not_upcoming(store.flow_runs, at))
    upcoming, upcoming_total = await run_pages.find_upcoming(tx, store.flow_runs.where({}), at, LIST_SIZE)
    running = await run_pages.find_running_flow_runs(tx, LIST_SIZE)
    totals = {type_: sum(count for _, each, count in columns if each == type_) for type_ in STATE_NAMES}
    return {
        "failed": await run_rows.present_flow_runs(tx, failed),
        "failed_total": failed_total,
        "paused": [
            {"run": run, "pause": await flow_run.describe_pause(tx, row)}
            for run, row in zip(shown_paused, paused, strict=True)
        ],
        "late": await _present_waiting(tx, await queries.find_late(tx, LIST_SIZE)),
        "stuck": await _present_waiting(tx, stuck),
        "offline": await _find_offline_workers(tx),
        "failing": await _find_failing_deployments(tx),
        "states": [{"type": type_, "name": STATE_NAMES[type_], "count": n} for type_, n in totals.items() if n],
        "since": since,
        "width": width.total_seconds(),
        "columns": columns,
        "running": await run_rows.present_flow_runs(tx, running),
        "upcoming": await run_rows.present_flow_runs(tx, upcoming, count_tasks=False),
        "upcoming_total": upcoming_total,
        "pools": (await work.build_pools_page(tx))["rows"],
        "flows": await store.flows.count(tx),
        "deployments": await store.deployments.count(tx),
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
