"""Resuming paused flow runs, with the input that they wait for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import orjson

from prefect.form_values import json_schemas
from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.services.core import hydration, presenters, reading
from prefect.server.services.core.errors import NotFound
from prefect.server.services.core.presenters import Answer
from prefect.server.services.runs import inputs
from prefect.server.services.runs.states import transitions
from prefect.types import json_codec


class BadInput(Exception):
    """The input of a flow run is not valid for the pause; the message is the reason."""


async def resume_flow_run(
    tx: Transaction, id_: UUID, run_input: Mapping[str, Any] | None = None, client_version: str | None = None
) -> Answer:
    """Resume a paused flow run.

    Args:
        tx: The transaction.
        id_: The flow run.
        run_input: The input, if the run waits for one.
        client_version: The version of the client, if the request names it.

    Returns:
        An `OrchestrationResult`.
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
            response = await _check_input(tx, id_, keys, run_input or {})
        except BadInput as error:
            # Clients expect the details of an abort here.
            details = {"type": "abort_details", "reason": str(error)}
            return {"state": presenters.present_flow_run_state(row), "status": "REJECT", "details": details}
    suspended = details.get("pause_reschedule")
    state = {"type": "SCHEDULED", "name": "Resuming"} if suspended else {"type": "RUNNING"}
    answer = await transitions.set_flow_run_state(tx, id_, state, client_version=client_version)
    if keys and answer["status"] == "ACCEPT":
        await inputs.put(tx, id_, keys["response"], json_codec.dumps(response, option=orjson.OPT_NON_STR_KEYS).decode())
    return answer


async def _check_input(tx: Transaction, id_: UUID, keys: Mapping[str, str], run_input: Mapping[str, Any]) -> Any:
    """Return the input, hydrated and validated against the schema that the run has stored among its inputs."""
    if not {"schema", "response"} <= set(keys):
        raise BadInput("The run does not say under which keys its input is described and awaited.")
    try:
        schema = json_codec.loads_foreign((await inputs.get(tx, id_, keys["schema"])).encode())
        values = await hydration.hydrate(tx, run_input)
        json_schemas.validate(values, schema)
    except NotFound:
        raise BadInput("The schema of the input that the run waits for is not there.") from None
    except (
        hydration.HydrationError,
        json_schemas.InvalidValues,
        json_schemas.InvalidSchema,
        json_codec.JSONDecodeError,
    ) as error:
        raise BadInput(f"The input is not what the run waits for: {error}") from None
    return values
