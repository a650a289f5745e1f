"""Run flows from code that has their parameters in a dictionary, and load the flow of a run."""

from __future__ import annotations

import asyncio
import inspect
import os
from collections.abc import AsyncGenerator, Awaitable, Generator, Iterable, Mapping
from contextlib import aclosing, nullcontext
from typing import TYPE_CHECKING, Any, Literal

from prefect import outbox
from prefect._io import drive
from prefect._later import later
from prefect._lazy import lazy, lazy_from, lazy_modules
from prefect.context import hydrated_context, refresh_global_settings_context, serialize_context
from prefect.engine import shells
from prefect.engine.flows.flow_run import FlowRunEngine
from prefect.engine.interruption.deadline import FlowRunTimeoutError
from prefect.logging.loggers import flow_run_logger
from prefect.schemas.states import State

if TYPE_CHECKING:
    import multiprocessing
    from multiprocessing.context import SpawnProcess
    from uuid import UUID

    import cloudpickle

    from prefect import flows
    from prefect._flow import Flow
    from prefect.client import orchestration
    from prefect.engine.interruption import signals
    from prefect.futures import waiting
    from prefect.schemas import runs
    from prefect.schemas.runs import FlowRun
else:
    cloudpickle, multiprocessing, waiting = lazy_modules("cloudpickle", "multiprocessing", "prefect.futures.waiting")
    flows, orchestration, runs = lazy_from("prefect", "flows", "client.orchestration", "schemas.runs")
signals = lazy("prefect.engine.interruption.signals")

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
    """Run a flow in this process.

    Args:
        flow: The flow.
        flow_run: The run, if it has been created; a new one is created if None.
        parameters: The arguments by name; those left out are the created run's, or have their defaults.
        wait_for: Futures to wait for in addition to those among the parameters.
        return_type: Whether to return the value or the final state.
        error_logger: Logs the exception of a sync flow, with its traceback, before it is raised.
        context: The context to run in, as `serialize_context` returns it; the current one if None.

    Returns:
        The value or state; for an async flow a coroutine, for a generator a generator.

    Raises:
        Exception: Whatever the flow raised, unless `return_type` is "state".
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
    """Run a sync flow; see `run_flow`."""
    with _enter_context(context):
        return shells.call(lambda: _make_engine(flow, flow_run, parameters, wait_for), return_type == "state")


async def run_flow_async(
    flow: Flow[..., Any],
    flow_run: FlowRun | None = None,
    parameters: dict[str, Any] | None = None,
    wait_for: Iterable[Any] | None = None,
    return_type: ReturnType = "result",
    context: dict[str, Any] | None = None,
) -> Any:
    """Run an async flow; see `run_flow`."""
    with _enter_context(context):
        return await shells.await_(lambda: _make_engine(flow, flow_run, parameters, wait_for), return_type == "state")


def run_generator_flow_sync(
    flow: Flow[..., Any],
    flow_run: FlowRun | None = None,
    parameters: dict[str, Any] | None = None,
    wait_for: Iterable[Any] | None = None,
    return_type: ReturnType = "result",
    context: dict[str, Any] | None = None,
) -> Generator[Any, Any, Any]:
    """Run a generator flow and yield its items; see `run_flow`.

    Raises:
        ValueError: `return_type` is "state", which a generator cannot return.
    """
    _reject_return_state(flow, return_type)
    with _enter_context(context):
        return (yield from shells.iterate(lambda: _make_engine(flow, flow_run, parameters, wait_for)))


async def run_generator_flow_async(
    flow: Flow[..., Any],
    flow_run: FlowRun | None = None,
    parameters: dict[str, Any] | None = None,
    wait_for: Iterable[Any] | None = None,
    return_type: ReturnType = "result",
    context: dict[str, Any] | None = None,
) -> AsyncGenerator[Any]:
    """Run an async generator flow and yield its items; see `run_flow`.

    Raises:
        ValueError: `return_type` is "state", which a generator cannot return.
    """
    _reject_return_state(flow, return_type)
    with _enter_context(context):
        async with aclosing(shells.aiterate(lambda: _make_engine(flow, flow_run, parameters, wait_for))) as items:
            async for item in items:
                yield item


def load_flow_run(flow_run_id: UUID) -> FlowRun:
    """Return the flow run with this id.

    Raises:
        ObjectNotFound: No flow run has this id.
    """
    with orchestration.get_client(sync_client=True) as client:
        return client.read_flow_run(flow_run_id)


def load_flow(flow_run: FlowRun) -> Flow[..., Any]:
    """Load the flow of a run from the entrypoint in `PREFECT__FLOW_ENTRYPOINT`, else from its deployment.

    Raises:
        MissingFlowError: Neither names an entrypoint, or there is no flow.
        FileNotFoundError: The code is not on this machine.
        StepExecutionError: A pull step failed.
    """
    entrypoint = os.environ.get("PREFECT__FLOW_ENTRYPOINT")
    if entrypoint:
        return flows.load_flow_from_entrypoint(entrypoint, use_placeholder_flow=False)
    return drive(flows.load_flow_from_flow_run(orchestration.get_client(), flow_run, use_placeholder_flow=False))


def load_deployed_flow(deployment_id: UUID) -> Flow[..., Any]:
    """Load the flow of a deployment before there is a run of it, from its code in the working directory."""
    unknown_run = runs.FlowRun.make(flow_id=deployment_id, deployment_id=deployment_id)
    client = orchestration.get_client()
    return drive(flows.load_flow_from_flow_run(client, unknown_run, ignore_storage=True, use_placeholder_flow=False))


def load_flow_and_flow_run(flow_run_id: UUID) -> tuple[FlowRun, Flow[..., Any]]:
    """Return the flow run with this id, and its flow.

    Raises:
        ObjectNotFound: No flow run has this id.
    """
    flow_run = load_flow_run(flow_run_id)
    return flow_run, load_flow(flow_run)


def call_end_hooks(flow: Flow[..., Any], flow_run: FlowRun) -> None:
    """Call the flow's hooks for the final state of a run whose own process was killed before it could."""
    state, logger = flow_run.state, flow_run_logger(flow_run, flow)
    outbox.use_journal()  # for the logs
    hooks: list[Any] = []
    if state is not None and state.is_crashed():
        hooks = flow.on_crashed_hooks
    elif state is not None and state.is_cancelled():
        hooks = flow.on_cancellation_hooks
    for hook in hooks:
        try:
            outcome = hook(flow, flow_run, state)
            if inspect.isawaitable(outcome):
                asyncio.run(_await(outcome))
        except Exception:
            logger.error("The hook %r failed.", getattr(hook, "__name__", None) or repr(hook), exc_info=True)


async def _await(outcome: Awaitable[Any]) -> None:
    await outcome


def run_flow_in_subprocess(
    flow: Flow[..., Any],
    flow_run: FlowRun | None = None,
    parameters: dict[str, Any] | None = None,
    wait_for: Iterable[Any] | None = None,
    context: dict[str, Any] | None = None,
    env: Mapping[str, str | None] | None = None,
) -> SpawnProcess:
    """Start a process that runs a flow; return the process.

    Args:
        flow: The flow.
        flow_run: See `run_flow`.
        parameters: See `run_flow`.
        wait_for: Futures to wait for before the process starts; the flow does not run after one that failed.
        context: The context to run in, as `serialize_context` returns it; the current one if None.
        env: Environment variables to set in the process; None unsets one.
    """
    upstream = waiting.resolve_futures_to_states(list(wait_for or ()))
    call = {
        "flow_run": flow_run,
        "parameters": parameters,
        # One that completed has nothing left to say, and its value may be large, or one that cannot be pickled.
        "wait_for": [each for each in upstream if not (isinstance(each, State) and each.is_completed())],
        "context": context or serialize_context(),
    }
    process = multiprocessing.get_context("spawn").Process(
        target=_run_in_subprocess, args=(cloudpickle.dumps((flow, call)), dict(env or {}))
    )
    process.start()
    return process


def _run_in_subprocess(pickled: bytes, env: Mapping[str, str | None]) -> None:
    """Run the pickled flow in the new process."""
    os.environ.update({name: value for name, value in env.items() if value is not None})
    for name in [name for name, value in env.items() if value is None]:
        os.environ.pop(name, None)
    refresh_global_settings_context()
    flow, call = cloudpickle.loads(pickled)
    with signals.handle_engine_signals(call["flow_run"] and call["flow_run"].id):
        run_to_end(flow, **call)


def run_to_end(flow: Flow[..., Any], **call: Any) -> None:
    """Run a flow of any kind to its end and drop its value.

    Args:
        flow: The flow.
        call: The other arguments of `run_flow`.
    """
    outcome = run_flow(flow, **call)
    if flow.isasync:
        asyncio.run(_exhaust(outcome) if flow.isgenerator else outcome)
    elif flow.isgenerator:
        for _ in outcome:
            pass


async def _exhaust(items: AsyncGenerator[Any]) -> None:
    async for _ in items:
        pass


_HEARTBEATS = "sending heartbeats of a flow run from outside the engine"
send_heartbeats_async: Any = later(__name__, "send_heartbeats_async", _HEARTBEATS)
send_heartbeats_sync: Any = later(__name__, "send_heartbeats_sync", _HEARTBEATS)


def _make_engine(
    flow: Flow[..., Any], flow_run: FlowRun | None, parameters: dict[str, Any] | None, wait_for: Iterable[Any] | None
) -> FlowRunEngine:
    created = flow_run.parameters if flow_run is not None else {}
    values = {**flow.spec.defaults, **flow.instance_parameters, **created, **(parameters or {})}
    ordered = {name: values.pop(name) for name in flow.spec.names if name in values} | values
    return FlowRunEngine(flow, ordered, wait_for, flow_run)


def _reject_return_state(flow: Flow[..., Any], return_type: ReturnType) -> None:
    if return_type == "state":
        raise ValueError(f"The flow {flow.name!r} is a generator, which cannot return its state: iterate over it.")


def _enter_context(context: dict[str, Any] | None) -> Any:
    return hydrated_context(context) if context else nullcontext()
