"""Reading what is stored: one object, those that satisfy filters, or how many.

Filters are those of `prefect.schemas.filters`, sorts those of `prefect.schemas.sorting`; answers are dictionaries in
the shape of `prefect.schemas`. Every list is one query.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from prefect.server import store
from prefect.server.db.connection import Connection
from prefect.server.db.errors import StoreError
from prefect.server.db.sql import Sql, all_of, one_of
from prefect.server.services import answers
from prefect.server.services.answers import Answer
from prefect.server.services.errors import Invalid, Missing
from prefect.server.store import Collection, Row, filters, sorting
from prefect.settings import get_current_settings

_LATEST = Sql(
    "artifact.key IS NOT NULL AND artifact.id = (SELECT newer.id FROM artifact AS newer WHERE newer.key = artifact.key"
    " ORDER BY newer.created DESC, newer.id DESC LIMIT 1)"
)
"""The newest artifact of its key."""


async def find_flow_runs(
    tx: Connection, sort: Any = None, limit: int | None = None, offset: int = 0, **criteria: Any
) -> list[Answer]:
    """Flow runs, newest id first unless sorted otherwise."""
    return await _find(tx, store.flow_runs, answers.flow_run, "ID_DESC", sort, limit, offset, criteria)


async def find_task_runs(
    tx: Connection, sort: Any = None, limit: int | None = None, offset: int = 0, **criteria: Any
) -> list[Answer]:
    """Task runs, newest id first unless sorted otherwise."""
    return await _find(tx, store.task_runs, answers.task_run, "ID_DESC", sort, limit, offset, criteria)


async def find_flows(
    tx: Connection, sort: Any = None, limit: int | None = None, offset: int = 0, **criteria: Any
) -> list[Answer]:
    """Flows by name, unless sorted otherwise."""
    return await _find(tx, store.flows, _same, "NAME_ASC", sort, limit, offset, criteria)


async def find_logs(
    tx: Connection, sort: Any = None, limit: int | None = None, offset: int = 0, **criteria: Any
) -> list[Answer]:
    """Logs, oldest first unless sorted otherwise."""
    return await _find(tx, store.logs, answers.log, "TIMESTAMP_ASC", sort, limit, offset, criteria)


async def find_artifacts(
    tx: Connection, sort: Any = None, limit: int | None = None, offset: int = 0, **criteria: Any
) -> list[Answer]:
    """Artifacts, newest id first unless sorted otherwise."""
    return await _find(tx, store.artifacts, _same, "ID_DESC", sort, limit, offset, criteria)


async def find_latest_artifacts(
    tx: Connection, sort: Any = None, limit: int | None = None, offset: int = 0, **criteria: Any
) -> list[Answer]:
    """The newest artifact of each key, as collections."""
    shape = answers.artifact_collection
    return await _find(tx, store.artifacts, shape, "ID_DESC", sort, limit, offset, criteria, _LATEST)


async def count(tx: Connection, collection: Collection, **criteria: Any) -> int:
    """How many objects of a collection satisfy filters."""
    return await collection.count(tx, _where(tx, collection, criteria))


async def count_latest_artifacts(tx: Connection, **criteria: Any) -> int:
    """How many keys have an artifact that satisfies filters and is the newest of its key."""
    return await store.artifacts.count(tx, all_of([_LATEST, _where(tx, store.artifacts, criteria)]))


async def get_flow_run(tx: Connection, id_: UUID) -> Answer:
    """A flow run, or `Missing`."""
    return answers.flow_run(await get(tx, store.flow_runs, id_))


async def get_task_run(tx: Connection, id_: UUID) -> Answer:
    """A task run, or `Missing`."""
    return answers.task_run(await get(tx, store.task_runs, id_))


async def get_flow(tx: Connection, id_: UUID) -> Answer:
    """A flow, or `Missing`."""
    return await get(tx, store.flows, id_)


async def get_flow_by_name(tx: Connection, name: str) -> Answer:
    """The flow of this name, or `Missing`."""
    rows = await store.flows.find(tx, one_of("flow.name", [name]))
    if not rows:
        raise Missing("flow", name)
    return rows[0]


async def get_artifact(tx: Connection, id_: UUID) -> Answer:
    """An artifact, or `Missing`."""
    return await get(tx, store.artifacts, id_)


async def get_latest_artifact(tx: Connection, key: str) -> Answer:
    """The newest artifact of a key, or `Missing`."""
    rows = await store.artifacts.find(tx, one_of("artifact.key", [key]), "artifact.created DESC, artifact.id DESC", 1)
    if not rows:
        raise Missing("artifact", key)
    return rows[0]


async def get_flow_run_states(tx: Connection, id_: UUID) -> list[Answer]:
    """All states of a flow run, oldest first; none for a run that is not known."""
    row = await store.flow_runs.get(tx, id_)
    return answers.flow_run_states(row) if row else []


async def get_task_run_states(tx: Connection, id_: UUID) -> list[Answer]:
    """All states of a task run, oldest first; none for a run that is not known."""
    row = await store.task_runs.get(tx, id_)
    return answers.task_run_states(row) if row else []


async def get_flow_run_state(tx: Connection, id_: UUID) -> Answer:
    """A state of any flow run, or `Missing`. States are kept with their run, so this looks through all of them."""
    for row in await store.flow_runs.find(tx, tx.dialect.contains("flow_run.states", str(id_))):
        for state in answers.flow_run_states(row):
            if state["id"] == id_:
                return state
    raise Missing("flow run state", id_)


async def get(tx: Connection, collection: Collection, id_: UUID) -> Row:
    """An object's row, or `Missing`."""
    row = await collection.get(tx, id_)
    if row is None:
        raise Missing(collection.table.name.replace("_", " "), id_)
    return row


async def answers_queries(tx: Connection) -> bool:
    """Whether the database answers."""
    try:
        await tx.fetch(Sql("SELECT 1"))
    except StoreError:
        return False
    return True


def _same(row: Row) -> Answer:
    return row


async def _find(
    tx: Connection,
    collection: Collection,
    shape: Callable[[Row], Answer],
    default: str,
    sort: Any,
    limit: int | None,
    offset: int | None,
    criteria: dict[str, Any],
    also: Sql | None = None,
) -> list[Answer]:
    where = _where(tx, collection, criteria)
    if also is not None:
        where = all_of([also, where])
    try:
        order = sorting.order(collection.table.name, sort, default)
    except ValueError as error:
        raise Invalid(str(error)) from None
    limit = get_current_settings().server.api.default_limit if limit is None else limit
    return [shape(row) for row in await collection.find(tx, where, order, limit, offset or 0)]


_FILTERED = {
    "flows": "flow",
    "flow_runs": "flow_run",
    "task_runs": "task_run",
    "logs": "log",
    "artifacts": "artifact",
}
"""The names that filters have in a request, and the tables they are about."""


def _where(tx: Connection, collection: Collection, criteria: dict[str, Any]) -> Sql:
    by_table: dict[str, Any] = {}
    for name, value in criteria.items():
        if value is None:
            continue
        if name not in _FILTERED:
            raise NotImplementedError(f"Filtering by {name} needs the server's deployments and work pools (issue 3).")
        by_table[_FILTERED[name]] = value
    return filters.related(tx.dialect, collection.table.name, **by_table)
