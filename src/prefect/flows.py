"""The flow that programs use: what `prefect._flow` runs, drawn, served and deployed; the `@flow` decorator; and finding
flows in files and modules.

Every program imports this, so what only drawing or loading needs is bound lazily.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import TYPE_CHECKING, Any, Literal, ParamSpec, Protocol, TypeVar, cast, overload

from prefect import _deployable_flow, _flow
from prefect._lazy import lazy, lazy_from
from prefect.exceptions import MissingFlowError, ScriptError, UnspecifiedFlowError

if TYPE_CHECKING:
    from typing import NoReturn, Unpack

    from prefect import _drawing, _io
    from prefect._options import FlowOptions
    from prefect.client.orchestration import PrefectClient
    from prefect.deployments import loading, runner, serving
    from prefect.deployments.runner_deployment import RunnerDeployment
    from prefect.loading import entrypoints, imports
    from prefect.logging import loggers
    from prefect.schemas.runs import FlowRun
    from prefect.schemas.states import State
else:
    _drawing, _io = lazy_from("prefect", "_drawing", "_io")
    entrypoints, imports = lazy_from("prefect.loading", "entrypoints", "imports")
    loading, runner, serving = lazy_from("prefect.deployments", "loading", "runner", "serving")
    loggers = lazy("prefect.logging.loggers")

__all__ = [
    "Flow",
    "FlowDecorator",
    "FlowStateHook",
    "InfrastructureBoundFlow",
    "aserve",
    "bind_flow_to_infrastructure",
    "flow",
    "is_entrypoint_async",
    "load_flow_arguments_from_entrypoint",
    "load_flow_from_entrypoint",
    "load_flow_from_flow_run",
    "load_function_and_convert_to_flow",
    "load_placeholder_flow",
    "safe_load_flow_from_entrypoint",
    "select_flow",
    "serve",
]

P = ParamSpec("P")
R = TypeVar("R", covariant=True)
T = TypeVar("T")
F = TypeVar("F", bound="Flow[..., Any]")


class FlowStateHook(Protocol[P, R]):  # pyright: ignore[reportInvalidTypeVarUse]  # as in the interface
    """A function that is called when a flow run enters a state. It may be async."""

    def __call__(self, flow: Flow[P, R], flow_run: FlowRun, state: State[Any]) -> Awaitable[None] | None: ...


class Flow(_deployable_flow.DeployableFlow[P, R]):
    __doc__ = _flow.Flow.__doc__

    if TYPE_CHECKING:
        # With `return_state` or `wait_for` the arguments are not checked: a ParamSpec allows no further keywords.
        @overload
        def __call__(self: Flow[P, R], *args: P.args, **kwargs: P.kwargs) -> R: ...
        @overload
        def __call__(
            self: Flow[..., Coroutine[Any, Any, T]], *args: Any, return_state: Literal[True], **kwargs: Any
        ) -> Coroutine[Any, Any, State[T]]: ...
        @overload
        def __call__(self, *args: Any, return_state: Literal[True], **kwargs: Any) -> State[R]: ...
        @overload
        def __call__(
            self, *args: Any, wait_for: Iterable[Any] | None, return_state: Literal[False] = False, **kwargs: Any
        ) -> R: ...
        def __call__(self, *args: Any, **kwargs: Any) -> Any: ...

    # --- drawing ------------------------------------------------------------------------------------------------------

    async def avisualize(self, *args: P.args, **kwargs: P.kwargs) -> None:
        """Draw what the flow calls, without running its tasks, into a picture, and open it.

        The flow's own code runs. A call of a task returns a stand-in, or the task's `viz_return_value`.

        Args:
            *args, **kwargs: Arguments of the flow.

        Raises:
            GraphvizImportError: The Python package `graphviz` is not installed.
            GraphvizExecutableNotFoundError: Graphviz itself is not installed.
            FlowVisualizationError: The picture could not be drawn.
        """
        _drawing.require_graphviz()
        graph = _drawing.build_task_dependencies(await _drawing.draw(self, args, kwargs))
        await _io.blocking(_drawing.visualize_task_dependencies, graph, self.name)

    visualize = _io.twin(avisualize)

    async def agenerate_mermaid_graph(self, *args: P.args, **kwargs: P.kwargs) -> str:
        """Return a Mermaid flowchart of what the flow calls. Unlike `avisualize` it needs no Graphviz."""
        return _drawing.build_mermaid_dependencies(await _drawing.draw(self, args, kwargs))

    def generate_mermaid_graph(self, *args: P.args, **kwargs: P.kwargs) -> str:
        """Return a Mermaid flowchart as `agenerate_mermaid_graph` does, in sync and async code."""
        return _io.drive(self.agenerate_mermaid_graph(*args, **kwargs))


class FlowDecorator:
    """The decorator `flow`, which also loads flows from storage."""

    @overload
    def __call__(self, __fn: Callable[P, R], /) -> Flow[P, R]: ...
    @overload
    def __call__(self, __fn: None = None, /, **options: Unpack[FlowOptions]) -> _WithOptions: ...
    def __call__(self, __fn: Callable[..., Any] | None = None, /, **options: Any) -> Any:
        """Make a function a flow: `@flow`, or `@flow(retries=3)` with the options of `Flow`."""
        if __fn is None:
            return lambda function: Flow(function, **options)
        return Flow(__fn, **options)

    from_source = staticmethod(Flow.from_source)
    afrom_source = staticmethod(Flow.afrom_source)


class _WithOptions(Protocol):
    """The decorator that `@flow(...)` returns."""

    def __call__(self, fn: Callable[P, R], /) -> Flow[P, R]: ...


flow = FlowDecorator()


async def aserve(
    *args: RunnerDeployment,
    pause_on_shutdown: bool = True,
    print_starting_message: bool = True,
    limit: int | None = None,
    **kwargs: Any,
) -> None:
    """Serve deployments in a running event loop, until it is interrupted; see `serve`."""
    await serving.serve_deployments(
        args,
        pause_on_shutdown=pause_on_shutdown,
        print_starting_message=print_starting_message,
        limit=limit,
        **kwargs,
    )


def serve(
    *args: RunnerDeployment,
    pause_on_shutdown: bool = True,
    print_starting_message: bool = True,
    limit: int | None = None,
    **kwargs: Any,
) -> None:
    """Create deployments and run what is due, in processes of their own, until the program is interrupted.

    Args:
        *args: The deployments, as `flow.to_deployment` makes them.
        pause_on_shutdown: Whether to pause them at the end.
        print_starting_message: Whether to print what is served, and how to start a run.
        limit: How many flow runs run at the same time; by default four for each core.
        **kwargs: `name` of the runner, `webserver` to serve its health over HTTP.

    Raises:
        DeploymentApplyError: The server refuses a deployment.
        RuntimeError: An event loop runs here: use `aserve`.
    """
    serving.run_until_interrupted(
        deployments=args,
        pause_on_shutdown=pause_on_shutdown,
        print_starting_message=print_starting_message,
        limit=limit,
        **kwargs,
    )


if TYPE_CHECKING:
    InfrastructureBoundFlow: Any
    bind_flow_to_infrastructure: Any


def __getattr__(name: str) -> Any:
    """Return what concerns flows on infrastructure, whose public path this is: it stands above workers."""
    if name in ("InfrastructureBoundFlow", "bind_flow_to_infrastructure"):
        return getattr(importlib.import_module("prefect._bound_flow"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


# --- finding flows ---------------------------------------------------------------------------------------------------


def load_flow_from_entrypoint(entrypoint: str, use_placeholder_flow: bool = True) -> Flow[..., Any]:
    """Load a flow from its file or module.

    Args:
        entrypoint: `path/to/file.py:name` or `package.module:name`; the flow of a class is named `Class.name`.
        use_placeholder_flow: When the file fails to run, for instance because a package is not installed, make the
            flow from the file's definitions only, or return a flow that raises that failure when it is called.

    Raises:
        MissingFlowError: The file or module has no such flow.
        ScriptError: The file failed to run, and no placeholder is wanted.
        ModuleNotFoundError: There is no such module.
        FileNotFoundError: There is no such file.
    """
    try:
        found = _flow.load_flow(entrypoint)
    except (ScriptError, ImportError) as error:
        if not use_placeholder_flow or not _is_dependency_missing(entrypoint, error):
            raise
        # A flow that is to run must not run with other defaults than it says.
        found = entrypoints.read_definition(entrypoint).build()
        if found is None:
            return load_placeholder_flow(entrypoint, error)
        _flow.require_flow(found, entrypoint)
    return cast("Flow[..., Any]", found)


async def load_flow_from_flow_run(
    client: PrefectClient,
    flow_run: FlowRun,
    ignore_storage: bool = False,
    storage_base_path: str | None = None,
    use_placeholder_flow: bool = True,
) -> Flow[..., Any]:
    """Load the flow of a run from the fetched code of its deployment, and make its directory the working directory.

    Args:
        client: Reads the deployment.
        flow_run: The run.
        ignore_storage: Use the code in the working directory instead of that of the deployment.
        storage_base_path: Replaces `$STORAGE_BASE_PATH` in the path of the deployment.
        use_placeholder_flow: See `load_flow_from_entrypoint`.

    Raises:
        MissingFlowError: The run has no deployment, or the deployment names no entrypoint.
        FileNotFoundError: The directory of the code is not on this machine.
        StepExecutionError: A pull step failed.
    """
    if flow_run.deployment_id is None:
        raise MissingFlowError(
            f"Flow run {flow_run.name!r} has no deployment, so the location of its flow is not known: "
            "name it in PREFECT__FLOW_ENTRYPOINT, as path/to/file.py:function."
        )
    deployment = await client.read_deployment(flow_run.deployment_id)
    if not deployment.entrypoint:
        raise MissingFlowError(
            f"The deployment {deployment.name!r} names no entrypoint, so its flow cannot be loaded: deploy it again."
        )
    if not ignore_storage:
        os.chdir(await loading.fetch_code(client, deployment, flow_run, storage_base_path))
    sys.path.insert(0, os.getcwd())  # as `python file.py` does; it stays, for imports inside of functions
    return load_flow_from_entrypoint(deployment.entrypoint, use_placeholder_flow)


def load_function_and_convert_to_flow(entrypoint: str) -> Flow[..., Any]:
    """Load a flow, or make a function a flow that logs what it prints.

    Raises:
        RuntimeError: The file or module has no such function.
        ScriptError: The file failed to run.
        ModuleNotFoundError: There is no such module.
    """
    try:
        found = _flow.load_function(entrypoint)
    except MissingFlowError as error:
        raise RuntimeError(str(error)) from error
    return cast("Flow[..., Any]", found) if isinstance(found, Flow) else Flow(found, log_prints=True)


def safe_load_flow_from_entrypoint(entrypoint: str) -> Flow[..., Any] | None:
    """Make a flow from its file's definitions only; failing imports are left out, and defaults that need them are None.

    Returns:
        The flow, or None when it cannot be made.

    Raises:
        ValueError: The file defines nothing of that name.
        FileNotFoundError: There is no such file.
        ModuleNotFoundError: There is no such module.
    """
    return entrypoints.read_definition(entrypoint).build(replace_defaults=True)


def load_placeholder_flow(entrypoint: str, raises: BaseException) -> Flow[..., Any]:
    """Return a flow with the options of the entrypoint's source code. Calling it raises `raises`.

    Raises:
        ValueError: The file defines nothing of that name.
    """

    def fail() -> NoReturn:
        raise raises

    async def afail() -> NoReturn:
        raise raises

    options = load_flow_arguments_from_entrypoint(entrypoint)
    return Flow(afail if is_entrypoint_async(entrypoint) else fail, **options)


def load_flow_arguments_from_entrypoint(
    entrypoint: str, arguments: list[str] | set[str] | None = None
) -> dict[str, Any]:
    """Read the options of a flow's decorator from its source, without loading the flow.

    An option that is not a literal is evaluated with the file's definitions; one that cannot be evaluated is left out.

    Args:
        entrypoint: `path/to/file.py:name` or `package.module:name`.
        arguments: Names of the options to read; if None, all that text can express.

    Returns:
        The options of the decorator, and the name, which is by default that of the function.

    Raises:
        ValueError: The file defines nothing of that name.
        FileNotFoundError: There is no such file.
    """
    wanted = set(arguments) if arguments is not None else _READABLE
    definition = entrypoints.read_definition(entrypoint)
    expressions = {name: value for name, value in definition.read_options("flow").items() if name in wanted}
    values, failed = definition.evaluate(expressions)
    if failed:
        logger = loggers.get_logger("flows")
        for name, error in failed.items():
            logger.info(
                "The option %r of the flow %r is ignored, because it cannot be evaluated: %s", name, entrypoint, error
            )
    if "name" in wanted and "name" not in values:
        values["name"] = definition.name.rpartition(".")[2].replace("_", "-")
    if arguments is not None and "description" in wanted and not values.get("description") and definition.docstring:
        values["description"] = definition.docstring
    return values


# Options that text can express; task runners, storages and hooks are objects of the program.
_READABLE = frozenset(
    (
        *("name", "version", "description", "retries", "retry_delay_seconds", "timeout_seconds"),
        *("validate_parameters", "persist_result", "cache_result_in_memory", "log_prints"),
    )
)


def is_entrypoint_async(entrypoint: str) -> bool:
    """Return whether the entrypoint's function is async, without loading it.

    Raises:
        ValueError: The file defines nothing of that name.
        FileNotFoundError: There is no such file.
    """
    return entrypoints.read_definition(entrypoint).is_async


def select_flow(flows: Iterable[F], flow_name: str | None = None, from_message: str | None = None) -> F:
    """Select the flow of a name, or the only flow.

    Args:
        flows: The flows to select from.
        flow_name: The flow's name; it can be left out when there is only one.
        from_message: Where the flows are from, for the errors: "in 'file.py'".

    Raises:
        MissingFlowError: There is no flow, or none of that name.
        UnspecifiedFlowError: There are several, and none is named.
    """
    known = {flow.name: flow for flow in flows}
    where = f" {from_message}" if from_message else ""
    names = ", ".join(map(repr, sorted(known)))
    if not known:
        raise MissingFlowError(f"No flow found{where}: decorate a function with '@flow'.")
    if flow_name is None:
        if len(known) > 1:
            raise UnspecifiedFlowError(f"Found {len(known)} flows{where}: {names}. Name the one that is meant.")
        return next(iter(known.values()))
    if flow_name not in known:
        raise MissingFlowError(f"Flow {flow_name!r} not found{where}. There is: {names}.")
    return known[flow_name]


def _is_dependency_missing(entrypoint: str, error: Exception) -> bool:
    """Return whether it is not the module itself that is missing, but something it needs."""
    place, _ = entrypoints.split_entrypoint(entrypoint)
    missing = error.name if isinstance(error, ModuleNotFoundError) else None
    return missing is None or not (place == missing or place.startswith(f"{missing}."))
