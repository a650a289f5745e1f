"""Flows: functions whose every call is a recorded run with tasks inside.

The flow as the engine runs it; `prefect.flows.Flow`, which programs use, adds drawing, serving and deploying.
Importing this module costs next to nothing, so modules that only a run needs are bound lazily.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, cast

from prefect import _functions
from prefect._lazy import lazy, lazy_from
from prefect.exceptions import InvalidNameError, MissingFlowError
from prefect.signatures.annotations import read_annotations

if TYPE_CHECKING:
    import zlib

    from prefect import settings, task_runners
    from prefect.engine import shells
    from prefect.engine.flows import flow_run
    from prefect.loading import entrypoints, imports
    from prefect.results import ResultSerializer, ResultStorage
    from prefect.signatures import json_schemas, validation
    from prefect.signatures.json_schemas import ParameterSchema
    from prefect.task_runners import TaskRunner
    from prefect.values import hashing
else:
    zlib = lazy("zlib")
    json_schemas, validation = lazy_from("prefect.signatures", "json_schemas", "validation")
    flow_run, shells = lazy_from("prefect.engine", "flows.flow_run", "shells")
    entrypoints, imports = lazy_from("prefect.loading", "entrypoints", "imports")
    hashing = lazy("prefect.values.hashing")
    settings, task_runners = lazy_from("prefect", "settings", "task_runners")

P = ParamSpec("P")
R = TypeVar("R", covariant=True)

_FORBIDDEN_IN_NAMES = frozenset("/%&><")
_SCALARS = frozenset({str, int, float, bool, type(None)})


class Flow(_functions.Wrapper, Generic[P, R]):
    """A function whose every call is a recorded run with tasks inside.

    Args:
        fn: The function: sync, async, a generator or an async generator; a method, classmethod or staticmethod.
        name: Name of the flow; the name of the function with hyphens by default. The name identifies the flow.
        version: Version of the flow, any text; a hash of the source file by default.
        flow_run_name: Template of run names over the parameters (`"etl-{date}"`), or a function that returns the name.
        retries: Maximum number of retries of a failed run; `PREFECT_FLOWS_DEFAULT_RETRIES` by default. Tasks that have
            completed do not run again.
        retry_delay_seconds: Seconds before each retry; `PREFECT_FLOWS_DEFAULT_RETRY_DELAY_SECONDS` by default.
        task_runner: Task runner of submitted tasks; threads of this process by default.
        description: Description of the flow; the docstring of the function by default.
        timeout_seconds: Maximum duration of one attempt in seconds; unlimited by default.
        validate_parameters: Whether to check and convert the arguments by the function's type hints.
        persist_result: Whether results are stored; `PREFECT_RESULTS_PERSIST_BY_DEFAULT` by default.
        result_storage: Storage of results: a block, its slug `"type/name"`, or a path.
        result_serializer: Serializer of results, or its type, for instance `"json"` or `"compressed/pickle"`.
        cache_result_in_memory: Whether the process keeps a stored result in memory as long as the run's state.
        log_prints: Whether `print` in the flow is logged; `PREFECT_LOGGING_LOG_PRINTS` by default.
        on_completion, on_failure, on_cancellation, on_crashed, on_running: Hooks, called with the flow, the run and its
            state.

    Raises:
        InvalidNameError: The name has a character that flow names cannot have.
        ReservedArgumentError: The function has a parameter whose name is reserved for calls of flows.
        TypeError: An option is of the wrong type.
    """

    storage: Any = None
    """The storage that the code was fetched from by `from_source`."""

    entrypoint: str | None = None
    """The entrypoint of the flow in that storage."""

    def __init__(
        self,
        fn: Callable[P, R],
        name: str | None = None,
        version: str | None = None,
        flow_run_name: Callable[..., str] | str | None = None,
        retries: int | None = None,
        retry_delay_seconds: float | None = None,
        task_runner: type[TaskRunner[Any]] | TaskRunner[Any] | None = None,
        description: str | None = None,
        timeout_seconds: float | None = None,
        validate_parameters: bool = True,
        persist_result: bool | None = None,
        result_storage: ResultStorage | None = None,
        result_serializer: ResultSerializer | None = None,
        cache_result_in_memory: bool = True,
        log_prints: bool | None = None,
        on_completion: list[Callable[..., Any]] | None = None,
        on_failure: list[Callable[..., Any]] | None = None,
        on_cancellation: list[Callable[..., Any]] | None = None,
        on_crashed: list[Callable[..., Any]] | None = None,
        on_running: list[Callable[..., Any]] | None = None,
    ) -> None:
        self._options = {key: value for key, value in locals().items() if key not in ("self", "fn", "__class__")}
        self._kind, self.fn = _functions.unwrap_method(fn)
        if not callable(self.fn):
            raise TypeError(f"'fn' must be callable, and {self.fn!r} is not.")
        _functions.adopt_attributes(self, self.fn)
        _functions.check_hooks("flow", on_completion=on_completion, on_failure=on_failure, on_running=on_running)
        _functions.check_hooks("flow", on_cancellation=on_cancellation, on_crashed=on_crashed)
        self.isasync, self.isgenerator = _functions.detect_kind(self.fn)
        self.name: str = self._check_name(name) or _functions.get_flow_name(self.fn)
        self.description: str | None = description or _functions.get_description(self.fn)
        self.flow_run_name = _functions.check_run_name(flow_run_name, "flow_run_name")
        _functions.check_numbers("flow", retries=retries, retry_delay_seconds=retry_delay_seconds)
        self.timeout_seconds = float(timeout_seconds) if timeout_seconds else None
        _functions.check_numbers("flow", timeout_seconds=self.timeout_seconds)
        self.should_validate_parameters = validate_parameters
        self.persist_result = persist_result
        if persist_result is None and (result_storage is not None or result_serializer is not None):
            self.persist_result = True
        self.result_storage = result_storage
        self.result_serializer = result_serializer
        self.cache_result_in_memory = cache_result_in_memory
        self.log_prints = log_prints
        self.on_completion_hooks = list(on_completion or ())
        self.on_failure_hooks = list(on_failure or ())
        self.on_cancellation_hooks = list(on_cancellation or ())
        self.on_crashed_hooks = list(on_crashed or ())
        self.on_running_hooks = list(on_running or ())
        self._version = version
        self._retries = retries
        self._retry_delay_seconds: float | list[float] | None = retry_delay_seconds
        self._task_runner = task_runner
        _functions.check_reserved(self.fn, "flow", self.name, is_validated=validate_parameters)

    @staticmethod
    def _check_name(name: Any) -> str | None:
        if name is None:
            return None
        if not isinstance(name, str):
            raise TypeError(f"Expected string for flow parameter 'name'; got {type(name).__name__} instead.")
        if found := _FORBIDDEN_IN_NAMES & set(name):
            raise InvalidNameError(
                f"The flow name {name!r} contains {', '.join(sorted(map(repr, found)))}: "
                "a name cannot contain any of these characters: / % & > <."
            )
        return name

    # --- options with defaults from settings --------------------------------------------------------------------------

    @functools.cached_property
    def parameters(self) -> ParameterSchema:
        """The JSON schema of the parameters."""
        return json_schemas.parameter_schema(self.bound_fn)

    @functools.cached_property
    def version(self) -> str | None:
        """The `version` option, else a hash of the file that defines the function; None if there is no file."""
        if self._version is not None:
            return self._version
        path = _functions.get_source_path(self.fn)
        return hashing.file_hash(path) if os.path.isfile(path) else None

    @functools.cached_property
    def key(self) -> str:
        """Identifies the flow as a task of a parent flow: its name and a hash of where it is defined."""
        location = f"{self.name}:{_functions.get_source_path(self.fn)}"
        return f"{_functions.get_name(self.fn)}-{zlib.crc32(location.encode()):08x}"

    @property
    def retries(self) -> int:
        """Maximum number of retries of a failed run."""
        if self._retries is None:
            self._retries = settings.get_current_settings().flows.default_retries
        return self._retries

    @retries.setter
    def retries(self, retries: int | None) -> None:
        self._retries = retries

    @property
    def retry_delay_seconds(self) -> float | list[float]:
        """Seconds before each retry: one number, or one for each."""
        if self._retry_delay_seconds is None:
            self._retry_delay_seconds = settings.get_current_settings().flows.default_retry_delay_seconds
        return self._retry_delay_seconds or 0.0

    @retry_delay_seconds.setter
    def retry_delay_seconds(self, seconds: float | list[float] | None) -> None:
        self._retry_delay_seconds = seconds

    @property
    def task_runner(self) -> TaskRunner[Any]:
        """The task runner that executes submitted tasks."""
        runner = self._task_runner
        if runner is None:
            runner = self._task_runner = task_runners.ThreadPoolTaskRunner()
        elif isinstance(runner, type):
            runner = self._task_runner = runner()
        return runner

    @task_runner.setter
    def task_runner(self, runner: type[TaskRunner[Any]] | TaskRunner[Any] | None) -> None:
        self._task_runner = runner

    def format_run_name(self, parameters: dict[str, Any]) -> str:
        """Return the name of a run with these parameters; needs `flow_run_name`."""
        return _functions.format_run_name(self.flow_run_name, parameters, "flow_run_name", self.name)

    # --- parameters ---------------------------------------------------------------------------------------------------

    @functools.cached_property
    def _validate(self) -> Callable[[dict[str, Any]], dict[str, Any]] | None:
        """The validator of the parameters; None if no parameter has a type hint."""
        if not any(name != "return" for name in read_annotations(self.fn)):
            return None
        return validation.get_validator(self.bound_fn, self.spec if self._instance is None else None)

    def validate_parameters(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Check the parameters and convert them by the function's type hints.

        Raises:
            ParameterTypeError: Some are wrong; names each with what is wrong.
        """
        if self._validate is None:
            return parameters
        instance = {name: value for name, value in self.instance_parameters.items() if name in parameters}
        return {**instance, **self._validate({name: parameters[name] for name in parameters if name not in instance})}

    def serialize_parameters(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Return the parameters as JSON values; a value that JSON cannot represent is replaced by its type's name.

        The object of a method is left out.
        """
        if self._instance is not None:
            instance = self.instance_parameters
            parameters = {name: value for name, value in parameters.items() if name not in instance}
        if all(type(value) in _SCALARS for value in parameters.values()):
            return dict(parameters)
        from pydantic_core import to_jsonable_python

        serialized: dict[str, Any] = {}
        for name, value in parameters.items():
            try:
                serialized[name] = to_jsonable_python(value, fallback=_describe, serialize_unknown=False)
            except (ValueError, RecursionError):
                serialized[name] = value if _is_json(value) else _describe(value)
        return serialized

    # --- calling ------------------------------------------------------------------------------------------------------

    def __call__(
        self, *args: Any, return_state: bool = False, wait_for: Iterable[Any] | None = None, **kwargs: Any
    ) -> Any:
        """Run the flow here and now.

        Args:
            *args, **kwargs: The function's; futures and states are resolved to their results.
            return_state: Return the final state in place of the value.
            wait_for: Futures to wait for in addition to those among the arguments.

        Raises:
            ParameterBindError: The function cannot be called with these arguments.
            ParameterTypeError: The arguments do not fit the type hints.
            Exception: The exception of the function.
        """
        parameters = self.bind_arguments(args, kwargs)
        tracker = _functions.get_viz_tracker()
        if tracker is not None:
            return tracker.flow_called(self, {**parameters, "wait_for": wait_for})
        return shells.start(lambda: flow_run.FlowRunEngine(self, parameters, wait_for), self, return_state)

    # --- hooks --------------------------------------------------------------------------------------------------------

    def on_cancellation(self, fn: Callable[..., Any]) -> Callable[..., Any]:
        """Decorator: call `fn` when a run has been cancelled."""
        self.on_cancellation_hooks.append(fn)
        return fn

    def on_crashed(self, fn: Callable[..., Any]) -> Callable[..., Any]:
        """Decorator: call `fn` when a run has crashed."""
        self.on_crashed_hooks.append(fn)
        return fn


def load_flow(entrypoint: str) -> Flow[..., Any]:
    """Return the flow of an entrypoint, after running its file.

    Raises:
        MissingFlowError: The file or module has no such flow.
        ScriptError: There is no such file, or it failed to run.
        ImportError: There is no such module.
    """
    return require_flow(load_function(entrypoint), entrypoint)


def load_function(entrypoint: str) -> Any:
    """Return what an entrypoint names, `path/to/file.py:name` or `package.module:name`, after running its file.

    Raises:
        MissingFlowError: The file or module has nothing of this name.
    """
    try:
        return imports.import_object(entrypoint)
    except AttributeError as error:
        place, name = entrypoints.split_entrypoint(entrypoint)
        raise MissingFlowError(f"Function with name {name!r} not found in {place!r}.") from error


def require_flow(found: Any, entrypoint: str) -> Flow[..., Any]:
    """Return what an entrypoint names.

    Raises:
        MissingFlowError: The object is not a flow.
    """
    if not isinstance(found, Flow):
        raise MissingFlowError(
            f"{entrypoint!r} is not a flow but a {type(found).__name__}: decorate the function with '@flow'."
        )
    return cast("Flow[..., Any]", found)


def _is_json(value: Any) -> bool:
    """Return whether a value is JSON for our codec, which also encodes lone surrogates in keys."""
    from prefect.types import json_codec

    try:
        json_codec.dumps(value)
    except (TypeError, ValueError):
        return False
    return True


def _describe(value: Any) -> str:
    return f"<{type(value).__name__}>"


__all__ = ["Flow"]
