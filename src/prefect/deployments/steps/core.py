"""Run steps: each is the name of a function with its inputs, and later ones may use the outputs of earlier ones.

A step is `{"package.function": {input: value}}`. Two inputs are reserved: `id`, under which later steps find its
outputs, and `requires`, packages to install before.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, cast
from uuid import UUID

from prefect import variables
from prefect._io import blocking, call_user
from prefect._lazy import lazy
from prefect.blocks import placeholders
from prefect.deployments.steps import packages, processes
from prefect.exceptions import PrefectException
from prefect.loading import imports
from prefect.logging.loggers import get_logger
from prefect.values import templates

if TYPE_CHECKING:
    import logging

    from prefect.events import utilities as events
else:
    events = lazy("prefect.events.utilities")

RESERVED_KEYWORDS = {"id", "requires"}


class StepExecutionError(PrefectException):
    """A step failed; its cause is the error.

    Args:
        message: Which one, and why.
        index: Its position among the steps that ran together.
    """

    def __init__(self, message: str, index: int = 0) -> None:
        super().__init__(message)
        self.index = index


class Step(NamedTuple):
    """A step: the name of its function, its inputs, and the reserved inputs."""

    function: str
    inputs: dict[str, Any]
    id: str | None
    requires: str | list[str] | None

    @property
    def name(self) -> str:
        """The last part of the function's name."""
        return self.function.rpartition(".")[2]


def parse_step(step: dict[str, Any]) -> Step:
    """Parse a step.

    Raises:
        ValueError: It is not one function with inputs.
    """
    if len(step) != 1:
        known, *more = step or ("",)
        if not known:
            raise ValueError("A step has no function: write `package.function:` with its inputs.")
        raise ValueError(f"Step has unexpected additional keys: {', '.join(map(str, more))}")
    function, inputs = next(iter(step.items()))
    if not isinstance(inputs, dict | None):
        raise ValueError(f"The inputs of the step {function!r} are not a mapping of names to values.")
    if "." not in function:
        raise ValueError(f"The step {function!r} is not a function: write its module too, as package.function.")
    own = dict(cast("dict[str, Any]", inputs or {}))
    return Step(function, own, requires=own.pop("requires", None), id=own.pop("id", None))


async def run_step(step: dict[str, Any], upstream_outputs: dict[str, Any] | None = None) -> dict[str, Any]:
    """Run a step and return what its function returned.

    Placeholders in its inputs are filled: outputs of earlier steps, environment variables, blocks and variables.

    Args:
        step: The function's name, with the inputs.
        upstream_outputs: The outputs of earlier steps.

    Raises:
        ValueError: The step is not one function with inputs.
        ImportError: There is no such module.
        AttributeError: The module has no such function.
    """
    parsed = parse_step(step)
    await blocking(packages.require_packages, parsed.requires)
    function = _load_function(parsed.function)
    inputs: Any = templates.apply_values(parsed.inputs, upstream_outputs or {})
    inputs = await placeholders.resolve_block_document_references(inputs)
    inputs = await variables.resolve_variables(inputs)
    return await call_user(function, **inputs)


async def run_steps(
    steps: list[dict[str, Any]],
    upstream_outputs: dict[str, Any] | None = None,
    print_function: Any = print,
    deployment: Any | None = None,
    flow_run: Any | None = None,
    logger: Any | None = None,
) -> dict[str, Any]:
    """Run steps one after another and return the outputs of all, by name and by the ids of the steps.

    Args:
        steps: The steps.
        upstream_outputs: Outputs of earlier steps.
        print_function: Shows which step runs.
        deployment: The deployment that has these pull steps, for the events.
        flow_run: The flow run whose code they fetch, for the events.
        logger: Logs what the steps print.

    Raises:
        StepExecutionError: A step failed.
    """
    outputs = dict(upstream_outputs or {})
    emit = _EventEmitter(flow_run, deployment)
    token = processes.line_printer.set(logger.info if logger is not None else processes.line_printer.get())
    try:
        for index, step in enumerate(steps):
            if step:
                await _run_one(index, step, outputs, print_function, emit, logger or get_logger("deployments.steps"))
    finally:
        processes.line_printer.reset(token)
    return outputs


async def _run_one(
    index: int,
    step: dict[str, Any],
    outputs: dict[str, Any],
    print_function: Callable[[str], Any],
    emit: _EventEmitter,
    logger: logging.Logger,
) -> None:
    function = next(iter(step))
    print_function(f" > Running {function.rpartition('.')[2]} step...")
    try:
        output: Any = await run_step(step, outputs)
    except Exception as error:
        emit("failed", index, step)
        text = str(error).strip() or type(error).__name__
        raise StepExecutionError(f"Encountered error while running {function}: {text}", index) from error
    if not isinstance(output, dict):
        if output is not None:
            logger.warning("The step %s returned no dict, so later steps cannot use what it returned.", function)
        output = {}
    identifier = parse_step(step).id
    if identifier is not None:
        outputs[identifier] = output
    outputs.update(cast("dict[str, Any]", output))
    emit("executed", index, step)


def _load_function(name: str) -> Callable[..., Any]:
    function = imports.from_qualified_name(name)
    if not callable(function):
        raise ValueError(f"The step {name!r} is not a function.")
    return cast("Callable[..., Any]", function)


class _EventEmitter:
    """Emits the events of pull steps, when the flow run is known."""

    def __init__(self, flow_run: Any, deployment: Any) -> None:
        self._flow_run_id = flow_run.id if flow_run is not None else _read_flow_run_id()
        self._deployment = deployment

    def __call__(self, outcome: str, index: int, step: dict[str, Any]) -> None:
        if self._flow_run_id is None:
            return
        parsed = parse_step(step)
        related = []
        if self._deployment is not None:
            resource_id = f"prefect.deployment.{self._deployment.id}"
            related = [{"prefect.resource.id": resource_id, "prefect.resource.role": "deployment"}]
        events.emit_event(
            event=f"prefect.flow-run.pull-step.{outcome}",
            resource={"prefect.resource.id": f"prefect.flow-run.{self._flow_run_id}"},
            related=related,
            payload={
                "index": index,
                "qualified_name": parsed.function,
                "step_name": parsed.name,
                "id": parsed.id,
                "inputs": parsed.inputs,
            },
        )


def _read_flow_run_id() -> UUID | None:
    try:
        return UUID(os.environ.get("PREFECT__FLOW_RUN_ID", ""))
    except ValueError:
        return None
