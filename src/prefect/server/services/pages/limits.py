"""The page of concurrency limits: the global ones with whose they are, and those of tags."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from typing_extensions import TypedDict

from prefect.schemas.wire import ConcurrencyLimit, GlobalConcurrencyLimitResponse
from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.services.concurrency import limits, tag_limits
from prefect.server.services.core.presenters import Answer
from prefect.server.services.pages.core import run_rows
from prefect.server.services.pages.core.shapes import Named
from prefect.server.store.queries import limits as queries

MAX_HOLDERS = 8
"""Task runs of a tag's limit that are named."""


class GlobalLimitRow(TypedDict):
    """A global limit, and the deployment that it was made for."""

    limit: GlobalConcurrencyLimitResponse
    deployment: Named | None


class TagLimitRow(TypedDict):
    """The limit of a tag, and some of the task runs that hold its slots."""

    limit: ConcurrencyLimit
    holders: list[Named]


class LimitsPage(TypedDict):
    """A page of the global limits, which leave out those of tags, and a page of the limits of tags."""

    rows: list[GlobalLimitRow]
    total: int
    tags: list[TagLimitRow]
    tags_total: int


async def build_limits_page(tx: Transaction, text: str, page: int, tag_page: int, size: int) -> Any:
    """Return the page of concurrency limits, as `LimitsPage`.

    Args:
        tx: The transaction.
        text: What their names, or those of their deployments, hold.
        page: The number of the page of global limits, from 1.
        tag_page: That of the limits of tags.
        size: The most rows of a page.
    """
    where, of_tags = queries.search_conditions(tx, tag_limits.TAG_PREFIX, text)
    return {
        "rows": await _add_deployments(tx, await limits.find(tx, size, (page - 1) * size, where)),
        "total": await store.concurrency_limits.count(tx, where),
        "tags": await _add_holders(tx, await tag_limits.find_all(tx, size, (tag_page - 1) * size, of_tags)),
        "tags_total": await store.concurrency_limits.count(tx, of_tags),
    }


async def _add_deployments(tx: Transaction, found: Sequence[Answer]) -> list[dict[str, Any]]:
    """Return global limits with the deployments that they were made for, which they are named after."""
    ids = [limit["id"] for limit in found if limit["name"].startswith("deployment:")]
    columns = ("id", "name", "concurrency_limit_id")
    users = await store.deployments.find(tx, {"concurrency_limit_id": ids}, columns=columns) if ids else []
    owners = {f"deployment:{row['id']}": {"id": row["id"], "name": row["name"]} for row in users}
    return [{"limit": limit, "deployment": owners.get(limit["name"])} for limit in found]


async def _add_holders(tx: Transaction, found: Sequence[Answer]) -> list[dict[str, Any]]:
    """Return limits of tags with the names of the task runs that hold their slots."""
    shown = {limit["id"]: limit["active_slots"][:MAX_HOLDERS] for limit in found}
    runs = await run_rows.find_names(tx, store.task_runs, [id_ for ids in shown.values() for id_ in ids])
    return [{"limit": limit, "holders": [runs[id_] for id_ in shown[limit["id"]] if id_ in runs]} for limit in found]
