"""Deployments: flows that can be started remotely, with where and how they run.

A deployment is identified by its flow and its name: creating it again changes it. It is ready while a worker polls for
its runs. Its concurrency limit is shared with others, or private (named `deployment:<id>`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from prefect.form_values import json_schemas
from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.services.automations import automations
from prefect.server.services.concurrency import limits, slots
from prefect.server.services.core import differences, paging, reading
from prefect.server.services.core.errors import Conflict, InvalidRequest, NotFound
from prefect.server.services.core.presenters import Answer
from prefect.server.services.deployments import deployment_schedules, scheduling
from prefect.server.services.events import emitting, event_store
from prefect.server.services.work import work_pools, work_queues
from prefect.server.store import Row, Where
from prefect.server.store.queries import deployments as queries
from prefect.types import new_id, now
from prefect.types.mappings import Values

READY, NOT_READY = "READY", "NOT_READY"

_PLAIN = (
    *("paused", "enforce_parameter_schema", "version", "description", "path", "entrypoint"),
    *("storage_document_id", "infrastructure_document_id", "tags", "labels", "parameters", "job_variables"),
    *("pull_steps", "parameter_openapi_schema", "concurrency_options"),
)
"""The columns that a request sets unchanged."""

_QUEUE = ("work_queue_id", "work_queue_name")
_WRITTEN = (*_PLAIN, "work_queue_id", "concurrency_limit_id")

_NEVER_NULL = frozenset(("paused", "enforce_parameter_schema", "tags", "labels", "parameters", "job_variables"))

_PRIVATE = frozenset(("concurrency_limit_id",))
"""Columns that the API does not show."""


# --- creating and changing -------------------------------------------------------------------------------------------


async def create(tx: Transaction, values: Values) -> tuple[Answer, bool]:
    """Create a deployment, or change the one of the same flow and name.

    Its schedules, parameters and labels are replaced; other columns only where `values` has them.

    Returns:
        The deployment, and whether it is new.

    Raises:
        NotFound: There is no such flow, work pool or limit.
        InvalidRequest: Its job variables do not satisfy its pool's template, or the request has two limits.
    """
    # Locked, so that two requests for the same deployment are served one after the other.
    flow = await store.flows.get(tx, values["flow_id"], lock=True)
    if flow is None:
        raise NotFound("flow", values["flow_id"])
    existing = await store.deployments.find(tx, {"flow_id": flow["id"], "name": values["name"]}, lock=True)
    labels = {"prefect.flow.id": str(flow["id"]), **(values.get("labels") or {})}
    values = {**values, "labels": labels, "parameters": values.get("parameters") or {}}
    before = existing[0] if existing else None
    after = await _apply_values(tx, before or _build_row(flow["id"], values["name"]), values, "creating")
    if before is None:
        await store.deployments.add(tx, [after])
    else:
        await store.deployments.change(tx, [after], [*_WRITTEN, "work_queue_name", "updated"])
    await deployment_schedules.replace(tx, after["id"], values.get("schedules") or ())
    await scheduling.discard_upcoming_runs(tx, [after["id"]])
    await _emit_changed(tx, before, after)
    return (await present(tx, [after]))[0], before is None


async def change(tx: Transaction, id_: UUID, values: Values) -> None:
    """Set columns of a deployment.

    Raises:
        Conflict: Its parameters do not satisfy its schema.
        InvalidRequest: The request has schedules without the slugs that identify them, or two limits.
    """
    before = await get(tx, id_, lock=True)
    after = await _apply_values(tx, before, values, "updating")
    if "parameters" in values and after["enforce_parameter_schema"]:
        _check_parameters(after)
    await store.deployments.change(tx, [after], [*_WRITTEN, "work_queue_name", "updated"])
    if values.get("schedules") is not None:
        await deployment_schedules.merge(tx, id_, values["schedules"])
    await scheduling.discard_upcoming_runs(tx, [id_])
    await _emit_changed(tx, before, after)


async def set_paused(tx: Transaction, id_: UUID, paused: bool) -> None:
    """Pause or resume the schedules of a deployment."""
    await change(tx, id_, {"paused": paused})


def _build_row(flow_id: UUID, name: str) -> Row:
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


async def _apply_values(tx: Transaction, before: Row, values: Values, action: str) -> Row:
    """Return a deployment's row with the values of a request."""
    after = {**before, "updated": now()}
    for name in _PLAIN:
        if name in values and (values[name] is not None or name not in _NEVER_NULL):
            after[name] = values[name]
    if "job_variables" in values and values["job_variables"] is None:
        after["job_variables"] = {}
    await _assign_queue(tx, after, values, action)
    await _assign_limit(tx, after, values)
    return after


async def _assign_queue(tx: Transaction, row: Row, values: Values, action: str) -> None:
    """Put a deployment into the work queue that a request names."""
    pool_name, queue_name = values.get("work_pool_name"), values.get("work_queue_name")
    if pool_name is None and queue_name is None:
        if "work_pool_name" in values:
            row.update(dict.fromkeys(_QUEUE))
        return
    if pool_name is not None:
        pool = await work_pools.get_by_name(tx, pool_name, lock=True)
        try:
            json_schemas.validate(row["job_variables"], pool["base_job_template"].get("variables") or {}, partial=True)
        except (json_schemas.InvalidValues, json_schemas.InvalidSchema) as error:
            raise InvalidRequest(f"Error {action} deployment: {error}") from None
    else:
        pool = await _find_pool(tx, row) or await work_pools.get_default(tx)
    row["work_queue_id"] = pool["default_queue_id"]
    row["work_queue_name"] = queue_name
    if queue_name is not None:
        row["work_queue_id"] = (await work_queues.ensure(tx, pool, queue_name))["id"]


async def _find_pool(tx: Transaction, row: Row) -> Row | None:
    if row["work_queue_id"] is None:
        return None
    queue = await store.work_queues.get(tx, row["work_queue_id"])
    return await store.work_pools.get(tx, queue["work_pool_id"], lock=True) if queue else None


async def _assign_limit(tx: Transaction, row: Row, values: Values) -> None:
    """Assign to a deployment the limit that a request names, or a private one, or none."""
    number, shared = values.get("concurrency_limit"), values.get("global_concurrency_limit_id")
    if number is not None and shared is not None:
        raise InvalidRequest(
            "A deployment cannot have both a private concurrency limit and a global one: send one of them."
        )
    own = f"deployment:{row['id']}"
    if shared is not None:
        row["concurrency_limit_id"] = (await limits.get(tx, shared))["id"]
    elif number is not None:
        existing = await limits.find_by_name(tx, [own])
        limit = await (
            limits.change(tx, own, {"limit_": number}) if existing else limits.add(tx, {"name": own, "limit_": number})
        )
        row["concurrency_limit_id"] = limit["id"]
    elif "concurrency_limit" in values or "global_concurrency_limit_id" in values:
        row["concurrency_limit_id"] = None
        await store.concurrency_limits.remove(tx, {"name": own})


def _check_parameters(row: Row) -> None:
    try:
        json_schemas.validate(row["parameters"], row["parameter_openapi_schema"] or {}, partial=True)
    except json_schemas.InvalidValues as error:
        raise Conflict(f"Error updating deployment: {error}") from None
    except json_schemas.InvalidSchema as error:
        raise InvalidRequest(f"Error updating deployment: {error}") from None


async def _emit_changed(tx: Transaction, before: Row | None, after: Row) -> None:
    if before is None:
        await _emit(tx, "created", [after])
    elif payload := differences.describe_changes(before, after, _WRITTEN):
        await _emit(tx, "updated", [after], payload)


# --- deleting --------------------------------------------------------------------------------------------------------


async def remove(tx: Transaction, rows: Sequence[Row]) -> None:
    """Delete deployments with their schedules, their triggers and their runs that have not started."""
    ids = [row["id"] for row in rows]
    await _emit(tx, "deleted", rows)
    await store.deployment_schedules.remove(tx, {"deployment_id": ids})
    await store.flow_runs.remove(tx, {"deployment_id": ids, "state_type": "SCHEDULED"})
    await store.concurrency_limits.remove(tx, {"name": [f"deployment:{id_}" for id_ in ids]})
    await store.deployments.remove(tx, {"id": ids})
    for id_ in ids:
        await automations.remove_owned(tx, f"prefect.deployment.{id_}")


async def remove_by_id(tx: Transaction, id_: UUID) -> None:
    """Delete a deployment, or raise `NotFound`."""
    await remove(tx, [await get(tx, id_, lock=True)])


async def remove_matching(tx: Transaction, criteria: Any, limit: int) -> list[UUID]:
    """Delete at most `limit` of the deployments that satisfy a filter, and return their ids."""
    where = reading.compile_criteria(tx, store.deployments, deployments=criteria)
    rows = await store.deployments.find(tx, where, store.deployments.by_key, limit, lock=True)
    await remove(tx, rows)
    return [row["id"] for row in rows]


# --- reading ---------------------------------------------------------------------------------------------------------


async def read(tx: Transaction, id_: UUID) -> Answer:
    """Return a deployment, or raise `NotFound`."""
    return (await present(tx, [await get(tx, id_)]))[0]


async def read_by_name(tx: Transaction, flow_name: str, name: str) -> Answer:
    """Return a deployment by the names of its flow and itself, or raise `NotFound`."""
    return (await present(tx, [await get_by_name(tx, flow_name, name)]))[0]


async def get(tx: Transaction, id_: UUID, lock: bool = False) -> Row:
    """Return a deployment's row, or raise `NotFound`."""
    return await reading.get_row(tx, store.deployments, id_, lock=lock)


async def get_by_name(tx: Transaction, flow_name: str, name: str) -> Row:
    """Return the row of a deployment by the names of its flow and itself, or raise `NotFound`."""
    row = await queries.find_deployment(tx, flow_name, name)
    if row is None:
        raise NotFound("deployment", f"{flow_name}/{name}")
    return row


async def find(
    tx: Transaction, sort: Any = None, limit: int | None = None, offset: int = 0, **criteria: Any
) -> list[Answer]:
    """Return deployments that satisfy filters, by name unless another sort is requested."""
    where = reading.compile_criteria(tx, store.deployments, **criteria)
    return await present(tx, await paging.find_page(tx, store.deployments, sort or "NAME_ASC", limit, offset, where))


async def present(tx: Transaction, rows: Sequence[Row]) -> list[Answer]:
    """Return deployments as the API shows them, with their schedules, limits, work pools and queues."""
    queues, pools = await _find_queues_and_pools(tx, rows)
    schedules = await deployment_schedules.find_by_deployment(tx, [row["id"] for row in rows]) if rows else {}
    limit_ids = list({row["concurrency_limit_id"] for row in rows if row["concurrency_limit_id"] is not None})
    limits_by_id = await store.concurrency_limits.get_many(tx, limit_ids) if limit_ids else {}
    await slots.read_usage(tx, limits_by_id.values())
    answers: list[Answer] = []
    for row in rows:
        queue = queues.get(row["work_queue_id"])
        shown = {name: value for name, value in row.items() if name not in _PRIVATE}
        limit = limits_by_id.get(row["concurrency_limit_id"])
        answers.append(
            {
                **shown,
                "concurrency_limit": None,  # deprecated in favour of the limit as an object
                "created_by": None,
                "updated_by": None,
                "global_concurrency_limit": limit and _present_limit(limit),
                "schedules": schedules.get(row["id"], []),
                "work_queue_name": queue["name"] if queue else row["work_queue_name"],
                "work_pool_name": pools[queue["work_pool_id"]]["name"] if queue else None,
                "status": row["status"] or NOT_READY,
            }
        )
    return answers


def _present_limit(row: Row) -> Answer:
    names = ("id", "created", "updated", "active", "name", "slot_decay_per_second")
    return {**{name: row[name] for name in names}, "limit": row["limit_"], "active_slots": row["occupied"]}


async def _find_queues_and_pools(tx: Transaction, rows: Iterable[Row]) -> tuple[dict[Any, Row], dict[UUID, Row]]:
    """Return the work queues of deployments, and the pools of these, both in short and by id."""
    ids = list({row["work_queue_id"] for row in rows if row["work_queue_id"] is not None})
    if not ids:
        return {}, {}
    queues = await store.work_queues.find(tx, {"id": ids}, columns=["id", "name", "work_pool_id"])
    pool_ids = {queue["work_pool_id"] for queue in queues}
    pools = await store.work_pools.find(tx, {"id": pool_ids}, columns=["id", "name", "type"])
    return {queue["id"]: queue for queue in queues}, {pool["id"]: pool for pool in pools}


# --- readiness -------------------------------------------------------------------------------------------------------


async def mark_polled(tx: Transaction, where: Where, freshness: timedelta) -> None:
    """Record that a worker polls for the runs of deployments, which makes them ready.

    Args:
        tx: The transaction.
        where: The condition that the deployments satisfy.
        freshness: A poll within this time after the recorded one is not recorded.
    """
    at = now()
    rows = await queries.lock_deployments_to_refresh(tx, where, at - freshness)
    if not rows:
        return
    new = [row for row in rows if row["status"] != READY]
    await store.deployments.change(
        tx, [{**row, "last_polled": at, "status": READY} for row in rows], ["last_polled", "status"]
    )
    await _emit(tx, "ready", new)


async def mark_not_ready(tx: Transaction, rows: Sequence[Row]) -> None:
    """Set deployments for whose runs no worker polls any more not ready."""
    await store.deployments.change(tx, [{**row, "status": NOT_READY} for row in rows], ["status"])
    await _emit(tx, "not-ready", rows)


# --- events ----------------------------------------------------------------------------------------------------------


async def _emit(tx: Transaction, what: str, rows: Sequence[Row], payload: Mapping[str, Any] | None = None) -> None:
    if not rows:
        return
    flows = await store.flows.get_many(tx, list({row["flow_id"] for row in rows}))
    queues, pools = await _find_queues_and_pools(tx, rows)
    events: list[event_store.Event] = []
    for row in rows:
        related = [emitting.resource_labels("flow", row["flow_id"], flows.get(row["flow_id"], {}).get("name"), "flow")]
        if queue := queues.get(row["work_queue_id"]):
            related += [work_queues.related_resource(queue), emitting.work_pool_labels(pools[queue["work_pool_id"]])]
        for kind, role, column in _RELATED_COLUMNS:
            if row[column] is not None:
                related.append(emitting.resource_labels(kind, row[column], role=role))
        resource = emitting.resource_labels("deployment", row["id"], row["name"])
        events.append(emitting.build_event(f"prefect.deployment.{what}", resource, related, payload))
    await event_store.add_events(tx, events)


_RELATED_COLUMNS = (
    ("block-document", "storage", "storage_document_id"),
    ("block-document", "infrastructure", "infrastructure_document_id"),
    ("concurrency-limit", "concurrency-limit", "concurrency_limit_id"),
)
