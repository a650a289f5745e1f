"""The task run that stands for a subflow in its parent flow run: its states follow the subflow's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from prefect.context import EngineContext, TaskRunContext, current_tags
from prefect.engine.core import RunRecord
from prefect.engine.dataflow.parameters import Link
from prefect.types import new_id, now

if TYPE_CHECKING:
    from prefect.engine.protocols import RunnableFlow
    from prefect.journal.writer import Journal

_NO_RETRIES = {"retries": 0, "retry_delay": 0}
"""The policy of a task run that stands for a subflow, whose retries are its own."""


class ParentTaskRun:
    """The task run that stands for one call of a subflow.

    Args:
        flow: The called flow.
        parent: The context of the flow run that calls it.
        links: The runs that its arguments depend on.
    """

    def __init__(self, flow: RunnableFlow, parent: EngineContext, links: dict[str, list[Link]]) -> None:
        assert parent.flow_run is not None
        name = flow.name
        keys = parent.task_run_dynamic_keys
        number = keys[name] = keys.get(name, -1) + 1
        caller = TaskRunContext.get()
        if caller is not None:
            links["__parents__"] = [{"input_type": "task_run", "id": caller.task_run_id}]
        self.id = new_id()
        self.creation_values: dict[str, Any] = {
            "id": self.id,
            "flow_run_id": parent.flow_run.id,
            "name": f"{name}-{number}",
            "task_key": flow.key,
            "task_version": flow.version,
            "dynamic_key": str(number),
            "tags": sorted(current_tags() or ()),
            "task_inputs": links,
            "empirical_policy": _NO_RETRIES,
            "created": now(),
        }
        self._states: ParentTaskRunStates | None = None

    def start_recording(self, journal: Journal, child_id: UUID) -> None:
        """Record it, and the states that follow. A server that has created it does so itself."""
        self._states = ParentTaskRunStates(RunRecord(journal, "task_run", self.id, self.creation_values), child_id)

    def record_state(self, state: dict[str, Any]) -> None:
        """Record the child's state as this run's."""
        if self._states is not None:
            self._states.record_state(state)


class ParentTaskRunStates:
    """Records the states of a flow run also as states of the task run that stands for it.

    Args:
        record: The record of the task run.
        child_id: The flow run.
    """

    def __init__(self, record: RunRecord, child_id: UUID) -> None:
        self._record = record
        self._details = {"child_flow_run_id": child_id}

    def record_state(self, state: dict[str, Any]) -> None:
        """Record the child's state as this run's."""
        own = {name: state[name] for name in ("type", "name", "timestamp", "message", "data") if name in state}
        self._record.add_state({"id": new_id(), **own, "details": self._details})
