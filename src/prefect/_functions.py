"""Wrappers of functions, which tasks and flows are: kind and name of the function, options, copies, run names."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from functools import cached_property
from types import CodeType, FunctionType, MethodType
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast

from prefect._lazy import lazy
from prefect.exceptions import ReservedArgumentError
from prefect.signatures.parameters import POSITIONAL_OR_KEYWORD, Parameters
from prefect.values.annotations import NotSet

if TYPE_CHECKING:
    from typing import Self

    from prefect import settings
else:
    settings = lazy("prefect.settings")

W = TypeVar("W")

_GENERATOR, _COROUTINE, _ASYNC_GENERATOR = 0x20, 0x80, 0x200  # of a code object's flags

_RESERVED = frozenset({"return_state", "wait_for"})
_RESERVED_FOR_VALIDATION = frozenset({"v__args", "v__kwargs", "v__positional_only", "v__duplicate_kwargs"})

_viz_tracker: ContextVar[Any] = ContextVar("prefect_drawing", default=None)


def get_viz_tracker() -> Any:
    """Return the tracker that draws the flow being called, or None when it really runs."""
    return _viz_tracker.get()


class Wrapper:
    """Base of tasks and flows: a function or method, and hooks."""

    fn: Any
    name: str
    log_prints: bool | None
    on_completion_hooks: list[Callable[..., Any]]
    on_failure_hooks: list[Callable[..., Any]]
    on_running_hooks: list[Callable[..., Any]]
    _kind: type | None

    _CLEARABLE_OPTIONS: ClassVar[frozenset[str]] = frozenset(
        {"log_prints", "persist_result", "result_storage", "result_serializer", "result_storage_key"}
    )
    """The options that `with_options` resets to their default for None; it keeps the others."""
    _instance: Any = None
    _shared_values: ClassVar[tuple[str, ...]] = ("spec",)
    """Cached values that are the same for all objects that a method is bound to, computed once for all of them."""

    @cached_property
    def spec(self) -> Parameters:
        """The function's parameters."""
        return Parameters.from_function(self.fn)

    @property
    def ismethod(self) -> bool:
        """Whether this is bound to an object."""
        return self._instance is not None or isinstance(self.fn, MethodType)

    @property
    def bound_fn(self) -> Any:
        """The function, bound to the object that this was looked up on."""
        return self.fn if self._instance is None else MethodType(self.fn, self._instance)

    @property
    def instance_parameters(self) -> dict[str, Any]:
        """The object that this is bound to, by the name of its parameter (`self`); empty if there is none."""
        if self._instance is None:
            return {}
        first = self.spec.names[0] if self.spec.names else None
        return {first: self._instance} if first and self.spec.kinds[first] <= POSITIONAL_OR_KEYWORD else {}

    @property
    def isclassmethod(self) -> bool:
        """Whether the function is a classmethod."""
        return self._kind is classmethod

    @property
    def isstaticmethod(self) -> bool:
        """Whether the function is a staticmethod."""
        return self._kind is staticmethod

    def bind_arguments(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """Return the parameters of a call, the object of a method among them.

        Raises:
            ParameterBindError: The function cannot be called with these arguments.
        """
        return self.spec.bind(args if self._instance is None else (self._instance, *args), kwargs)

    def __get__(self, instance: Any, owner: type | None = None) -> Self:
        """Bind this to an object when it is looked up on one, as functions are."""
        return bind(self, instance, owner)

    def with_options(self, **options: Any) -> Self:
        """Return a copy with other options; omitted options, and those that are `NotSet`, are kept.

        Raises:
            TypeError: There is no such option.
        """
        return with_options(self, options)

    def should_log_prints(self, flow: Any) -> bool:
        """Return whether a run inside this flow's context (None outside of one) logs its prints."""
        if self.log_prints is not None:
            return self.log_prints
        return flow.log_prints if flow is not None else settings.get_current_settings().logging.log_prints

    def on_completion(self, fn: Callable[..., Any]) -> Callable[..., Any]:
        """Decorator: call `fn` when a run has completed."""
        self.on_completion_hooks.append(fn)
        return fn

    def on_failure(self, fn: Callable[..., Any]) -> Callable[..., Any]:
        """Decorator: call `fn` when a run has failed."""
        self.on_failure_hooks.append(fn)
        return fn

    def on_running(self, fn: Callable[..., Any]) -> Callable[..., Any]:
        """Decorator: call `fn` when a run starts."""
        self.on_running_hooks.append(fn)
        return fn

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r}>"


def unwrap_method(fn: Any) -> tuple[type | None, Any]:
    """Return the kind of method `fn` is (classmethod, staticmethod or None), and the function itself."""
    if isinstance(fn, (classmethod, staticmethod)):
        return type(fn), fn.__func__  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    return None, fn


def adopt_attributes(wrapper: Any, fn: Any) -> None:
    """Copy the name, the docstring and the attributes of a function to the task or flow that wraps it.

    The wrapper's own attributes are kept. Attributes of a task, flow or callable object that is wrapped are not copied.
    """
    own = dict(wrapper.__dict__)
    functools.update_wrapper(wrapper, fn, updated=("__dict__",) if isinstance(fn, FunctionType) else ())
    wrapper.__dict__.update(own)


def detect_kind(fn: Any) -> tuple[bool, bool]:
    """Return whether a callable is async, and whether it is a generator. Without `inspect`, which is slow to import."""
    target = fn
    while not isinstance(target, FunctionType):
        if isinstance(target, MethodType):
            target = target.__func__
        elif isinstance(target, functools.partial):
            target = target.func
        elif issubclass(type(target), Wrapper):  # a task or a flow; a mock of one only says so
            return cast("Any", target).isasync, cast("Any", target).isgenerator
        elif _is_marked_async(target):  # as `AsyncMock` is
            return True, False
        elif callable(target) and isinstance(type(target).__call__, FunctionType):
            target = type(target).__call__
        else:
            return False, False
    flags = target.__code__.co_flags
    asynchronous = bool(flags & (_COROUTINE | _ASYNC_GENERATOR)) or _is_marked_async(target)
    return asynchronous, bool(flags & (_GENERATOR | _ASYNC_GENERATOR))


def _is_marked_async(target: Any) -> bool:
    """Return whether a callable says that it is async. Only what it stores is read: a mock has every attribute."""
    stored = getattr(target, "__dict__", {})
    return stored.get("_is_coroutine_marker") is not None or stored.get("_is_coroutine") is not None


def get_name(fn: Any) -> str:
    """Return the function's own name, or its type's for a callable object."""
    if hasattr(fn, "__name__"):
        return fn.__name__
    return get_name(fn.func) if isinstance(fn, functools.partial) else type(fn).__name__


def get_code(fn: Any) -> CodeType | None:
    """Return the function's compiled code; None for callable objects, also for a mock of a function."""
    code = getattr(fn, "__code__", None)
    return code if type(code) is CodeType else None


def get_source_path(fn: Any) -> str:
    """Return the path of the file that defines the function; empty for a callable object."""
    code = get_code(fn)
    return code.co_filename if code else ""


def get_flow_name(fn: Any) -> str:
    """Return the default name of a flow: the function's name with hyphens."""
    name = get_name(fn)
    return "unknown-lambda" if name == "<lambda>" else name.replace("_", "-")


def get_description(fn: Any) -> str | None:
    """Return the function's docstring, without its indentation."""
    text = fn.__doc__ if isinstance(fn, (FunctionType, MethodType)) else None
    if not text:
        return None
    if "\n" not in text:
        return text.strip()
    import inspect

    return inspect.cleandoc(text)


def read_source(fn: Any) -> str | None:
    """Return the function's source code, or None if it cannot be read."""
    import inspect

    try:
        return inspect.getsource(fn)
    except (OSError, TypeError):
        return None


def check_hooks(owner: str, **hooks: Any) -> None:
    """Raise an error for hooks that cannot be called.

    Raises:
        TypeError: A value is not a list, or an item is not callable.
    """
    for name, functions in hooks.items():
        if functions is None:
            continue
        if not isinstance(functions, (list, tuple)):
            raise TypeError(f"Expected a list of hooks for `{name}` of a {owner}, got {type(functions).__name__}.")
        for hook in functions:
            if not callable(hook):
                raise TypeError(f"Expected callables in `{name}` of a {owner}, got {type(hook).__name__}.")


def check_reserved(fn: Any, kind: str, owner: str, is_validated: bool = False) -> None:
    """Raise an error for a parameter whose name is reserved for calls of tasks and flows, or for their validation.

    Raises:
        ReservedArgumentError: There is such a parameter.
        ValueError: The arguments are validated, and a parameter has a name of pydantic's validation of functions.
    """
    code = get_code(fn)
    if code is None:
        return
    names = set(code.co_varnames[: code.co_argcount + code.co_kwonlyargcount])
    if is_validated and (used := _RESERVED_FOR_VALIDATION & names):
        raise ValueError(
            f"The {kind} {owner!r} is not compatible with `validate_parameters`, because it has a parameter "
            f"{min(used)!r}: rename it, or disable validation."
        )
    used = _RESERVED & names
    if used:
        raise ReservedArgumentError(
            f"{min(used)!r} is a reserved argument name and cannot be used in the {kind} {owner!r}."
        )


def check_run_name(template: Any, option: str) -> Any:
    """Return the template or function, if it is one.

    Raises:
        TypeError: It is neither text nor callable.
    """
    if template is not None and not isinstance(template, str) and not callable(template):
        raise TypeError(f"Expected string or callable for `{option}`; got {type(template).__name__} instead.")
    return template


def format_run_name(template: Any, parameters: dict[str, Any], option: str, owner: str) -> str:
    """Fill a run name's template, or call the function that makes it.

    Raises:
        TypeError: The function returned something else than text.
        ValueError: The template names a parameter that does not exist.
    """
    if isinstance(template, str):
        try:
            return template.format(**parameters)
        except (KeyError, IndexError, AttributeError) as error:
            raise ValueError(
                f"The `{option}` {template!r} of {owner!r} cannot be filled: no value for {error}."
            ) from error
    takes_parameters = "parameters" in Parameters.from_function(template).names
    name = template(parameters=parameters) if takes_parameters else template()
    if not isinstance(name, str):
        raise TypeError(
            f"Callable {template} for `{option}` returned type {type(name).__name__} but a string is required."
        )
    return name


def bind(wrapper: W, instance: Any, owner: type | None) -> W:
    """Bind a task or flow to the object or class that it is looked up on, as a method is bound.

    The object becomes the first parameter of each call, so that cache keys and names of runs depend on it.
    """
    held: Any = wrapper
    if held.isstaticmethod or held.ismethod:
        return wrapper
    target = (owner or type(instance)) if held.isclassmethod else instance
    if target is None:
        return wrapper
    for name in held._shared_values:
        getattr(held, name)
    bound = object.__new__(type(held))
    bound.__dict__.update(held.__dict__, _instance=target)
    for name in _PARAMETER_CACHES:
        bound.__dict__.pop(name, None)
    return bound


_PARAMETER_CACHES = ("parameters", "_validate")
"""Cached values that leave out the object of a bound method."""


_ORIGIN_ATTRIBUTES = frozenset(("storage", "entrypoint"))
"""Where a flow was loaded from, which a copy with other options has too."""


def with_options(wrapper: W, options: dict[str, Any]) -> W:
    """Return a copy of a task or flow with some options changed.

    Raises:
        TypeError: There is no such option.
    """
    held: Any = wrapper
    current: dict[str, Any] = held._options
    unknown = options.keys() - current.keys()
    if unknown:
        names = ", ".join(sorted(map(repr, unknown)))
        raise TypeError(f"{type(held).__name__}.with_options() got an unexpected option: {names}.")
    changed = {name: value for name, value in options.items() if value is not NotSet and value is not None}
    reset = {name: None for name, value in options.items() if value is None and name in held._CLEARABLE_OPTIONS}
    return copy_as(type(held), held, {**reset, **changed})


def copy_as(kind: type[Any], wrapper: Any, options: dict[str, Any], without: Iterable[str] = ()) -> Any:
    """Return a task or flow of a class with the function and the options of another one.

    Args:
        kind: The class.
        wrapper: The task or flow.
        options: Options of the copy that are others, or further ones.
        without: Options that the class does not have.
    """
    held: Any = wrapper
    current: dict[str, Any] = held._options
    fn = held._kind(held.fn) if held._kind else held.fn
    kept = {**current, **_read_assigned_options(held, current), **_copy_hooks(held)}
    for name in without:
        kept.pop(name, None)
    copy = kind(fn, **{**kept, **options})
    copy._instance = held._instance
    for name in _ORIGIN_ATTRIBUTES & held.__dict__.keys():
        setattr(copy, name, held.__dict__[name])
    return copy


def _read_assigned_options(held: Any, options: dict[str, Any]) -> dict[str, Any]:
    """Return the options that were set as attributes (`task.retries = 4`) after the task or flow was made."""
    kept = {name: held.__dict__.get(_OPTION_ATTRIBUTES.get(name, name), value) for name, value in options.items()}
    kept["persist_result"] = options["persist_result"]  # derived from others, which may be changed now
    if "cache_policy" in kept:
        kept["cache_policy"] = kept["cache_policy"] if held._has_cache_policy_option else NotSet
    return kept


_OPTION_ATTRIBUTES = {
    "retries": "_retries",
    "retry_delay_seconds": "_retry_delay_seconds",
    "cache_policy": "_cache_policy",
    "task_runner": "_task_runner",
    "validate_parameters": "should_validate_parameters",
    "version": "_version",
}
"""The attribute that holds an option, where it has another name than the option."""


def check_numbers(kind: str, **numbers: Any) -> None:
    """Raise an error for options that are not numbers of 0 or more, or lists of them.

    Raises:
        TypeError: A value is not a number.
        ValueError: A number is below 0.
    """
    for option, value in numbers.items():
        for number in value if isinstance(value, (list, tuple)) else (value,):
            if number is None:
                continue
            if isinstance(number, bool) or not isinstance(number, (int, float)):
                raise TypeError(f"`{option}` of a {kind} must be a number, not {number!r}.")
            if not number >= 0:
                raise ValueError(f"`{option}` of a {kind} must be >= 0, not {number!r}.")


_HOOKS = ("on_completion", "on_failure", "on_running", "on_commit", "on_rollback", "on_cancellation", "on_crashed")


def _copy_hooks(held: Any) -> dict[str, Any]:
    """Return copies of the current hooks, including those that decorators added."""
    return {name: list(held.__dict__[f"{name}_hooks"]) for name in _HOOKS if f"{name}_hooks" in held.__dict__}
