"""Pausing, suspending and resuming flow runs, with questions that whoever resumes a run answers."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

from prefect._io import sleep, twin
from prefect._lazy import lazy
from prefect.context import EngineContext, TaskRunContext
from prefect.exceptions import Abort, FlowPauseTimeout, NotPausedError, Pause
from prefect.logging.loggers import get_run_logger
from prefect.schemas.states import Paused, State, Suspended
from prefect.types import new_id

if TYPE_CHECKING:
    from prefect.client import orchestration
    from prefect.input import run_input as inputs
    from prefect.schemas.runs import FlowRun
else:
    inputs = lazy("prefect.input.run_input")
    orchestration = lazy("prefect.client.orchestration")

T = TypeVar("T")

FIRST_POLL_INTERVAL_SECONDS = 0.5
"""Seconds until the first look at whether a run was resumed; each pause is twice the one before."""

_PAUSE_COUNTER = "observed_flow_pauses"


async def apause_flow_run(
    wait_for_input: type[T] | None = None, timeout: int = 3600, poll_interval: int = 10, key: str | None = None
) -> T | None:
    """Pause the flow run that this code is in, and wait here until it is resumed.

    Args:
        wait_for_input: What whoever resumes it is asked for: a `RunInput`, a model, or the type of a value.
        timeout: Seconds after which a run that was not resumed fails.
        poll_interval: Seconds between two looks at whether it was resumed; the first ones come sooner.
        key: Which pause of the run this is; the first is `"1"` if None. When the flow is run again, a pause that has
            happened does not happen again.

    Returns:
        The answer, if something was asked.

    Raises:
        RuntimeError: No flow is running here, or a task is.
        FlowPauseTimeout: It was not resumed in time.
        Abort: It was stopped meanwhile.
    """
    run, key = _get_current_flow_run("pause"), key or _next_key()
    logger = get_run_logger()
    input_request = _InputRequest(wait_for_input, Paused(timeout_seconds=timeout, pause_key=key))
    logger.info("Pausing flow, execution will continue when this flow run is resumed.")
    state = await _propose_state(run.id, input_request.state)
    if state.is_running():
        return await input_request.load_response()
    if not state.is_paused():
        raise RuntimeError(f"The flow run could not be paused: it is {state}.")
    await input_request.save()
    await _wait_until_resumed(run, timeout, poll_interval)
    logger.info("Resuming flow run execution!")
    return await input_request.load_response()


async def asuspend_flow_run(
    wait_for_input: type[T] | None = None,
    flow_run_id: UUID | None = None,
    timeout: int | None = None,
    key: str | None = None,
) -> T | None:
    """Suspend a flow run: it leaves its process, and is run again from the start when it is resumed.

    Only runs of deployments can be suspended: nobody else would run them again.

    Args:
        wait_for_input: What whoever resumes it is asked for: a `RunInput`, a model, or the type of a value.
        flow_run_id: The run; the one that this code is in if None.
        timeout: Seconds after which a run that was not resumed fails; never if None.
        key: Which suspension of the run this is; made up if None.

    Returns:
        The answer, if something was asked, in the run that goes on.

    Raises:
        Pause: The run that this code is in is suspended: it ends here.
        RuntimeError: No flow is running here, or a task is, or the run could not be suspended.
        Abort: It may not be suspended.
    """
    context = EngineContext.get()
    current_run = context.flow_run if context else None
    if flow_run_id is None or (current_run is not None and current_run.id == flow_run_id):
        current_run = _get_current_flow_run("suspend")
        flow_run_id, key = current_run.id, key or _next_key()
    else:
        current_run, key = None, key or str(new_id())
    input_request = _InputRequest(wait_for_input, Suspended(timeout_seconds=timeout, pause_key=key))
    state = await _propose_state(flow_run_id, input_request.state)
    if state.is_running():
        return await input_request.load_response(flow_run_id)
    if not state.is_paused():
        raise RuntimeError(f"The flow run could not be suspended: it is {state}.")
    await input_request.save(flow_run_id)
    if current_run is not None:
        raise Pause("The flow run is suspended.", state=state)
    return None


async def aresume_flow_run(flow_run_id: UUID, run_input: dict[str, Any] | None = None) -> None:
    """Have a paused or suspended flow run go on.

    Args:
        flow_run_id: The run.
        run_input: The answer, by the names of what was asked.

    Raises:
        NotPausedError: It is not paused, or the answer is not what it waits for.
        FlowPauseTimeout: It is too late.
    """
    async with orchestration.get_client() as client:
        response = await client.resume_flow_run(flow_run_id, run_input)
    if response.status.value == "ACCEPT":
        return
    if response.state is not None and response.state.is_failed():
        raise FlowPauseTimeout("The flow run can no longer be resumed.")
    raise NotPausedError(f"The flow run cannot be resumed: {getattr(response.details, 'reason', None)}")


pause_flow_run = twin(apause_flow_run)
suspend_flow_run = twin(asuspend_flow_run)
resume_flow_run = twin(aresume_flow_run)


class _InputRequest:
    """What is asked with a pause.

    Args:
        kind: What is asked for; nothing if None.
        state: The state in which the run waits for the answer.
    """

    def __init__(self, kind: Any, state: State[Any]) -> None:
        self._input_type = inputs.run_input_subclass_from_type(kind) if kind is not None else None
        self.state = state
        if self._input_type is not None:
            keys = inputs.keyset_from_paused_state(state)
            details = state.state_details.model_copy(update={"run_input_keyset": keys})
            self.state = state.model_copy(update={"state_details": details})
            self._keys = keys

    async def save(self, flow_run_id: UUID | None = None) -> None:
        """Leave it with the run."""
        if self._input_type is not None:
            await self._input_type.asave(self._keys, flow_run_id)

    async def load_response(self, flow_run_id: UUID | None = None) -> Any:
        """What was answered."""
        return None if self._input_type is None else await self._input_type.aload(self._keys, flow_run_id)


def _get_current_flow_run(verb: str) -> FlowRun:
    """The flow run that this code is in."""
    context = EngineContext.get()
    if TaskRunContext.get() is not None:
        raise RuntimeError(f"A task cannot {verb} the flow run that it is in: do it in the flow.")
    if context is None or context.flow_run is None:
        raise RuntimeError(f"No flow is running here, so there is none to {verb}.")
    return context.flow_run


def _next_key() -> str:
    """The number of this pause among those of the present run."""
    context = EngineContext.get()
    assert context is not None
    seen: dict[str, int] = context.__dict__[_PAUSE_COUNTER]
    seen["count"] = seen.get("count", 0) + 1
    return str(seen["count"])


async def _propose_state(flow_run_id: UUID, state: State[Any]) -> State[Any]:
    async with orchestration.get_client() as client:
        while True:
            response = await client.set_flow_run_state(flow_run_id, state)
            status, details = response.status.value, response.details
            if status == "ABORT":
                raise Abort(getattr(details, "reason", None) or f"The flow run may not become {state}.")
            if status != "WAIT":
                return response.state or state
            await sleep(float(getattr(details, "delay_seconds", 1)))


async def _wait_until_resumed(run: FlowRun, timeout: float, poll_interval: float) -> None:
    end, pause = time.monotonic() + timeout, FIRST_POLL_INTERVAL_SECONDS
    async with orchestration.get_client() as client:
        while (left := end - time.monotonic()) > 0:
            await sleep(min(pause, poll_interval, left))
            pause *= 2
            state = (await client.read_flow_run(run.id)).state
            if state is None or state.is_paused():
                continue
            if state.is_running():
                return
            if state.is_failed():
                break
            raise Abort(f"The flow run became {state} while it was paused.")
    raise FlowPauseTimeout("The flow run was paused and not resumed in time.")
