"""Changing flows and the columns of runs.

States are changed in `transitions`, runs are created in `creation` and deleted in `deletion`.
"""

from __future__ import annotations

from uuid import UUID

import orjson

from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.services.core.errors import InvalidRequest, ServiceError
from prefect.server.services.core.presenters import Answer
from prefect.server.services.core.reading import get_flow_by_name, get_row
from prefect.server.services.events import emitting
from prefect.server.services.runs.ingestion import records
from prefect.server.store import Collection, Row
from prefect.settings import get_current_settings
from prefect.types import json_codec, named_id, now
from prefect.types.mappings import Values

"""The fields of a request, as Python values keyed by column."""


async def add_flow(tx: Transaction, values: Values) -> tuple[Answer, bool]:
    """Create a flow; an existing flow of the same name stays unchanged.

    Returns:
        The flow of this name, and whether it is new.
    """
    at = now()
    row = {**values, "id": named_id("flow", values["name"]), "created": at, "updated": at}
    created = await store.flows.add(tx, [row])
    if created:
        await emit_flow_event(tx, "created", row)
    return await get_flow_by_name(tx, values["name"]), bool(created)


async def change_flow(tx: Transaction, id_: UUID, values: Values) -> None:
    """Set columns of a flow."""
    row = {**await get_row(tx, store.flows, id_, lock=True), **values, "updated": now()}
    await store.flows.change(tx, [row], ["updated", *values])
    await emit_flow_event(tx, "updated", row)


async def emit_flow_event(tx: Transaction, change: str, row: Row) -> None:
    """Emit an event about a flow: `"created"`, `"updated"` or `"deleted"`."""
    payload = {name: row[name] for name in ("name", "tags", "labels")}
    await emitting.emit_object_event(tx, "flow", change, row, payload)


async def change_run(tx: Transaction, collection: Collection, id_: UUID, values: Values) -> None:
    """Set columns of a flow run or a task run.

    Raises:
        InvalidRequest: A column cannot be set, or the parameters are too large.
        ServiceError: The job variables of a flow run that has started cannot be changed.
    """
    values = {name: value for name, value in values.items() if name != "name" or value}
    refused = sorted(set(values) - records.CHANGEABLE[collection.table.name])
    if refused:
        raise InvalidRequest(f"{', '.join(refused)} of a {collection.table.name.replace('_', ' ')} cannot be set.")
    check_parameters(values)
    row = await get_row(tx, collection, id_, lock=True)
    if values.get("job_variables") is not None and row["state_type"] not in (None, "SCHEDULED", "PENDING"):
        raise ServiceError(f"Job variables for a flow run in state {row['state_type']} cannot be updated")
    await collection.change(tx, [{"id": id_, "updated": now(), **values}], ["updated", *values])


def check_parameters(values: Values) -> None:
    """Raise `InvalidRequest` for parameters that are larger than the settings allow."""
    parameters = values.get("parameters")
    if not parameters:
        return
    max_size = get_current_settings().server.api.max_parameter_size
    size = len(json_codec.dumps(parameters, str, orjson.OPT_NON_STR_KEYS))
    if 0 < max_size < size:
        raise InvalidRequest(
            f"Flow run parameters must be less than {max_size:,} bytes when serialized (got {size:,} bytes)."
        )


async def add_labels(tx: Transaction, id_: UUID, labels: Values) -> None:
    """Add labels to a flow run; labels of the same name are replaced.

    Raises:
        InvalidRequest: The value of a label is not a string, number or boolean.
    """
    invalid = [name for name, value in labels.items() if not isinstance(value, (bool, int, float, str))]
    if invalid:
        raise InvalidRequest(f"The label {invalid[0]!r} must be a string, a number or a boolean.")
    row = await get_row(tx, store.flow_runs, id_, lock=True)
    await change_run(tx, store.flow_runs, id_, {"labels": {**row["labels"], **labels}})
