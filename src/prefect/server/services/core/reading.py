"""Reading what is stored: one object, those that satisfy filters, or how many.

Filters are those of `prefect.schemas.filters`, sorts those of `prefect.schemas.sorting`; answers are dictionaries in
the shape of `prefect.schemas`. Every list is one query.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

from prefect.server import store
from prefect.server.db.errors import StoreError
from prefect.server.db.interface import Transaction
from prefect.server.db.sql import Sql, one_of
from prefect.server.services.core import paging, presenters
from prefect.server.services.core.errors import NotFound
from prefect.server.services.core.presenters import Answer
from prefect.server.store import Collection, Row, filters


async def find_flow_runs(
    tx: Transaction, sort: Any = None, limit: int | None = None, offset: int = 0, **criteria: Any
) -> list[Answer]:
    """Flow runs, newest id first unless sorted otherwise."""
    rows = await _find(tx, store.flow_runs, _present_as_is, "ID_DESC", sort, limit, offset, criteria)
    return await present_flow_runs(tx, rows)


async def present_flow_runs(tx: Transaction, rows: list[Row]) -> list[Answer]:
    """Rows of flow runs as the API shows them, with where each is to run."""
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
    """The row of a flow run as the API shows it."""
    return (await present_flow_runs(tx, [row]))[0]


async def find_task_runs(
    tx: Transaction, sort: Any = None, limit: int | None = None, offset: int = 0, **criteria: Any
) -> list[Answer]:
    """Task runs, newest id first unless sorted otherwise."""
    return await _find(tx, store.task_runs, presenters.present_task_run, "ID_DESC", sort, limit, offset, criteria)


async def find_task_run_summaries(
    tx: Transaction, sort: Any = None, limit: int | None = None, offset: int = 0, **criteria: Any
) -> list[Answer]:
    """As `find_task_runs`, with less of each."""
    return await _find(
        tx, store.task_runs, presenters.present_task_run_summary, "ID_DESC", sort, limit, offset, criteria
    )


async def find_flows(
    tx: Transaction, sort: Any = None, limit: int | None = None, offset: int = 0, **criteria: Any
) -> list[Answer]:
    """Flows by name, unless sorted otherwise."""
    return await _find(tx, store.flows, _present_as_is, "NAME_ASC", sort, limit, offset, criteria)


async def find_logs(
    tx: Transaction, sort: Any = None, limit: int | None = None, offset: int = 0, **criteria: Any
) -> list[Answer]:
    """Logs, oldest first unless sorted otherwise."""
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
    """A page of what satisfies filters, and how many pages there are.

    Args:
        tx: The transaction.
        find: What finds the objects.
        collection: What they are counted in.
        sort: Their order.
        page: Which page, from 1.
        limit: How many a page has.
        criteria: The filters.
    """
    limit = paging.resolve_page_size(limit)
    results = await find(tx, sort, limit, (page - 1) * limit, **criteria)
    number = await count(tx, collection, **criteria)
    of = (number + limit - 1) // limit if limit else 0
    return {"results": results, "count": number, "limit": limit, "pages": of, "page": page}


async def count(tx: Transaction, collection: Collection, **criteria: Any) -> int:
    """How many objects of a collection satisfy filters."""
    return await collection.count(tx, compile_criteria(tx, collection, **criteria))


async def get_flow_run(tx: Transaction, id_: UUID) -> Answer:
    """A flow run, or `Missing`."""
    return await present_flow_run(tx, await get_row(tx, store.flow_runs, id_))


async def get_task_run(tx: Transaction, id_: UUID) -> Answer:
    """A task run, or `Missing`."""
    return presenters.present_task_run(await get_row(tx, store.task_runs, id_))


async def get_task_run_with_flow_run_name(tx: Transaction, id_: UUID) -> Answer:
    """A task run with the name of its flow run, or `Missing`."""
    answer = await get_task_run(tx, id_)
    where = one_of("flow_run.id", [answer["flow_run_id"]])
    names = [row["name"] for row in await store.flow_runs.find(tx, where, columns=["name"])]
    return {**answer, "flow_run_name": names[0] if names else None}


async def get_flow(tx: Transaction, id_: UUID) -> Answer:
    """A flow, or `Missing`."""
    return await get_row(tx, store.flows, id_)


async def get_flow_by_name(tx: Transaction, name: str) -> Answer:
    """The flow of this name, or `Missing`."""
    rows = await store.flows.find(tx, one_of("flow.name", [name]))
    if not rows:
        raise NotFound("flow", name)
    return rows[0]


async def get_flow_run_states(tx: Transaction, id_: UUID) -> list[Answer]:
    """All states of a flow run, oldest first; none for a run that is not known."""
    row = await store.flow_runs.get(tx, id_)
    return presenters.present_flow_run_states(row) if row else []


async def get_task_run_states(tx: Transaction, id_: UUID) -> list[Answer]:
    """All states of a task run, oldest first; none for a run that is not known."""
    row = await store.task_runs.get(tx, id_)
    return presenters.present_task_run_states(row) if row else []


async def get_flow_run_state(tx: Transaction, id_: UUID) -> Answer:
    """A state of any flow run, or `Missing`."""
    return await _get_state(tx, store.flow_runs, presenters.present_flow_run_states, id_)


async def get_task_run_state(tx: Transaction, id_: UUID) -> Answer:
    """A state of any task run, or `Missing`."""
    return await _get_state(tx, store.task_runs, presenters.present_task_run_states, id_)


async def _get_state(tx: Transaction, runs: Collection, present: Callable[[Row], list[Answer]], id_: UUID) -> Answer:
    """A state by its id. States are kept with their run, so this looks through all runs."""
    table = runs.table.name
    for row in await runs.find(tx, tx.dialect.contains(f"CAST({table}.states AS TEXT)", str(id_))):
        for state in present(row):
            if state["id"] == id_:
                return state
    raise NotFound(f"{table.replace('_', ' ')} state", id_)


async def get_row(tx: Transaction, collection: Collection, id_: UUID, lock: bool = False) -> Row:
    """An object's row, or `Missing`; `lock` as in the store."""
    row = await collection.get(tx, id_, lock=lock)
    if row is None:
        raise NotFound(collection.table.name.replace("_", " "), id_)
    return row


async def is_database_reachable(tx: Transaction) -> bool:
    """Whether the database answers."""
    try:
        await tx.fetch(Sql("SELECT 1"))
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
"""The names that filters have in a request, and the tables they are about."""


def compile_criteria(tx: Transaction, collection: Collection, **criteria: Any) -> Sql:
    """The condition that filters, by the names that they have in a request, set on the rows of a collection."""
    by_table = {_TABLES_BY_FILTER[name]: value for name, value in criteria.items() if value is not None}
    return filters.compile_filters(tx.dialect, collection.table.name, **by_table)
