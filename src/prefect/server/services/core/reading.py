"""Read stored objects: one by its id, a page of those that match filters, or their number.

Filters are those of `prefect.schemas.filters`, sorts those of `prefect.schemas.sorting`; results are dictionaries in
the shape of `prefect.schemas`. Every list is one query.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

from prefect.server import store
from prefect.server.db.errors import StoreError
from prefect.server.db.interface import Transaction
from prefect.server.services.core import paging, presenters
from prefect.server.services.core.errors import NotFound
from prefect.server.services.core.presenters import Answer
from prefect.server.store import Collection, Condition, Row, filters
from prefect.server.store.queries import catalog


async def find_flow_runs(
    tx: Transaction, sort: Any = None, limit: int | None = None, offset: int = 0, **criteria: Any
) -> list[Answer]:
    """Return a page of the flow runs that match filters, newest id first by default."""
    rows = await _find(tx, store.flow_runs, _present_as_is, "ID_DESC", sort, limit, offset, criteria)
    return await present_flow_runs(tx, rows)


async def present_flow_runs(tx: Transaction, rows: list[Row]) -> list[Answer]:
    """Return flow runs as the API shows them, each with its work pool and work queue."""
    ids = {row["work_queue_id"] for row in rows if row["work_queue_id"] is not None}
    if not ids:
        return [presenters.present_flow_run(row) for row in rows]
    queues = await store.work_queues.get_many(tx, list(ids))
    pools = await store.work_pools.get_many(tx, list({queue["work_pool_id"] for queue in queues.values()}))
    places: dict[UUID, Answer] = {}
    for id_, queue in queues.items():
        pool = pools.get(queue["work_pool_id"], {})
        places[id_] = {
            "work_queue_name": queue["name"],
            "work_pool_id": queue["work_pool_id"],
            "work_pool_name": pool.get("name"),
        }
    return [
        presenters.present_flow_run(row, places[row["work_queue_id"]])
        if row["work_queue_id"] in places
        else presenters.present_flow_run(row)
        for row in rows
    ]


async def present_flow_run(tx: Transaction, row: Row) -> Answer:
    """Return a flow run as the API shows it."""
    return (await present_flow_runs(tx, [row]))[0]


async def find_task_runs(
    tx: Transaction, sort: Any = None, limit: int | None = None, offset: int = 0, **criteria: Any
) -> list[Answer]:
    """Return a page of the task runs that match filters, newest id first by default."""
    return await _find(tx, store.task_runs, presenters.present_task_run, "ID_DESC", sort, limit, offset, criteria)


async def find_task_run_summaries(
    tx: Transaction, sort: Any = None, limit: int | None = None, offset: int = 0, **criteria: Any
) -> list[Answer]:
    """Return a page as `find_task_runs` does, with fewer fields."""
    return await _find(
        tx, store.task_runs, presenters.present_task_run_summary, "ID_DESC", sort, limit, offset, criteria
    )


async def find_flows(
    tx: Transaction, sort: Any = None, limit: int | None = None, offset: int = 0, **criteria: Any
) -> list[Answer]:
    """Return a page of the flows that match filters, by name by default."""
    return await _find(tx, store.flows, _present_as_is, "NAME_ASC", sort, limit, offset, criteria)


async def find_logs(
    tx: Transaction, sort: Any = None, limit: int | None = None, offset: int = 0, **criteria: Any
) -> list[Answer]:
    """Return a page of the logs that match filters, oldest first by default."""
    return await _find(tx, store.logs, presenters.present_log, "TIMESTAMP_ASC", sort, limit, offset, criteria)


async def paginate(
    tx: Transaction,
    find: Callable[..., Awaitable[list[Answer]]],
    collection: Collection,
    sort: Any,
    page: int,
    limit: int | None,
    **criteria: Any,
) -> Answer:
    """Return a page of the objects that match filters, and how many pages there are.

    Args:
        tx: The transaction.
        find: The function that finds them.
        collection: The collection that holds them.
        sort: Their order.
        page: The number of the page, from 1.
        limit: The size of a page.
        criteria: The filters.
    """
    limit = paging.resolve_page_size(limit)
    results = await find(tx, sort, limit, (page - 1) * limit, **criteria)
    total = await count(tx, collection, **criteria)
    pages = (total + limit - 1) // limit if limit else 0
    return {"results": results, "count": total, "limit": limit, "pages": pages, "page": page}


async def count(tx: Transaction, collection: Collection, **criteria: Any) -> int:
    """Return how many objects of a collection match filters."""
    return await collection.count(tx, compile_criteria(tx, collection, **criteria))


async def get_flow_run(tx: Transaction, id_: UUID) -> Answer:
    """Return a flow run, or raise `NotFound`."""
    return await present_flow_run(tx, await get_row(tx, store.flow_runs, id_))


async def get_task_run(tx: Transaction, id_: UUID) -> Answer:
    """Return a task run, or raise `NotFound`."""
    return presenters.present_task_run(await get_row(tx, store.task_runs, id_))


async def get_task_run_with_flow_run_name(tx: Transaction, id_: UUID) -> Answer:
    """Return a task run with the name of its flow run, or raise `NotFound`."""
    answer = await get_task_run(tx, id_)
    where = {"id": answer["flow_run_id"]}
    names = [row["name"] for row in await store.flow_runs.find(tx, where, columns=["name"])]
    return {**answer, "flow_run_name": names[0] if names else None}


async def get_flow(tx: Transaction, id_: UUID) -> Answer:
    """Return a flow, or raise `NotFound`."""
    return await get_row(tx, store.flows, id_)


async def get_flow_by_name(tx: Transaction, name: str) -> Answer:
    """Return the flow of a name, or raise `NotFound`."""
    rows = await store.flows.find(tx, {"name": name})
    if not rows:
        raise NotFound("flow", name)
    return rows[0]


async def get_flow_run_states(tx: Transaction, id_: UUID) -> list[Answer]:
    """Return the states of a flow run, oldest first; none for a run that does not exist."""
    row = await store.flow_runs.get(tx, id_)
    return presenters.present_flow_run_states(row) if row else []


async def get_task_run_states(tx: Transaction, id_: UUID) -> list[Answer]:
    """Return the states of a task run, oldest first; none for a run that does not exist."""
    row = await store.task_runs.get(tx, id_)
    return presenters.present_task_run_states(row) if row else []


async def get_flow_run_state(tx: Transaction, id_: UUID) -> Answer:
    """Return a state of any flow run, or raise `NotFound`."""
    return await _get_state(tx, store.flow_runs, presenters.present_flow_run_states, id_)


async def get_task_run_state(tx: Transaction, id_: UUID) -> Answer:
    """Return a state of any task run, or raise `NotFound`."""
    return await _get_state(tx, store.task_runs, presenters.present_task_run_states, id_)


async def _get_state(tx: Transaction, runs: Collection, present: Callable[[Row], list[Answer]], id_: UUID) -> Answer:
    for row in await catalog.find_runs_mentioning(tx, runs, id_):
        for state in present(row):
            if state["id"] == id_:
                return state
    raise NotFound(f"{runs.table.name.replace('_', ' ')} state", id_)


async def get_row(tx: Transaction, collection: Collection, id_: UUID, lock: bool = False) -> Row:
    """Return the row of an object, or raise `NotFound`; `lock` as in the store."""
    row = await collection.get(tx, id_, lock=lock)
    if row is None:
        raise NotFound(collection.table.name.replace("_", " "), id_)
    return row


async def is_database_reachable(tx: Transaction) -> bool:
    """Return whether the database answers queries."""
    try:
        await store.meta.get(tx, "")
    except StoreError:
        return False
    return True


def _present_as_is(row: Row) -> Answer:
    return row


async def _find(
    tx: Transaction,
    collection: Collection,
    present: Callable[[Row], Answer],
    default_sort: str,
    sort: Any,
    limit: int | None,
    offset: int | None,
    criteria: dict[str, Any],
) -> list[Answer]:
    condition = compile_criteria(tx, collection, **criteria)
    return [
        present(row) for row in await paging.find_page(tx, collection, sort or default_sort, limit, offset, condition)
    ]


_TABLES_BY_FILTER = {
    "flows": "flow",
    "flow_runs": "flow_run",
    "task_runs": "task_run",
    "deployments": "deployment",
    "work_pools": "work_pool",
    "work_queues": "work_queue",
    "work_pool_queues": "work_queue",
    "logs": "log",
    "artifacts": "artifact",
}
"""The tables that filters are about, by their names in a request."""


def compile_criteria(tx: Transaction, collection: Collection, **criteria: Any) -> Condition:
    """Return the condition of filters, by their names in a request, for the rows of a collection."""
    by_table = {_TABLES_BY_FILTER[name]: value for name, value in criteria.items() if value is not None}
    return filters.compile_filters(tx.dialect, collection.table.name, **by_table)
