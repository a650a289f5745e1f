"""Pause, suspend and resume flow runs, optionally with input from the user who resumes them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

from prefect._io import sleep, twin
from prefect._lazy import lazy_from
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
    inputs, orchestration = lazy_from("prefect", "input.run_input", "client.orchestration")

T = TypeVar("T")

FIRST_POLL_INTERVAL_SECONDS = 0.5
"""Seconds until the first poll of a paused run; the interval then doubles."""

_PAUSE_COUNTER = "observed_flow_pauses"


async def apause_flow_run(
    wait_for_input: type[T] | None = None, timeout: int = 3600, poll_interval: int = 10, key: str | None = None
) -> T | None:
    """Pause the current flow run and wait until it is resumed. A task may pause the flow run that it belongs to.

    Args:
        wait_for_input: Input to request from the user: a `RunInput`, a model, or the type of a value.
        timeout: Seconds after which the run fails if it was not resumed.
        poll_interval: Maximum number of seconds between two polls; the first ones are shorter.
        key: Key of this pause; a counter if None. A retry of the flow does not repeat a pause with the same key.

    Returns:
        The received input, or None.

    Raises:
        RuntimeError: There is no current flow run, or it cannot be paused.
        FlowPauseTimeout: The run was not resumed in time.
        Abort: The run was ended by another process.
    """
    run, key = _get_current_flow_run("pause"), key or _next_key()
    logger = get_run_logger()
    input_request = _InputRequest(wait_for_input, Paused(timeout_seconds=timeout, pause_key=key))
    logger.info("Pausing flow, execution will continue when this flow run is resumed.")
    state = await _propose_state(run.id, input_request.state, "paused")
    if state.is_running():
        return await input_request.load_response()
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
    """Suspend a flow run: its process exits, and it is executed again from the start when it is resumed.

    Only runs of deployments can be suspended, because another process has to execute them.

    Args:
        wait_for_input: Input to request from the user: a `RunInput`, a model, or the type of a value.
        flow_run_id: Id of the flow run; the current one if None.
        timeout: Seconds after which the run fails if it was not resumed; never if None.
        key: Key of this suspension; generated if None.

    Returns:
        The received input in the resumed run, or None.

    Raises:
        Pause: The current run is suspended; the engine handles this exception.
        RuntimeError: There is no current flow run, the caller is a task, or the run cannot be suspended.
        Abort: The run was ended by another process.
    """
    context = EngineContext.get()
    current_run = context.flow_run if context else None
    if flow_run_id is None or (current_run is not None and current_run.id == flow_run_id):
        current_run = _get_current_flow_run("suspend")
        flow_run_id, key = current_run.id, key or _next_key()
    else:
        current_run, key = None, key or str(new_id())
    input_request = _InputRequest(wait_for_input, Suspended(timeout_seconds=timeout, pause_key=key))
    state = await _propose_state(flow_run_id, input_request.state, "suspended")
    if state.is_running():
        return await input_request.load_response(flow_run_id)
    await input_request.save(flow_run_id)
    if current_run is not None:
        raise Pause("The flow run is suspended.", state=state)
    return None


async def aresume_flow_run(flow_run_id: UUID, run_input: dict[str, Any] | None = None) -> None:
    """Resume a paused or suspended flow run.

    Args:
        flow_run_id: Id of the flow run.
        run_input: Values of the requested input, by field name.

    Raises:
        NotPausedError: The run is not paused, or the input is invalid.
        FlowPauseTimeout: The pause has timed out.
    """
    async with orchestration.get_client() as client:
        response = await client.resume_flow_run(flow_run_id, run_input)
    if response.status.value == "ACCEPT":
        return
    if response.state is not None and response.state.is_failed():
        raise FlowPauseTimeout(f"Flow run {flow_run_id} cannot be resumed: its pause has timed out.")
    raise NotPausedError(f"Flow run {flow_run_id} cannot be resumed: {getattr(response.details, 'reason', None)}")


pause_flow_run = twin(apause_flow_run)
suspend_flow_run = twin(asuspend_flow_run)
resume_flow_run = twin(aresume_flow_run)


class _InputRequest:
    """Input that a paused run requests.

    Args:
        kind: Type of the input; none is requested if None.
        state: Paused state in which the run waits.
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
        """Store the schema of the input with the run."""
        if self._input_type is not None:
            await self._input_type.asave(self._keys, flow_run_id)

    async def load_response(self, flow_run_id: UUID | None = None) -> Any:
        """Return the received input, or None if none was requested."""
        return None if self._input_type is None else await self._input_type.aload(self._keys, flow_run_id)


def _get_current_flow_run(verb: str) -> FlowRun:
    """Return the current flow run.

    A task can pause it, since the task waits then, but not suspend it: its process ends at a place in the flow.
    """
    context = EngineContext.get()
    if verb == "suspend" and TaskRunContext.get() is not None:
        raise RuntimeError("A task cannot suspend its flow run. Call this from the flow.")
    if context is None or context.flow_run is None:
        raise RuntimeError(f"There is no current flow run to {verb}. Call this from a flow.")
    return context.flow_run


def _next_key() -> str:
    """Return the next value of the current run's pause counter."""
    context = EngineContext.get()
    assert context is not None
    seen: dict[str, int] = context.__dict__[_PAUSE_COUNTER]
    seen["count"] = seen.get("count", 0) + 1
    return str(seen["count"])


async def _propose_state(flow_run_id: UUID, state: State[Any], verb: str) -> State[Any]:
    """Propose a paused state; return it, or the running state of a run that has been resumed from this pause before.

    Raises:
        Abort: The run has ended, or is being cancelled.
        RuntimeError: The run cannot be paused.
    """
    async with orchestration.get_client() as client:
        while True:
            response = await client.set_flow_run_state(flow_run_id, state)
            if response.status.value != "WAIT":
                break
            await sleep(float(getattr(response.details, "delay_seconds", 1)))
        entered = response.state or state
        if response.status.value != "ABORT" and (entered.is_paused() or entered.is_running()):
            return entered
        run = await client.read_flow_run(flow_run_id)
    if run.state is not None and (run.state.is_final() or run.state.is_cancelling()):
        raise Abort(f"Flow run {run.name!r} cannot be {verb}: it is {run.state}.")
    reason = getattr(response.details, "reason", None) or f"it is {run.state}."
    raise RuntimeError(f"Flow run {run.name!r} cannot be {verb}: {reason}")


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
            raise Abort(f"Flow run {run.name!r} became {state} while it was paused.")
    raise FlowPauseTimeout(f"Flow run {run.name!r} was not resumed within {timeout:g} seconds.")
