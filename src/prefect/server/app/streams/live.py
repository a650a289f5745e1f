"""Changes for open web pages, as server-sent events: the runs that changed, and that something changed.

One subscription to the bus and a few queries an interval serve all pages of a server, however many are open: the rows
of runs that changed are read once for all of them, and compared once with each query that pages show. Pages also get
the changes of their counts, which follow from the states that the runs have left. A page loads everything else again by
itself, with its counts, at intervals that depend on the cost of the answer (`app.shared_answers`).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from prefect.server import store
from prefect.server.app.endpoints import to_json
from prefect.server.app.errors import error_response
from prefect.server.db.errors import StoreError
from prefect.server.db.interface import Transaction
from prefect.server.principals import Permission
from prefect.server.services.concurrency import waiting
from prefect.server.services.core.errors import Forbidden
from prefect.server.services.events import event_store, run_events
from prefect.server.services.events.run_events import StateKey
from prefect.server.services.pages.run_detail import graph
from prefect.server.services.pages.run_list import changes
from prefect.server.services.runs.lifecycle import deletion
from prefect.server.services.runs.logs import run_logs
from prefect.server.services.security.authorization import check_permission
from prefect.server.store import Row
from prefect.server.store.filters.events import SEVERAL_FLOW_RUNS

if TYPE_CHECKING:
    from prefect.server.app.state import ServerState

logger = logging.getLogger("prefect.server")

MIN_INTERVAL_SECONDS = 0.3
MAX_INTERVAL_SECONDS = 0.7
"""Limits of the time for which changes are gathered, so that pages show them within a second, whatever that costs."""

CORE_SHARE = 0.012
"""The share of one core that pushing changes may take; within the limits above, they are gathered longer for it."""

SEND_SECONDS = 0.0001
"""Processor time of sending a message to one page."""

MAX_WAITING_MESSAGES = 20
"""Messages for a page that does not read them; beyond these it gets one message: to load everything again."""

MAX_NODES = 500
"""Changed task runs of one message; when more of a flow run have changed at once, its graph is loaded again."""

KEEP_ALIVE_SECONDS = 20.0
"""Seconds after which an idle stream sends a comment, so that proxies keep it open."""

_TOPICS = [
    *(event_store.EVENTS_TOPIC, run_logs.LOGGED_RUNS_TOPIC, run_logs.LOGGED_WORKERS_TOPIC),
    *(deletion.REMOVED_RUNS_TOPIC, waiting.QUEUES_TOPIC),
]
_HELLO = b"retry: 2000\nevent: hello\ndata: {}\n\n"
_CHANGE = b"event: change\ndata: {}\n\n"
_LOGS = b"event: logs\ndata: {}\n\n"
_ALIVE = b": alive\n\n"


@dataclass(eq=False)
class Page:
    """An open page, and the messages that wait for it.

    Attributes:
        flow_run_id: The flow run that it is about; None for a page about all of them.
        worker_id: The worker whose log it shows; None for another page.
        query: The query for runs that it shows; None for another page.
        kind: `flow_run` or `task_run`: what its query is for.
        with_rows: Whether it shows rows; otherwise it shows counts.
        with_graph: Whether it shows the graph of its flow run.
        messages: What is to be sent.
        event: Is set while there is something to do.
    """

    flow_run_id: UUID | None = None
    worker_id: UUID | None = None
    query: str | None = None
    kind: str = "flow_run"
    with_rows: bool = True
    with_graph: bool = False
    messages: list[bytes] = field(default_factory=list)
    event: asyncio.Event = field(default_factory=asyncio.Event)

    def put(self, message: bytes) -> None:
        """Queue a message."""
        if len(self.messages) >= MAX_WAITING_MESSAGES:
            message = _CHANGE
            self.messages.clear()
        self.messages.append(message)
        self.event.set()

    def take(self) -> bytes:
        """Return and clear the queued messages."""
        self.event.clear()
        taken = b"".join(self.messages)
        self.messages.clear()
        return taken


@dataclass
class NotifiedChanges:
    """The runs and events that notifications have named.

    Attributes:
        changed: Flow runs of events.
        task_runs: Task runs that entered states, each with its flow run.
        before: The states that runs have left.
        events: Rows of other events, by their flow runs.
        touched: Flow runs that have new logs, or were deleted.
        logged_workers: Workers that have new logs.
        has_other_events: Whether there were events of other objects.
        reload_all: Whether notifications were missed, so that pages must load everything again.
    """

    changed: set[UUID] = field(default_factory=set)
    task_runs: dict[UUID, UUID | None] = field(default_factory=dict)
    before: dict[UUID, StateKey | None] = field(default_factory=dict)
    events: dict[UUID, list[Row]] = field(default_factory=dict)
    touched: set[UUID] = field(default_factory=set)
    logged_workers: set[UUID] = field(default_factory=set)
    has_other_events: bool = False
    reload_all: bool = False


class LiveHub:
    """Sends changes to the open pages of a server.

    Args:
        server: The server.
    """

    def __init__(self, server: ServerState) -> None:
        self._server = server
        self._pages: set[Page] = set()
        self._gathering: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """End all streams, which would keep the server from stopping."""
        self._stopping.set()
        for page in self._pages:
            page.event.set()

    async def serve(self, request: Request) -> Response:
        """Stream changes to a page: of a flow run (`?run=<id>`), or of all runs with the rows of a query (`?q=`).

        With `?worker=<id>`, changes of all runs include new logs of that worker.

        The query is one for task runs with `?kind=task_run`; with `?rows=false` only counts are pushed. With
        `?graph=true` a page of a flow run is sent what changes in its graph.
        """
        query = request.query_params
        run, worker = query.get("run"), query.get("worker")
        try:
            check_permission(request.scope["principal"], Permission.READ, "GET /ui/live")
            kind, with_rows = query.get("kind", "flow_run"), query.get("rows") != "false"
            with_graph = query.get("graph") == "true"
            worker_id = UUID(worker) if worker else None
            page = Page(UUID(run) if run else None, worker_id, query.get("q"), kind, with_rows, with_graph)
        except Forbidden as error:
            return error_response(error.status, {error.key: str(error)})
        except ValueError:
            return error_response(422, {"detail": f"{worker or run!r} is not the id of a flow run or a worker."})
        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        return StreamingResponse(self._stream(page), 200, headers, "text/event-stream")

    async def _stream(self, page: Page) -> AsyncIterator[bytes]:
        self._pages.add(page)
        if self._gathering is None:
            self._server.answers.expire()  # changes since their computation were not noticed
            self._gathering = asyncio.create_task(self._gather())
        try:
            yield _HELLO
            while not self._stopping.is_set():
                try:
                    async with asyncio.timeout(KEEP_ALIVE_SECONDS):
                        await page.event.wait()
                except TimeoutError:
                    yield _ALIVE
                    continue
                if taken := page.take():
                    yield taken
        finally:
            self._pages.discard(page)
            if not self._pages and self._gathering is not None:
                self._gathering.cancel()
                self._gathering = None  # a page that opens before it has ended needs a new one

    async def _gather(self) -> None:
        """Gather changes and pass them on to the pages, as long as there are some."""
        with self._server.bus.subscribe(*_TOPICS) as notifications:
            while True:
                items = await notifications.take()
                begun = time.perf_counter()
                self._server.answers.expire()
                await self._send_changes(items, notifications.take_missed())
                await asyncio.sleep(compute_gathering_seconds(time.perf_counter() - begun, len(self._pages)))

    async def _send_changes(self, items: list[object], missed: bool) -> None:
        try:
            # Shared by all pages, so not on behalf of a page's principal: each may read all runs.
            changed = await self._server.database.read(lambda tx: self._read(tx, items))
        except StoreError as error:
            logger.warning("Changes could not be read, so open pages load everything again: %s", error)
            changed = Changes(NotifiedChanges(reload_all=True))
        if missed:
            changed = Changes(replace(changed.gathered, reload_all=True))
        messages: dict[Any, bytes] = {}
        for page in self._pages:
            key = (page.flow_run_id, page.worker_id, page.query, page.kind, page.with_rows, page.with_graph)
            if key not in messages:
                has_logged = page.worker_id in changed.gathered.logged_workers
                messages[key] = _compose(page, changed) + (_LOGS if has_logged else b"")
            if messages[key]:
                page.put(messages[key])

    async def _read(self, tx: Transaction, items: list[object]) -> Changes:
        """Return the objects that notifications are about, and the changed runs that pages show."""
        about_tasks = {page.query or "" for page in self._pages if page.kind == "task_run"}
        pages = [page for page in self._pages if page.kind != "task_run"]
        gathered = await _sort_notifications(tx, items, bool(about_tasks))
        read = Changes(gathered)
        if gathered.reload_all:
            return read
        open_runs = {page.flow_run_id for page in pages}
        wanted = gathered.changed if None in open_runs else gathered.changed & open_runs
        noted = gathered.touched - gathered.changed if None in open_runs else gathered.touched & open_runs - wanted
        queries = {page.query for page in pages if page.query is not None and page.flow_run_id is None}
        if len(wanted) <= changes.MAX_RUNS:
            find = changes.find_changed_runs
            read.flow_runs = await find(tx, store.flow_runs, wanted, queries, gathered.before, noted)
        if about_tasks and len(gathered.task_runs) <= changes.MAX_RUNS:
            ids, before = set(gathered.task_runs), gathered.before
            read.task_runs = await changes.find_changed_runs(tx, store.task_runs, ids, about_tasks, before)
        for run in wanted & {page.flow_run_id for page in pages if page.with_graph}:
            read.graphs[run] = await _read_graph(tx, run, gathered)
        return read


@dataclass
class Changes:
    """The changes of one interval, as they are pushed.

    Attributes:
        gathered: The runs and events that notifications have named.
        flow_runs: The flow runs that changed; None for too many.
        task_runs: The task runs that changed; None for too many.
        graphs: Changes of graphs as messages, by flow run; none where a graph has to be loaded again.
    """

    gathered: NotifiedChanges
    flow_runs: changes.ChangedRuns | None = None
    task_runs: changes.ChangedRuns | None = None
    graphs: dict[UUID, bytes] = field(default_factory=dict)


async def _read_graph(tx: Transaction, run: UUID, gathered: NotifiedChanges) -> bytes:
    """Return the changes in the graph of a flow run as a message."""
    ids = [id_ for id_, flow_run_id in gathered.task_runs.items() if flow_run_id == run]
    if len(ids) > MAX_NODES:
        return b""
    found = await graph.build_changes(tx, run, ids, gathered.events.get(run, []))
    return b"event: graph\ndata: %b\n\n" % to_json(found) if found else b""


def compute_gathering_seconds(spent: float, pages: int) -> float:
    """Return the seconds for which changes are collected, after sending the last ones took `spent` seconds."""
    cost = spent + pages * SEND_SECONDS
    return min(max(cost / CORE_SHARE, MIN_INTERVAL_SECONDS), MAX_INTERVAL_SECONDS)


async def _sort_notifications(tx: Transaction, items: Iterable[object], before_tasks: bool) -> NotifiedChanges:
    gathered = NotifiedChanges()
    keys: list[event_store.EventKey] = []
    for item in items:
        if isinstance(item, str):
            keys += event_store.unpack_keys(item)
        elif isinstance(item, list) and item:
            gathered.touched.update(UUID(str(each)) for each in item)
        elif isinstance(item, list):
            gathered.reload_all = True
        elif isinstance(item, dict):
            gathered.logged_workers.update(UUID(each) for each in item["workers"])
        else:
            gathered.has_other_events = True
    if keys:
        found = await run_events.find_run_events(tx, keys, before_tasks)
        runs, gathered.task_runs, gathered.before = found.flow_runs, found.task_runs, found.before
        for row in found.others:
            gathered.events.setdefault(row["flow_run_id"], []).append(row)
        gathered.has_other_events |= None in runs
        gathered.reload_all |= SEVERAL_FLOW_RUNS in runs
        gathered.changed = {run for run in runs if run is not None and run != SEVERAL_FLOW_RUNS}
    return gathered


def _compose(page: Page, read: Changes) -> bytes:
    """Return the messages for a page; empty if no change concerns it."""
    run, gathered, changed = page.flow_run_id, read.gathered, read.flow_runs
    if page.kind == "task_run":
        if read.task_runs is None:
            return _CHANGE if gathered.reload_all or gathered.task_runs else b""
        return _push(page, read.task_runs) + _CHANGE if gathered.task_runs else b""
    if changed is None:
        concerned = gathered.reload_all or run is None or run in gathered.changed
        return _CHANGE if concerned else _LOGS if run in gathered.touched else b""
    if run is not None and run not in gathered.changed and run not in changed["gone"]:
        return _LOGS if run in gathered.touched else b""
    if not gathered.changed and not changed["gone"]:
        return _CHANGE if gathered.has_other_events else b""
    pushed_graph = read.graphs.get(run, b"") if page.with_graph and run is not None else b""
    return _push(page, changed) + pushed_graph + _CHANGE + (_LOGS if run in gathered.touched else b"")


def _push(page: Page, changed: changes.ChangedRuns) -> bytes:
    selected = changes.select_for_page(changed, page.flow_run_id, page.query, page.with_rows)
    if not (selected["rows"] or selected["gone"] or selected["steps"]):
        return b""
    return b"event: runs\ndata: %b\n\n" % to_json(selected)
