"""Running a flow by hand: what calling it does, for code that has its parameters in a dict."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator, Iterable
from contextlib import aclosing, nullcontext
from typing import TYPE_CHECKING, Any, Literal

from prefect._later import later
from prefect._lazy import lazy
from prefect.context import hydrated_context
from prefect.engine import shells
from prefect.engine.deadline import FlowRunTimeoutError
from prefect.engine.flow_run import FlowExecution

if TYPE_CHECKING:
    from uuid import UUID

    from prefect._flow import Flow
    from prefect.client import orchestration
    from prefect.schemas.runs import FlowRun
else:
    orchestration = lazy("prefect.client.orchestration")

__all__ = [
    "FlowRunTimeoutError",
    "load_flow",
    "load_flow_and_flow_run",
    "load_flow_run",
    "run_flow",
    "run_flow_async",
    "run_flow_in_subprocess",
    "run_flow_sync",
    "run_generator_flow_async",
    "run_generator_flow_sync",
]

ReturnType = Literal["state", "result"]


def run_flow(
    flow: Flow[..., Any],
    flow_run: FlowRun | None = None,
    parameters: dict[str, Any] | None = None,
    wait_for: Iterable[Any] | None = None,
    return_type: ReturnType = "result",
    error_logger: Any = None,
    context: dict[str, Any] | None = None,
) -> Any:
    """Run a flow here and now.

    Args:
        flow: The flow.
        flow_run: Not in this release: the run, when it has been created already.
        parameters: The arguments by name; those left out have their defaults.
        wait_for: Futures to wait for beside those among the parameters.
        return_type: Return the value, or the final state.
        error_logger: Is told of the exception of a sync flow, with its traceback, before that is raised on.
        context: The context to run in, as `serialize_context` gives it; the present one if None.

    Returns:
        The value or state; for an async flow a coroutine, for a generator a generator.

    Raises:
        Exception: Whatever the flow raised, unless the state is asked for.
        NotImplementedError: A run that has been created already is given.
    """
    call = (flow, flow_run, parameters, wait_for, return_type, context)
    try:
        if flow.isgenerator:
            return run_generator_flow_async(*call) if flow.isasync else run_generator_flow_sync(*call)
        return run_flow_async(*call) if flow.isasync else run_flow_sync(*call)
    except Exception:
        if error_logger is not None:
            error_logger.error("The flow %r failed.", flow.name, exc_info=True)
        raise


def run_flow_sync(
    flow: Flow[..., Any],
    flow_run: FlowRun | None = None,
    parameters: dict[str, Any] | None = None,
    wait_for: Iterable[Any] | None = None,
    return_type: ReturnType = "result",
    context: dict[str, Any] | None = None,
) -> Any:
    """As `run_flow`, for a sync flow."""
    with _inside(context):
        return shells.call(lambda: _execution(flow, flow_run, parameters, wait_for), return_type == "state")


async def run_flow_async(
    flow: Flow[..., Any],
    flow_run: FlowRun | None = None,
    parameters: dict[str, Any] | None = None,
    wait_for: Iterable[Any] | None = None,
    return_type: ReturnType = "result",
    context: dict[str, Any] | None = None,
) -> Any:
    """As `run_flow`, for an async flow."""
    with _inside(context):
        return await shells.await_(lambda: _execution(flow, flow_run, parameters, wait_for), return_type == "state")


def run_generator_flow_sync(
    flow: Flow[..., Any],
    flow_run: FlowRun | None = None,
    parameters: dict[str, Any] | None = None,
    wait_for: Iterable[Any] | None = None,
    return_type: ReturnType = "result",
    context: dict[str, Any] | None = None,
) -> Generator[Any, Any, Any]:
    """As `run_flow`, for a generator flow: hands its items on as they come.

    Raises:
        ValueError: The state is asked for, which a generator cannot return.
    """
    _refuse_state(flow, return_type)
    with _inside(context):
        return (yield from shells.iterate(lambda: _execution(flow, flow_run, parameters, wait_for)))


async def run_generator_flow_async(
    flow: Flow[..., Any],
    flow_run: FlowRun | None = None,
    parameters: dict[str, Any] | None = None,
    wait_for: Iterable[Any] | None = None,
    return_type: ReturnType = "result",
    context: dict[str, Any] | None = None,
) -> AsyncGenerator[Any]:
    """As `run_generator_flow_sync`, for an async generator flow."""
    _refuse_state(flow, return_type)
    with _inside(context):
        async with aclosing(shells.aiterate(lambda: _execution(flow, flow_run, parameters, wait_for))) as items:
            async for item in items:
                yield item


def load_flow_run(flow_run_id: UUID) -> FlowRun:
    """The flow run with this id.

    Raises:
        ObjectNotFound: There is none.
    """
    with orchestration.get_client(sync_client=True) as client:
        return client.read_flow_run(flow_run_id)


_RUNS = ("running flow runs that have been created before", "a later issue")
load_flow: Any = later(__name__, "load_flow", *_RUNS)
load_flow_and_flow_run: Any = later(__name__, "load_flow_and_flow_run", *_RUNS)
run_flow_in_subprocess: Any = later(__name__, "run_flow_in_subprocess", *_RUNS)
send_heartbeats_async: Any = later(__name__, "send_heartbeats_async", *_RUNS)
send_heartbeats_sync: Any = later(__name__, "send_heartbeats_sync", *_RUNS)


def _execution(
    flow: Flow[..., Any], flow_run: FlowRun | None, parameters: dict[str, Any] | None, wait_for: Iterable[Any] | None
) -> FlowExecution:
    if flow_run is not None:
        raise NotImplementedError("Running a flow run that has been created before comes in a later issue.")
    given = {**flow.spec.defaults, **(parameters or {})}
    ordered = {name: given.pop(name) for name in flow.spec.names if name in given} | given
    return FlowExecution(flow, ordered, wait_for)


def _refuse_state(flow: Flow[..., Any], return_type: ReturnType) -> None:
    if return_type == "state":
        raise ValueError(f"The flow {flow.name!r} is a generator, which cannot return its state: iterate over it.")


def _inside(context: dict[str, Any] | None) -> Any:
    return hydrated_context(context) if context else nullcontext()
