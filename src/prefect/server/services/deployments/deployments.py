"""Deployments: flows that can be started from outside, with where and how their runs go.

A deployment is known by its flow and its name: one that is created again is changed. It is ready while somebody polls
for its runs. Its limit is a concurrency limit like any other, which it names or which is its own (`deployment:…`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.db.sql import Sql, all_of, one_of
from prefect.server.services.concurrency import limits
from prefect.server.services.core import differences, json_schemas, paging, reading
from prefect.server.services.core.errors import Conflict, InvalidRequest, NotFound
from prefect.server.services.core.presenters import Answer
from prefect.server.services.deployments import deployment_schedules, scheduling
from prefect.server.services.events import emitting, event_store
from prefect.server.services.work import work_pools, work_queues
from prefect.server.store import Row
from prefect.types import new_id, now

Values = Mapping[str, Any]

READY, NOT_READY = "READY", "NOT_READY"

_PLAIN = (
    *("paused", "enforce_parameter_schema", "version", "description", "path", "entrypoint"),
    *("storage_document_id", "infrastructure_document_id", "tags", "labels", "parameters", "job_variables"),
    *("pull_steps", "parameter_openapi_schema", "concurrency_options", "version_info"),
)
"""The columns that a request sets as they are."""

_PLACE = ("work_queue_id", "work_queue_name")
_TOLD = (*_PLAIN, "work_queue_id", "concurrency_limit_id")

_NEVER_NULL = frozenset(("paused", "enforce_parameter_schema", "tags", "labels", "parameters", "job_variables"))

_PRIVATE = frozenset(("version_id", "version_info", "concurrency_limit_id"))
"""Columns that the API does not show."""


# --- creating and changing -------------------------------------------------------------------------------------------


async def create(tx: Transaction, values: Values) -> tuple[Answer, bool]:
    """Create a deployment; one of the same flow and name is given the new values.

    Its schedules, parameters and labels are replaced; of the rest, what is given.

    Returns:
        The deployment, and whether it is new.

    Raises:
        NotFound: There is no such flow, work pool or limit.
        InvalidRequest: Its job variables are not what its pool's template wants, or it was given two limits.
    """
    # Locked, so that two who create the same deployment do it one after the other.
    flow = await store.flows.get(tx, values["flow_id"], lock=True)
    if flow is None:
        raise NotFound("flow", values["flow_id"])
    where = Sql("deployment.flow_id = ? AND deployment.name = ?", (flow["id"], values["name"]))
    there = await store.deployments.find(tx, where, lock=True)
    labels = {"prefect.flow.id": str(flow["id"]), **(values.get("labels") or {})}
    given = {**values, "labels": labels, "parameters": values.get("parameters") or {}}
    before = there[0] if there else None
    after = await _changed(tx, before or _new(flow["id"], values["name"]), given, "creating")
    if before is None:
        await store.deployments.add(tx, [after])
    else:
        await store.deployments.change(tx, [after], [*_TOLD, "work_queue_name", "updated"])
    await deployment_schedules.replace(tx, after["id"], values.get("schedules") or ())
    await scheduling.discard_upcoming_runs(tx, [after["id"]])
    await _say_changed(tx, before, after)
    return (await present(tx, [after]))[0], before is None


async def change(tx: Transaction, id_: UUID, values: Values) -> None:
    """Change what is given of a deployment.

    Raises:
        Conflict: Its parameters are not what its schema wants.
        InvalidRequest: It was given schedules of which nobody can say which are meant, or two limits.
    """
    before = await get(tx, id_, lock=True)
    after = await _changed(tx, before, values, "updating")
    if "parameters" in values and after["enforce_parameter_schema"]:
        _check_parameters(after)
    await store.deployments.change(tx, [after], [*_TOLD, "work_queue_name", "updated"])
    if values.get("schedules"):
        await deployment_schedules.merge(tx, id_, values["schedules"])
    await scheduling.discard_upcoming_runs(tx, [id_])
    await _say_changed(tx, before, after)


async def pause(tx: Transaction, id_: UUID, paused: bool) -> None:
    """Have the schedules of a deployment make runs no more, or again."""
    await change(tx, id_, {"paused": paused})


def _new(flow_id: UUID, name: str) -> Row:
    at = now()
    kinds = store.deployments.table.kinds
    empty = {"array": list, "object": dict}
    row: Row = {column: empty[kind]() if kind in empty else None for column, kind in kinds.items()}
    return row | {
        "id": new_id(),
        "created": at,
        "name": name,
        "flow_id": flow_id,
        "paused": False,
        "enforce_parameter_schema": True,
        "parameter_openapi_schema": {},
        "pull_steps": [],
        "status": NOT_READY,
    }


async def _changed(tx: Transaction, before: Row, values: Values, doing: str) -> Row:
    """A deployment's row as it is to be."""
    after = {**before, "updated": now()}
    for name in _PLAIN:
        if name in values and (values[name] is not None or name not in _NEVER_NULL):
            after[name] = values[name]
    if "job_variables" in values and values["job_variables"] is None:
        after["job_variables"] = {}
    await _place(tx, after, values, doing)
    await _limit(tx, after, values)
    return after


async def _place(tx: Transaction, row: Row, values: Values, doing: str) -> None:
    """Put a deployment into the work queue that a request names."""
    pool_name, queue_name = values.get("work_pool_name"), values.get("work_queue_name")
    if pool_name is None and queue_name is None:
        if "work_pool_name" in values:
            row.update(dict.fromkeys(_PLACE))
        return
    if pool_name is not None:
        pool = await work_pools.get_by_name(tx, pool_name, lock=True)
        try:
            json_schemas.validate(row["job_variables"], pool["base_job_template"].get("variables") or {}, partial=True)
        except (json_schemas.InvalidValues, json_schemas.InvalidSchema) as error:
            raise InvalidRequest(f"Error {doing} deployment: {error}") from None
    else:
        pool = await _pool_of(tx, row) or await work_pools.get_default(tx)
    row["work_queue_id"] = pool["default_queue_id"]
    row["work_queue_name"] = queue_name
    if queue_name is not None:
        row["work_queue_id"] = (await work_queues.ensure(tx, pool, queue_name))["id"]


async def _pool_of(tx: Transaction, row: Row) -> Row | None:
    if row["work_queue_id"] is None:
        return None
    queue = await store.work_queues.get(tx, row["work_queue_id"])
    return await store.work_pools.get(tx, queue["work_pool_id"], lock=True) if queue else None


async def _limit(tx: Transaction, row: Row, values: Values) -> None:
    """Give a deployment the limit that a request names, or one of its own, or none."""
    number, shared = values.get("concurrency_limit"), values.get("global_concurrency_limit_id")
    if number is not None and shared is not None:
        raise InvalidRequest(
            "A deployment cannot have both a concurrency limit of its own and a global one: give one of them."
        )
    own = f"deployment:{row['id']}"
    if shared is not None:
        row["concurrency_limit_id"] = (await limits.get(tx, shared))["id"]
    elif number is not None:
        there = await limits.find_by_name(tx, [own])
        limit = await (
            limits.change(tx, own, {"limit_": number}) if there else limits.add(tx, {"name": own, "limit_": number})
        )
        row["concurrency_limit_id"] = limit["id"]
    elif "concurrency_limit" in values or "global_concurrency_limit_id" in values:
        row["concurrency_limit_id"] = None
        await store.concurrency_limits.remove(tx, one_of("name", [own]))


def _check_parameters(row: Row) -> None:
    try:
        json_schemas.validate(row["parameters"], row["parameter_openapi_schema"] or {}, partial=True)
    except json_schemas.InvalidValues as error:
        raise Conflict(f"Error updating deployment: {error}") from None
    except json_schemas.InvalidSchema as error:
        raise InvalidRequest(f"Error updating deployment: {error}") from None


async def _say_changed(tx: Transaction, before: Row | None, after: Row) -> None:
    if before is None:
        await _say(tx, "created", [after])
    elif told := differences.describe_changes(before, after, _TOLD):
        await _say(tx, "updated", [after], told)


# --- deleting --------------------------------------------------------------------------------------------------------


async def remove(tx: Transaction, rows: Sequence[Row]) -> None:
    """Delete deployments with their schedules and those of their runs that have not begun; other runs stay."""
    ids = [row["id"] for row in rows]
    await _say(tx, "deleted", rows)
    of_them = one_of("deployment_id", ids)
    await store.deployment_schedules.remove(tx, of_them)
    await store.flow_runs.remove(tx, all_of([of_them, Sql("state_type = 'SCHEDULED'")]))
    await store.concurrency_limits.remove(tx, one_of("name", [f"deployment:{id_}" for id_ in ids]))
    await store.deployments.remove(tx, one_of("id", ids))


async def remove_matching(tx: Transaction, criteria: Any, limit: int) -> list[UUID]:
    """Delete deployments that satisfy a filter, so many at most, and return their ids."""
    where = reading.compile_criteria(tx, store.deployments, deployments=criteria)
    found = await store.deployments.find(tx, where, "deployment.id", limit, lock=True)
    await remove(tx, found)
    return [row["id"] for row in found]


# --- reading ---------------------------------------------------------------------------------------------------------


async def get(tx: Transaction, id_: UUID, lock: bool = False) -> Row:
    """A deployment's row, or raise `NotFound`."""
    return await reading.get_row(tx, store.deployments, id_, lock=lock)


async def get_by_name(tx: Transaction, flow_name: str, name: str) -> Row:
    """A deployment by the name of its flow and its own, or raise `NotFound`."""
    of_flow = "deployment.flow_id IN (SELECT flow.id FROM flow WHERE flow.name = ?) AND deployment.name = ?"
    rows = await store.deployments.find(tx, Sql(of_flow, (flow_name, name)))
    if not rows:
        raise NotFound("deployment", f"{flow_name}/{name}")
    return rows[0]


async def find(
    tx: Transaction, sort: Any = None, limit: int | None = None, offset: int = 0, **criteria: Any
) -> list[Answer]:
    """Deployments that satisfy filters, by name unless sorted otherwise."""
    where = reading.compile_criteria(tx, store.deployments, **criteria)
    return await present(tx, await paging.find_page(tx, store.deployments, sort or "NAME_ASC", limit, offset, where))


async def present(tx: Transaction, rows: Sequence[Row]) -> list[Answer]:
    """Deployments as the API shows them, with their schedules and limits and where their runs go."""
    queues, pools = await _places(tx, rows)
    schedules = await deployment_schedules.find_by_deployment(tx, [row["id"] for row in rows]) if rows else {}
    of_limits = list({row["concurrency_limit_id"] for row in rows if row["concurrency_limit_id"] is not None})
    found = await store.concurrency_limits.get_many(tx, of_limits) if of_limits else {}
    answers: list[Answer] = []
    for row in rows:
        queue = queues.get(row["work_queue_id"])
        shown = {name: value for name, value in row.items() if name not in _PRIVATE}
        limit = found.get(row["concurrency_limit_id"])
        answers.append(
            {
                **shown,
                "concurrency_limit": None,  # out of use: the limit is an object
                "global_concurrency_limit": limit and _limit_answer(limit),
                "schedules": schedules.get(row["id"], []),
                "work_queue_name": queue["name"] if queue else row["work_queue_name"],
                "work_pool_name": pools[queue["work_pool_id"]]["name"] if queue else None,
                "status": row["status"] or NOT_READY,
            }
        )
    return answers


def _limit_answer(row: Row) -> Answer:
    names = ("id", "created", "updated", "active", "name", "active_slots", "slot_decay_per_second")
    return {**{name: limits.apply_decay(row)[name] for name in names}, "limit": row["limit_"]}


async def _places(tx: Transaction, rows: Iterable[Row]) -> tuple[dict[Any, Row], dict[UUID, Row]]:
    """The queues that deployments go to, and the pools of these, both in short and by id."""
    ids = list({row["work_queue_id"] for row in rows if row["work_queue_id"] is not None})
    if not ids:
        return {}, {}
    found = await store.work_queues.find(tx, one_of("work_queue.id", ids), columns=["id", "name", "work_pool_id"])
    of_pools = list({queue["work_pool_id"] for queue in found})
    pools = await store.work_pools.find(tx, one_of("work_pool.id", of_pools), columns=["id", "name", "type"])
    return {queue["id"]: queue for queue in found}, {pool["id"]: pool for pool in pools}


# --- signs of life ---------------------------------------------------------------------------------------------------


async def mark_polled(tx: Transaction, which: Sql, fresh: timedelta) -> None:
    """Note that somebody polls for the runs of deployments, unless that was noted lately: they are ready."""
    at = now()
    stale = Sql(
        "(deployment.last_polled IS NULL OR deployment.last_polled < ? OR coalesce(deployment.status, '') <> 'READY')",
        (at - fresh,),
    )
    rows = await store.deployments.find(tx, all_of([which, stale]), "deployment.id", lock=True)
    if not rows:
        return
    new = [row for row in rows if row["status"] != READY]
    await store.deployments.change(
        tx, [{**row, "last_polled": at, "status": READY} for row in rows], ["last_polled", "status"]
    )
    await _say(tx, "ready", new)


async def mark_not_ready(tx: Transaction, rows: Sequence[Row]) -> None:
    """Note that nobody polls for the runs of deployments any more."""
    await store.deployments.change(tx, [{**row, "status": NOT_READY} for row in rows], ["status"])
    await _say(tx, "not-ready", rows)


# --- events ----------------------------------------------------------------------------------------------------------


async def _say(tx: Transaction, what: str, rows: Sequence[Row], payload: Mapping[str, Any] | None = None) -> None:
    if not rows:
        return
    flows = await store.flows.get_many(tx, list({row["flow_id"] for row in rows}))
    queues, pools = await _places(tx, rows)
    events: list[event_store.Event] = []
    for row in rows:
        related = [emitting.resource_labels("flow", row["flow_id"], flows.get(row["flow_id"], {}).get("name"), "flow")]
        if queue := queues.get(row["work_queue_id"]):
            related += [work_queues.related_resource(queue), emitting.work_pool_labels(pools[queue["work_pool_id"]])]
        for kind, role, column in _OTHERS:
            if row[column] is not None:
                related.append(emitting.resource_labels(kind, row[column], role=role))
        resource = emitting.resource_labels("deployment", row["id"], row["name"])
        events.append(emitting.build_event(f"prefect.deployment.{what}", resource, related, payload))
    await event_store.add_events(tx, events)


_OTHERS = (
    ("block-document", "storage", "storage_document_id"),
    ("block-document", "infrastructure", "infrastructure_document_id"),
    ("concurrency-limit", "concurrency-limit", "concurrency_limit_id"),
)
