"""The final state of a flow run whose process has ended without recording one: its supervisor sets it.

A process that was killed cannot say so. Its supervisor sees its end immediately, long before the run's heartbeats are
missed.
"""

from __future__ import annotations

import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any
from uuid import UUID

from prefect._lazy import lazy

if TYPE_CHECKING:
    from prefect.client.orchestration import PrefectClient
    from prefect.schemas import states
    from prefect.schemas.states import State
else:
    states = lazy("prefect.schemas.states")


class StopReason(Enum):
    """The reason for which a supervisor has ended the process of a flow run."""

    CANCELLED = "cancelled"
    SHUTDOWN = "shutdown"


@dataclass(frozen=True, kw_only=True)
class ProcessEnd:
    """The end of the process of a flow run.

    Attributes:
        flow_run_id: The flow run.
        pid: The id of the process.
        exit_code: Its exit code; a negative number is the signal that ended it.
        stop_reason: Why the supervisor has ended it; None if it ended by itself.
    """

    flow_run_id: UUID
    pid: int
    exit_code: int
    stop_reason: StopReason | None = None

    def describe(self) -> str:
        """Return what happened, as a sentence for people."""
        message = f"The process of the flow run (pid {self.pid}) {_describe_exit_code(self.exit_code)}"
        return f"{message} when its runner was stopped." if self.stop_reason is StopReason.SHUTDOWN else f"{message}."


_EXPLANATIONS = {
    -signal.SIGKILL: "perhaps because the system ran out of memory",
    -signal.SIGSEGV: "a fault in compiled code",
    -signal.SIGABRT: "a fault in compiled code, or a call of abort()",
    126: "its command is not executable",
    127: "its command was not found",
    137: "killed by SIGKILL, perhaps because the system ran out of memory",
    143: "ended by SIGTERM",
}


def _describe_exit_code(code: int) -> str:
    explanation = f" ({_EXPLANATIONS[code]})" if code in _EXPLANATIONS else ""
    if code >= 0:
        return f"ended with the exit code {code}{explanation} without recording an outcome"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    return f"was ended by {name}{explanation}"


async def record_end(
    client: PrefectClient, end: ProcessEnd, propose: Callable[[State[Any]], Awaitable[bool]]
) -> State[Any] | None:
    """Set the state of the flow run of an ended process, unless the process has recorded how the run ended.

    What the process has recorded must have been received before.

    Args:
        client: The client of the API that has the run.
        end: How the process has ended.
        propose: Proposes a state of the run, and returns whether the run has entered it.

    Returns:
        The state that was set; None when the run was left as it is.

    Raises:
        ObjectNotFound: The run has been deleted.
        httpx.HTTPError: The server cannot be reached, or fails.
    """
    run = await client.read_flow_run(end.flow_run_id)
    current = run.state
    if current is None or current.is_final():
        return None
    proposed = find_state_after(current, end)
    if proposed is None:
        return None
    return proposed if await propose(proposed) else None


def find_state_after(current: State[Any], end: ProcessEnd) -> State[Any] | None:
    """Return the next state of a run whose process has ended, or None if it continues: later, or in another process."""
    if end.stop_reason is StopReason.CANCELLED or current.is_cancelling():
        return states.State(type=states.StateType.CANCELLED, message=f"The flow run was cancelled. {end.describe()}")
    if current.is_paused() or current.is_scheduled():
        return None
    if end.stop_reason is StopReason.SHUTDOWN and current.is_pending():
        return states.Scheduled(message="Its runner was stopped before the flow run began.")
    # A run that is Running after a clean exit is recorded in an outbox, whose server was unavailable.
    if end.exit_code == 0 and not current.is_pending():
        return None
    return states.State(type=states.StateType.CRASHED, message=end.describe())
