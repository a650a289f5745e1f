"""Having paused flow runs go on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import orjson

from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.services.core import hydration, json_schemas, presenters, reading
from prefect.server.services.core.errors import NotFound
from prefect.server.services.core.presenters import Answer
from prefect.server.services.runs import inputs, transitions


class BadInput(Exception):
    """What a flow run was given is not what it waits for; the message says why."""


async def resume_flow_run(
    tx: Transaction, id_: UUID, run_input: Mapping[str, Any] | None = None, client_version: str | None = None
) -> Answer:
    """Have a paused flow run go on.

    Args:
        tx: The transaction.
        id_: The flow run.
        run_input: What it waits for, if it waits for something.
        client_version: The version of the client that asks, if it said so.

    Returns:
        The answer as `OrchestrationResult` has it.
    """
    row = await reading.get_row(tx, store.flow_runs, id_, lock=True)
    if row["state_type"] != "PAUSED":
        reason = "Cannot resume a flow run that is not paused."
        return {"state": None, "status": "ABORT", "details": {"type": "abort_details", "reason": reason}}
    details = row["states"][-1].get("details", {})
    keys = details.get("run_input_keyset")
    response: Any = None
    if keys:
        try:
            response = await _checked(tx, id_, keys, run_input or {})
        except BadInput as error:
            # The details are those of an abortion, as clients expect them here.
            details = {"type": "abort_details", "reason": str(error)}
            return {"state": presenters.present_flow_run_state(row), "status": "REJECT", "details": details}
    suspended = details.get("pause_reschedule")
    state = {"type": "SCHEDULED", "name": "Resuming"} if suspended else {"type": "RUNNING"}
    answer = await transitions.set_flow_run_state(tx, id_, state, client_version=client_version)
    if keys and answer["status"] == "ACCEPT":
        await inputs.put(tx, id_, keys["response"], orjson.dumps(response, option=orjson.OPT_NON_STR_KEYS).decode())
    return answer


async def _checked(tx: Transaction, id_: UUID, keys: Mapping[str, str], given: Mapping[str, Any]) -> Any:
    """What was given, read and checked against the schema that the run has left among its inputs."""
    if not {"schema", "response"} <= set(keys):
        raise BadInput("The run does not say under which keys its input is described and awaited.")
    try:
        schema = orjson.loads(await inputs.get(tx, id_, keys["schema"]))
        values = await hydration.hydrate(tx, given)
        json_schemas.validate(values, schema)
    except NotFound:
        raise BadInput("The schema of the input that the run waits for is not there.") from None
    except (
        hydration.HydrationError,
        json_schemas.InvalidValues,
        json_schemas.InvalidSchema,
        orjson.JSONDecodeError,
    ) as error:
        raise BadInput(f"The input is not what the run waits for: {error}") from None
    return values
