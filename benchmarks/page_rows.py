"""Rows of the web page: what its pages cost a server with many runs, and what open tabs cost a busy one."""

from __future__ import annotations

import asyncio
import json
import os
import re
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from datetime import datetime
from itertools import cycle, islice
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs
from uuid import uuid4

import httpx

from benchmarks.measure import KIB, MILLISECONDS, Series, Unit, read_cpu_seconds
from benchmarks.rows import Budget, Figure, Plan, Row
from benchmarks.server_rows import Store, Up, pluperfect
from prefect.types import UTC, new_id
from tools import page
from tools.page_demo import Filler

RUNS = int(os.environ.get("PAGE_RUNS", "100000"))
"""Flow runs in the store; each has four to six task runs."""

LINES = int(os.environ.get("PAGE_LINES", "1000000"))
"""Lines of the longest log."""

TABS = 50

WATCHED_SECONDS = 120.0
"""How long tabs are open on a busy server."""

WRITES_PER_SECOND = 20

READS = 5
"""Requests of each page of which the median counts."""

MIN_PAUSE_SECONDS = 0.7
"""How long a tab waits between two loads at least, as `ui/src/live/page-data.svelte.ts` does."""

WATCHED_CHANGES = 100
"""Changes of which is measured when a tab is sent them."""

PERCENT = Unit("%", 100.0)
CALLS = Unit("", 1.0)

IN_BROWSER = {
    "first content": (MILLISECONDS, 0.5),
    "complete": (MILLISECONDS, 1.0),
    "API calls": (CALLS, 3),
    "KiB of a first load": (KIB, 200),
    "drawn after": (MILLISECONDS, 1.0),
    "frame while it is panned": (MILLISECONDS, 0.017),
    "frame while it is scrolled": (MILLISECONDS, 0.017),
    "slow frame": (MILLISECONDS, 0.034),
    "longest task while it is panned": (MILLISECONDS, 0.3),
    "longest task while it is scrolled": (MILLISECONDS, 0.1),
}
"""What `ui/e2e/bench.ts` measures: the unit, and the most that it may be."""

PAGES = {
    "overview": "overview?hours=24",
    "task runs of the overview": "overview/task-runs?hours=24",
    "runs": "runs?kind=flow_run&size=50",
    "failed runs of a flow": "runs?kind=flow_run&size=50&q=state:failed+flow:nightly",
    "task runs of a day": "runs?kind=task_run&size=50&q=since:24h",
    "flows": "flows",
    "deployments": "deployments",
}


def all_rows(plan: Plan, only: str = "") -> list[Row]:
    """Measure the rows of the web page, if their name contains `only`."""
    if only not in "web page":
        return []
    home = plan.scratch / f"page-{time.monotonic_ns()}"
    with pluperfect(home, Store("SQLite")) as up:
        plan.report_progress(f"web page: filling {RUNS:,} runs")
        filler = Filler(up.url, tasks=(4, 6))
        filler.fill(RUNS)
        filler.write(filler.make_long_log(LINES, "endless-log"))
        filler.flush()
        plan.report_progress("web page: pages")
        rows = list(_measure_pages(up))
        plan.report_progress("web page: in a browser")
        rows += _measure_in_browser(up, plan.scratch)
        plan.report_progress(f"web page: {TABS} tabs")
        return [*rows, *asyncio.run(_measure_tabs(up, str(filler.flows["nightly-etl"])))]


def _measure_pages(up: Up) -> Iterator[Row]:
    with httpx.Client(base_url=f"{up.url}/ui/pages/", timeout=60) as client:
        for name, path in PAGES.items():
            client.get(path).raise_for_status()
            walls, cpus = [], []
            for _ in range(READS):
                begun, spent = time.perf_counter(), read_cpu_seconds(up.pid)
                client.get(path).raise_for_status()
                walls.append(time.perf_counter() - begun)
                cpus.append(read_cpu_seconds(up.pid) - spent)
            figure = Figure(Series(tuple(walls)), Series(tuple(cpus)))
            budget = Budget("answered in at most 1 s", figure.wall.median, 1)
            yield Row(f"web page: answer for {name}, {RUNS:,} runs", MILLISECONDS, figure, budgets=(budget,))


def _measure_in_browser(up: Up, scratch: Path) -> list[Row]:
    """Open pages in Chromium; without one there are no rows."""
    found = scratch / "page.json"
    os.environ.update(BENCH=str(found), PAGE_URL=up.url.removesuffix("/api"))
    with suppress(page.CannotBuild):
        page.build()
        page.run_npm("run", "--silent", "e2e")
    if not found.exists():
        return []
    rows: list[Row] = []
    for name, facts in json.loads(found.read_text()).items():
        for what, value in facts.items():
            unit, limit = IN_BROWSER[what]
            figure = Figure(Series((value,)))
            rows.append(Row(f"web page: {name}, {what}", unit, figure, budgets=(Budget("", value, limit),)))
    return rows


async def _measure_tabs(up: Up, flow_id: str) -> list[Row]:
    """Measure which share of a core open tabs take of a server on which runs change, and when they see a change."""
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=up.url, timeout=60, limits=limits) as client:
        created = [await client.post("/flow_runs/", json={"flow_id": flow_id}) for _ in range(11)]
        watched, *runs = [answer.json()["id"] for answer in created]
        paths = [*PAGES.values(), *(f"flow-run/{run}" for run in runs)]
        writer = asyncio.create_task(_write(client, runs))
        alone = await _watch_cpu(up)
        tabs = [asyncio.create_task(_Tab(path).keep_open(client)) for path in islice(cycle(paths), TABS)]
        await asyncio.sleep(3)
        share = max(0.0, await _watch_cpu(up) - alone)
        seen = await _Tab(PAGES["runs"]).measure_delays(client, watched)
        for task in (writer, *tabs):
            task.cancel()
        await asyncio.gather(writer, *tabs, return_exceptions=True)
    share_budget = Budget("at most 5 % of a core", share * 100, 5)
    delay = Figure(Series(tuple(seen)))
    delay_budget = Budget("the slowest of them within 1 s", max(seen), 1)
    return [
        Row(
            f"web page: CPU of {TABS} open tabs on a busy server",
            PERCENT,
            Figure(Series((share,))),
            budgets=(share_budget,),
        ),
        Row("web page: from a change to a tab's row", MILLISECONDS, delay, budgets=(delay_budget,)),
    ]


async def _watch_cpu(up: Up) -> float:
    begun, spent = time.perf_counter(), read_cpu_seconds(up.pid)
    await asyncio.sleep(WATCHED_SECONDS)
    return (read_cpu_seconds(up.pid) - spent) / (time.perf_counter() - begun)


async def _write(client: httpx.AsyncClient, runs: list[str]) -> None:
    """Change the states of runs, and of a task run of each, over and over."""
    tasks = {run: str(new_id()) for run in runs}
    for run in cycle(runs):
        name = f"Step {uuid4().hex[:6]}"
        await _change(client, run, name)
        at = datetime.now(UTC).isoformat()
        task = {"kind": "task_run", "id": tasks[run], "flow_run_id": run, "name": "step-0", "task_key": "step"}
        state = {"kind": "state", "id": str(new_id()), "of": "task_run", "run_id": tasks[run], "type": "RUNNING"}
        records = [{**task, "dynamic_key": "0", "tags": [], "created": at}, {**state, "name": name, "timestamp": at}]
        await client.post("/journal", content="\n".join(map(json.dumps, records)))
        await asyncio.sleep(1 / WRITES_PER_SECOND)


async def _change(client: httpx.AsyncClient, run: str, name: str) -> None:
    await client.post(f"/flow_runs/{run}/set_state", json={"state": {"type": "RUNNING", "name": name}, "force": True})


class _Tab:
    """Follows changes and loads a page after them, as a tab of a browser does.

    Args:
        path: The page that it shows.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        query = parse_qs(path.partition("?")[2])
        if path.startswith("flow-run/"):
            self._topic = {"run": path.removeprefix("flow-run/")}
        elif path.startswith("overview/task-runs"):
            self._topic = {"kind": "task_run", "rows": "false"}
        elif "kind" in query:
            self._topic = {"q": query.get("q", [""])[0], "kind": query["kind"][0]}
        else:
            self._topic = {}

    async def keep_open(self, client: httpx.AsyncClient) -> None:
        """Load the page after changes, when the server says so."""
        headers: dict[str, str] = {"cache-control": "max-age=1"}
        changed = asyncio.Event()

        async def listen() -> None:
            async for message in self._follow(client):
                if "event: change" in message:
                    changed.set()

        listening = asyncio.create_task(listen())
        try:
            while True:
                await changed.wait()
                changed.clear()
                answer: Any = await client.get(f"/ui/pages/{self._path}", headers=headers)
                headers["if-none-match"] = answer.headers.get("etag", "")
                pause = re.search(r"next=(\d+)", answer.headers.get("prefect-page", ""))
                await asyncio.sleep(max(MIN_PAUSE_SECONDS, int(pause[1]) / 1000 if pause else 0))
        finally:
            listening.cancel()

    async def measure_delays(self, client: httpx.AsyncClient, run: str) -> list[float]:
        """Return the seconds from each of some changes of a run to the message that has it."""
        seen: list[float] = []
        messages = self._follow(client)
        await anext(messages)  # the server has begun to send
        for number in range(WATCHED_CHANGES):
            name = f"Watched {number}"
            begun = time.perf_counter()
            await _change(client, run, name)
            async for message in messages:
                if name in message:
                    break
            seen.append(time.perf_counter() - begun)
            await asyncio.sleep(number % 7 * 0.1)  # not in step with the server
        return seen

    async def _follow(self, client: httpx.AsyncClient) -> AsyncIterator[str]:
        async with client.stream("GET", "/ui/live", params=self._topic, timeout=None) as stream:
            text = ""
            async for part in stream.aiter_text():
                *messages, text = (text + part).split("\n\n")
                for message in messages:
                    yield message
