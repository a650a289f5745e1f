"""Changes for open web pages, as server-sent events: that something changed, not what.

One subscription to the bus and one query an interval serve all pages of a server, however many are open. A page reads
anew what it shows, at its own pace.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from prefect.server.app.errors import error_response
from prefect.server.db.errors import StoreError
from prefect.server.principals import Permission
from prefect.server.services.concurrency import waiting
from prefect.server.services.core.errors import Forbidden
from prefect.server.services.events import event_store, querying
from prefect.server.services.runs import deletion, run_logs
from prefect.server.services.security.authorization import check_permission
from prefect.server.store.filters.events import SEVERAL

if TYPE_CHECKING:
    from prefect.server.app.state import ServerState

logger = logging.getLogger("prefect.server")

INTERVAL_SECONDS = 0.3
"""How long changes are gathered at least: a busy server sends them three times a second."""

MAX_INTERVAL_SECONDS = 60.0

RUN_PAGES_SHARE, LISTS_SHARE = 0.015, 0.03
"""The share of one core that answers to pages about a run may take, and answers to other pages.

Changes are gathered longer where they would take more: pages of lists read more, and do not delay those of runs.
"""

KEEP_ALIVE_SECONDS = 20.0
"""How often a silent stream says that it is alive, before proxies close it."""

_TOPICS = [event_store.EVENTS_TOPIC, run_logs.LOGGED_RUNS_TOPIC, deletion.REMOVED_RUNS_TOPIC, waiting.QUEUES_TOPIC]
_HELLO = b"retry: 2000\nevent: hello\ndata: {}\n\n"
_CHANGE = b"event: change\ndata: {}\n\n"
_ALIVE = b": alive\n\n"


class Changes:
    """What has changed since a page last asked.

    Attributes:
        flow_run_id: The flow run that the page is about; None for a page about all of them.
    """

    def __init__(self, flow_run_id: UUID | None) -> None:
        self.flow_run_id = flow_run_id
        self.event = asyncio.Event()

    def concern(self, flow_run_ids: set[UUID | None]) -> bool:
        """Return whether changes of these flow runs concern the page."""
        return self.flow_run_id is None or self.flow_run_id in flow_run_ids or SEVERAL in flow_run_ids


class LiveHub:
    """Tells the open pages of a server that something changed.

    Args:
        server: The server.
    """

    def __init__(self, server: ServerState) -> None:
        self._server = server
        self._pages: set[Changes] = set()
        self._gathering: list[asyncio.Task[None]] = []
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """End all streams, which would keep the server from stopping."""
        self._stopping.set()
        for page in self._pages:
            page.event.set()

    async def serve(self, request: Request) -> Response:
        """Answer a page that follows changes: those of a flow run (`?run=<id>`), or all."""
        try:
            check_permission(request.scope["principal"], Permission.READ, "GET /ui/live")
            run = request.query_params.get("run")
            page = Changes(UUID(run) if run else None)
        except Forbidden as error:
            return error_response(error.status, {error.key: str(error)})
        except ValueError:
            return error_response(422, {"detail": f"{request.query_params.get('run')!r} is no id of a flow run."})
        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        return StreamingResponse(self._stream(page), 200, headers, "text/event-stream")

    async def _stream(self, page: Changes) -> AsyncIterator[bytes]:
        self._pages.add(page)
        if not self._gathering:
            self._server.answers.expire()  # what has changed since they were given was not noticed
            self._gathering = [asyncio.create_task(self._gather(about_run)) for about_run in (True, False)]
        try:
            yield _HELLO
            while not self._stopping.is_set():
                try:
                    async with asyncio.timeout(KEEP_ALIVE_SECONDS):
                        await page.event.wait()
                except TimeoutError:
                    yield _ALIVE
                    continue
                page.event.clear()
                yield _CHANGE
        finally:
            self._pages.discard(page)
            if not self._pages:
                for task in self._gathering:
                    task.cancel()
                self._gathering = []  # a page that comes before they have ended needs others

    async def _gather(self, about_run: bool) -> None:
        """Gather changes and pass them on to pages about a run or to others, as long as there are pages."""
        with self._server.bus.subscribe(*_TOPICS) as notifications:
            while True:
                items = await notifications.take()
                self._server.answers.expire()
                everything = notifications.take_missed()
                pages = [page for page in self._pages if (page.flow_run_id is not None) is about_run]
                runs = await self._find_flow_runs(items) if about_run and pages else set[UUID | None]()
                for page in pages:
                    if everything or runs is None or page.concern(runs):
                        page.event.set()
                await self._pause(about_run)

    async def _pause(self, about_run: bool) -> None:
        """Wait until answers to open pages take no more than their share."""
        await asyncio.sleep(INTERVAL_SECONDS)
        share = RUN_PAGES_SHARE if about_run else LISTS_SHARE
        needed = self._server.answers.take_seconds(about_run) / share - INTERVAL_SECONDS
        if needed > 0:
            await asyncio.sleep(min(needed, MAX_INTERVAL_SECONDS))

    async def _find_flow_runs(self, items: list[object]) -> set[UUID | None] | None:
        """Return the flow runs that notifications are about; None for any."""
        found: set[UUID | None] = set()
        keys: list[event_store.EventKey] = []
        for item in items:
            if isinstance(item, str):
                keys += event_store.unpack_keys(item)
            elif item == []:
                return None
            elif isinstance(item, list):
                found.update(UUID(str(each)) for each in item)
        if keys:
            try:
                # Shared by all pages, so not on behalf of a page's principal; only ids are read.
                found |= await self._server.database.read(lambda tx: querying.find_affected_flow_runs(tx, keys))
            except StoreError as error:
                logger.warning("Changes could not be read, so open pages load everything again: %s", error)
                return None
        return found
