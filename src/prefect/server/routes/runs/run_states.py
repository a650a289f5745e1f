"""States of flow runs and task runs."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from prefect.schemas.wire.states import State
from prefect.server.db.interface import Transaction
from prefect.server.routes.core.operation import Routes
from prefect.server.services.core import reading

routes = Routes(None)

_FLOWS = "Flow Run States"
_TASKS = "Task Run States"


@routes.reads("GET", "/flow_run_states/{id:uuid}", State, tag=_FLOWS)
async def read_flow_run_state(tx: Transaction, id: UUID) -> Any:
    """Return a state of a flow run by its id."""
    return await reading.get_flow_run_state(tx, id)


@routes.reads("GET", "/flow_run_states/", list[State], tag=_FLOWS)
async def read_flow_run_states(tx: Transaction, flow_run_id: UUID) -> Any:
    """Return the states of a flow run, oldest first."""
    return await reading.get_flow_run_states(tx, flow_run_id)


@routes.reads("GET", "/task_run_states/{id:uuid}", State, tag=_TASKS)
async def read_task_run_state(tx: Transaction, id: UUID) -> Any:
    """Return a state of a task run by its id."""
    return await reading.get_task_run_state(tx, id)


@routes.reads("GET", "/task_run_states/", list[State], tag=_TASKS)
async def read_task_run_states(tx: Transaction, task_run_id: UUID) -> Any:
    """Return the states of a task run, oldest first."""
    return await reading.get_task_run_states(tx, task_run_id)
