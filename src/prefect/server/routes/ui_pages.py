"""Endpoints of the web page, each of which answers a page whole. They are not part of the interface."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from annotated_types import Ge, Le

from prefect.server.db.interface import Transaction
from prefect.server.routes.operation import Routes
from prefect.server.services.pages import runs, shapes

routes = Routes("Pages", "/ui/pages")

_PAGE: dict[str, Any] = {"documented": False, "etag": True}

PageNumber = Annotated[int, Ge(1)]
PageSize = Annotated[int, Ge(1), Le(runs.MAX_PAGE_SIZE)]


@routes.reads("GET", "/runs", shapes.RunsPage, **_PAGE)
async def read_runs_page(
    tx: Transaction,
    kind: Literal["flow_run", "task_run"] = "flow_run",
    q: str = "",
    sort: str = "-start",
    page: PageNumber = 1,
    size: PageSize = 50,
    chart: bool = True,
) -> Any:
    """Return the page of runs."""
    return await runs.build_page(tx, kind, q, sort, page, size, chart)
