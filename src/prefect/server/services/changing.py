"""Changing what is stored at somebody's request: creating, updating, deleting, and setting states.

States that a run reports about itself come through the journal; a state that is set here is somebody's decision, and
goes through the same history. Which of them the server may refuse is the rule book's matter, and the server's issue.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from prefect.server import store
from prefect.server.db.connection import Connection
from prefect.server.db.dialect import micros
from prefect.server.db.sql import Sql, one_of
from prefect.server.services import answers, history, records
from prefect.server.services.answers import Answer
from prefect.server.services.errors import Invalid
from prefect.server.services.reading import get, get_flow_by_name
from prefect.server.store import Collection, Row
from prefect.types import named_id, new_id, now

Values = Mapping[str, Any]
"""What a request sets, as Python values keyed by column."""


async def add_flow(tx: Connection, values: Values) -> tuple[Answer, bool]:
    """Create a flow; one of the same name is left as it is.

    Returns:
        The flow of this name, and whether it is new.
    """
    at = now()
    row = {**values, "id": named_id("flow", values["name"]), "created": at, "updated": at}
    created = await store.flows.add(tx, [row])
    return await get_flow_by_name(tx, values["name"]), bool(created)


async def add_flow_run(tx: Connection, values: Values, state: Values | None = None) -> Answer:
    """Create a flow run, in a state if one is given."""
    return answers.flow_run(await _add_run(tx, store.flow_runs, values, state))


async def add_task_run(tx: Connection, values: Values, state: Values | None = None) -> Answer:
    """Create a task run, in a state if one is given; one with the same id is left as it is, and returned."""
    return answers.task_run(await _add_run(tx, store.task_runs, values, state))


async def _add_run(tx: Connection, collection: Collection, values: Values, state: Values | None) -> Row:
    at = now()
    id_ = values.get("id") or new_id()
    row = {**values, "id": id_, "created": at, "updated": at, **history.NOTHING_DERIVED, "states": []}
    if state is not None:
        history.enter(row, _stored(state))
    await collection.add(tx, [row])
    return await get(tx, collection, id_)


async def change_run(tx: Connection, collection: Collection, id_: UUID, values: Values) -> None:
    """Set columns of a flow run or a task run."""
    refused = sorted(set(values) - records.CHANGEABLE[collection.table.name])
    if refused:
        raise Invalid(f"{', '.join(refused)} of a {collection.table.name.replace('_', ' ')} cannot be set.")
    await get(tx, collection, id_)
    await collection.change(tx, [{"id": id_, "updated": now(), **values}], ["updated", *values])


async def add_labels(tx: Connection, id_: UUID, labels: Values) -> None:
    """Add labels to a flow run's, in place of those of the same name."""
    row = await get(tx, store.flow_runs, id_)
    await change_run(tx, store.flow_runs, id_, {"labels": {**row["labels"], **labels}})


async def set_state(tx: Connection, collection: Collection, id_: UUID, state: Values) -> Answer:
    """Enter a run into a state now, after all it has been in.

    Returns:
        The state as it was entered.
    """
    row = await get(tx, collection, id_)
    stored = _stored(state)
    stored["timestamp"] = micros(now())
    if row["states"]:
        stored["timestamp"] = max(stored["timestamp"], row["states"][-1]["timestamp"] + 1)
    history.enter(row, stored)
    row["updated"] = now()
    await collection.change(tx, [row], ("states", "updated", *history.NOTHING_DERIVED))
    shape = answers.flow_run if collection is store.flow_runs else answers.task_run
    return shape(row)["state"]


def _stored(state: Values) -> history.StoredState:
    """A requested state (`type`, and what else a state may have) as a stored one."""
    given = {name: value for name, value in state.items() if value is not None}
    if "state_details" in given:
        given["details"] = given.pop("state_details")
    record = {"id": str(new_id()), "timestamp": now().isoformat(), **given}
    try:
        return records.state(record)
    except records.BadRecord as error:
        raise Invalid(f"The state cannot be set: {error}.") from None


async def remove_flow(tx: Connection, id_: UUID) -> None:
    """Delete a flow with its runs."""
    await get(tx, store.flows, id_)
    runs = await store.flow_runs.find(tx, one_of("flow_run.flow_id", [id_]), columns=["id"])
    for run in runs:
        await _remove_flow_run(tx, run["id"])
    await store.flows.remove(tx, one_of("id", [id_]))


async def remove_flow_run(tx: Connection, id_: UUID) -> None:
    """Delete a flow run with its task runs and its logs. Subflow runs stay, without a parent; so do artifacts."""
    await get(tx, store.flow_runs, id_)
    await _remove_flow_run(tx, id_)


async def _remove_flow_run(tx: Connection, id_: UUID) -> None:
    tasks = Sql("parent_task_run_id IN (SELECT id FROM task_run WHERE flow_run_id = ?)", (id_,))
    orphaned = await store.flow_runs.find(tx, tasks, columns=["id"])
    await store.flow_runs.change(tx, orphaned, ["parent_task_run_id"])
    await store.logs.remove(tx, one_of("flow_run_id", [id_]))
    await store.task_runs.remove(tx, one_of("flow_run_id", [id_]))
    await store.flow_runs.remove(tx, one_of("id", [id_]))


async def remove_task_run(tx: Connection, id_: UUID) -> None:
    """Delete a task run with its logs. The subflow run behind it stays, without a parent."""
    await get(tx, store.task_runs, id_)
    orphaned = await store.flow_runs.find(tx, one_of("parent_task_run_id", [id_]), columns=["id"])
    await store.flow_runs.change(tx, orphaned, ["parent_task_run_id"])
    await store.logs.remove(tx, one_of("task_run_id", [id_]))
    await store.task_runs.remove(tx, one_of("id", [id_]))


async def add_logs(tx: Connection, logs: Iterable[Values]) -> None:
    """Add logs."""
    await store.logs.add(tx, [{"id": new_id(), **log} for log in logs])


async def add_artifact(tx: Connection, values: Values) -> Answer:
    """Create an artifact."""
    at = now()
    row = {"id": new_id(), **values, "created": at, "updated": at}
    await store.artifacts.add(tx, [row])
    return await get(tx, store.artifacts, row["id"])


async def change_artifact(tx: Connection, id_: UUID, values: Values) -> None:
    """Set columns of an artifact."""
    await get(tx, store.artifacts, id_)
    await store.artifacts.change(tx, [{"id": id_, "updated": now(), **values}], ["updated", *values])


async def remove_artifact(tx: Connection, id_: UUID) -> None:
    """Delete an artifact."""
    await get(tx, store.artifacts, id_)
    await store.artifacts.remove(tx, one_of("id", [id_]))
