"""Interface of the orchestrators, which decide about the states of a flow run.

The engine proposes a state and gets a verdict. `local.LocalOrchestrator` decides in this process by `prefect.rules`;
`remote.ServerOrchestrator` sends the proposal to the API, which decides by the same rules.
`tests/contracts/test_orchestrators.py` tests that both behave the same. No other module of the engine decides about the
states of a flow run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

from prefect.engine.core import RunRecord

if TYPE_CHECKING:
    from prefect.engine.orchestration.subflow import ParentTaskRun
    from prefect.journal.writer import Journal
    from prefect.schemas.runs import FlowRun
    from prefect.schemas.states import State


class Answer(NamedTuple):
    """The answer to a proposed state.

    Attributes:
        status: `ACCEPT`: the run enters `state`. `REJECT`: the run is in `state` instead of the proposed one. `WAIT`:
            propose again after `delay_seconds`. `ABORT`: stop running.
        state: The state that the run is in; None for `WAIT` and `ABORT`.
        delay_seconds: How long to wait.
        reason: Why the proposed state was not accepted.
    """

    status: Literal["ACCEPT", "REJECT", "WAIT", "ABORT"]
    state: State[Any] | None = None
    delay_seconds: float = 0.0
    reason: str | None = None


class NewFlowRun(NamedTuple):
    """A flow run to create.

    Attributes:
        flow_name: The name of its flow.
        columns: The run's columns, without its name.
        policy: Its `empirical_policy`.
        parent_task: The task run that stands for it in the flow run that called it.
    """

    flow_name: str
    columns: dict[str, Any]
    policy: dict[str, Any]
    parent_task: ParentTaskRun | None


class Orchestrator(Protocol):
    """Creates one flow run, or takes over a created one, and decides about its states."""

    async def create_run(self, new: NewFlowRun) -> tuple[FlowRun, RunRecord]:
        """Create a run; return it with the record of what follows.

        Raises:
            httpx.TransportError: The server cannot be reached, and the run is inside no other.
        """
        ...

    def adopt_run(self, run: FlowRun, flow_name: str) -> RunRecord:
        """Take over a run that was created before."""
        ...

    async def update_policy(self, policy: dict[str, Any]) -> None:
        """Set the retries of an adopted run to those of its flow, also if another program created the run.

        Args:
            policy: The fields of its `empirical_policy` that the flow determines.
        """
        ...

    async def propose_state(self, state: State[Any], force: bool = False) -> Answer:
        """Propose a state for the run.

        Args:
            state: The state.
            force: It has happened, and must not be refused; nothing but a stored result is protected.
        """
        ...

    async def read_state(self) -> State[Any] | None:
        """Return the state that the run is in, also if another process has changed it; None if that is not known."""
        ...

    async def call_api(self, method: Any, route: Any, body: Any = None, **path: Any) -> Any:
        """Call an operation of the API that has the run, and return the JSON of its answer."""
        ...

    def release_run(self) -> None:
        """Release the run, because this process does not execute it any more."""
        ...


class RecordsState(Protocol):
    """Records states: what a flow run is to the task run that stands for it."""

    def record_state(self, state: dict[str, Any]) -> None: ...


class FlowRunRecord(RunRecord):
    """The journal record of a flow run. The states of a subflow are also recorded for its parent task run.

    Args:
        journal: The journal.
        run_id: The run's id.
        created: The record of its creation; None for a run that was recorded elsewhere.
        parent_task: The task run that follows its states, if this process records it.
    """

    __slots__ = ("_parent_task",)

    def __init__(
        self,
        journal: Journal,
        run_id: Any,
        created: dict[str, Any] | None = None,
        parent_task: RecordsState | None = None,
    ) -> None:
        super().__init__(journal, "flow_run", run_id, created)
        self._parent_task = parent_task

    def add_state(self, state: dict[str, Any]) -> None:
        """Record that the run enters a state."""
        super().add_state(state)
        if self._parent_task is not None:
            self._parent_task.record_state(state)
