"""Cache policies compute the cache key of a task run.

A policy computes a key from the task, its inputs and its flow's parameters. `+` combines policies, `-` excludes an
input. No key means no caching. Two different computations must never have one key: an input that has no reliable hash
raises, and the engine then runs the task and logs the reason. Policies do not read or write results.

Keys equal those of Prefect 3, so results that it cached stay valid, except where its key could be a wrong hit.
"""

from __future__ import annotations

import functools
import types
import weakref
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from prefect._lazy import lazy_modules
from prefect.exceptions import HashError
from prefect.values.hashable import to_hashable
from prefect.values.hashing import hash_objects

if TYPE_CHECKING:
    import inspect
    from typing import Self

    import pydantic

    from prefect.locking.protocol import LockManager
else:
    inspect, pydantic = lazy_modules("inspect", "pydantic")

__all__ = [
    "DEFAULT",
    "FLOW_PARAMETERS",
    "INPUTS",
    "NONE",
    "NO_CACHE",
    "RUN_ID",
    "STABLE_TRANSFORMS",
    "TASK_SOURCE",
    "CacheKeyFnPolicy",
    "CachePolicy",
    "CompoundCachePolicy",
    "FlowParameters",
    "Inputs",
    "RunId",
    "TaskSource",
    "task_input_hash",
]

CacheKeyFn = Callable[[Any, dict[str, Any]], str | None]

STABLE_TRANSFORMS: dict[type, Callable[[Any], Any]] = {}
"""Functions by type: an input of exactly that type is hashed as what its function returns."""


@dataclass
class CachePolicy:
    """The base of all policies; subclass it and define `compute_key`.

    Attributes:
        key_storage: Stores the metadata of cached results: a file system, a path, or a block's name.
        isolation_level: With `"SERIALIZABLE"` one run at a time computes a result; the others wait for it.
        lock_manager: The locks that runs wait for; required by `"SERIALIZABLE"`.
    """

    key_storage: Any = None
    isolation_level: Literal["READ_COMMITTED", "SERIALIZABLE"] | str | None = None
    lock_manager: LockManager | None = None

    @classmethod
    def from_cache_key_fn(cls, cache_key_fn: CacheKeyFn) -> CacheKeyFnPolicy:
        """Return a policy whose key is what the function returns for the run's context and its inputs."""
        return CacheKeyFnPolicy(cache_key_fn=cache_key_fn)

    def configure(
        self,
        key_storage: Any = None,
        lock_manager: LockManager | None = None,
        isolation_level: Literal["READ_COMMITTED", "SERIALIZABLE"] | str | None = None,
    ) -> Self:
        """Return a copy of the policy with these options; options that are None are kept."""
        new = copy(self)
        if key_storage is not None:
            new.key_storage = key_storage
        if lock_manager is not None:
            new.lock_manager = lock_manager
        if isolation_level is not None:
            new.isolation_level = isolation_level
        return new

    def compute_key(
        self, task_ctx: Any, inputs: dict[str, Any], flow_parameters: dict[str, Any], **kwargs: Any
    ) -> str | None:
        """Return the key of a task run, or None when it is not cached.

        Args:
            task_ctx: The task run's context: its `task` and its `task_run`.
            inputs: The arguments of the call by the names of the parameters.
            flow_parameters: The parameters of the flow run it is in.

        Raises:
            ValueError: No key can be computed; the message names the input and the reason.
        """
        raise NotImplementedError(f"{type(self).__name__} cannot compute a key: define its method `compute_key`.")

    def __add__(self, other: CachePolicy) -> CachePolicy:
        if not isinstance(other, CachePolicy):
            return NotImplemented
        if isinstance(other, _None):
            return self
        return CompoundCachePolicy(
            policies=[self, other],
            key_storage=_merge_option(self.key_storage, other.key_storage, "storage locations"),
            isolation_level=_merge_option(self.isolation_level, other.isolation_level, "isolation levels"),
            lock_manager=_merge_option(self.lock_manager, other.lock_manager, "lock managers"),
        )

    def __sub__(self, other: str) -> CachePolicy:
        """Return the policy without an input; a policy that does not use inputs is returned unchanged."""
        if not isinstance(other, str):
            raise TypeError("Can only subtract strings from key policies.")
        return self


def _merge_option(one: Any, two: Any, what: str) -> Any:
    if one is not None and two is not None and one != two:
        raise ValueError(f"Cannot add CachePolicies with different {what}.")
    return two if one is None else one


@dataclass
class CacheKeyFnPolicy(CachePolicy):
    """The key is what a function returns for the run's context and its inputs."""

    cache_key_fn: CacheKeyFn | None = None

    def compute_key(
        self, task_ctx: Any, inputs: dict[str, Any], flow_parameters: dict[str, Any], **kwargs: Any
    ) -> str | None:
        return self.cache_key_fn(task_ctx, inputs) if self.cache_key_fn else None


@dataclass
class CompoundCachePolicy(CachePolicy):
    """Several policies together: the key depends on the keys of all of them.

    All inputs policies are merged into one at the end, so that the key does not depend on the order of adding.
    """

    policies: list[CachePolicy] = field(default_factory=list)

    def __post_init__(self) -> None:
        flat: list[CachePolicy] = []
        for policy in self.policies:
            flat.extend(policy.policies if isinstance(policy, CompoundCachePolicy) else [policy])
        inputs = [policy for policy in flat if type(policy) is Inputs]
        self.policies = [policy for policy in flat if type(policy) is not Inputs]
        if inputs:
            exclude = dict.fromkeys(name for policy in inputs for name in policy.exclude)
            self.policies.append(Inputs(exclude=list(exclude)))

    def compute_key(
        self, task_ctx: Any, inputs: dict[str, Any], flow_parameters: dict[str, Any], **kwargs: Any
    ) -> str | None:
        keys = [policy.compute_key(task_ctx, inputs, flow_parameters, **kwargs) for policy in self.policies]
        keys = [key for key in keys if key is not None]
        return hash_objects(*keys, raise_on_failure=True) if keys else None

    def __sub__(self, other: str) -> CachePolicy:
        if not isinstance(other, str):
            raise TypeError("Can only subtract strings from key policies.")
        new = copy(self)
        new.policies = [policy - other for policy in self.policies]
        return new


@dataclass
class _None(CachePolicy):
    """No key: nothing is cached. Added to another policy it changes nothing."""

    def compute_key(
        self, task_ctx: Any, inputs: dict[str, Any], flow_parameters: dict[str, Any], **kwargs: Any
    ) -> str | None:
        return None

    def __add__(self, other: CachePolicy) -> CachePolicy:
        return other


@dataclass
class TaskSource(CachePolicy):
    """The source code of the task's function; where there is none, its compiled code."""

    def compute_key(
        self,
        task_ctx: Any,
        inputs: dict[str, Any] | None,
        flow_parameters: dict[str, Any] | None,
        **kwargs: Any,
    ) -> str | None:
        return _get_code_key(task_ctx.task.fn) if task_ctx else None


@dataclass
class FlowParameters(CachePolicy):
    """The parameters of the flow run that the task runs in."""

    def compute_key(
        self, task_ctx: Any, inputs: dict[str, Any], flow_parameters: dict[str, Any], **kwargs: Any
    ) -> str | None:
        return _hash_named(flow_parameters, "flow parameter") if flow_parameters else None


@dataclass
class RunId(CachePolicy):
    """The flow run's id, so that a key is valid within it; outside of flows the task run's."""

    def compute_key(
        self, task_ctx: Any, inputs: dict[str, Any], flow_parameters: dict[str, Any], **kwargs: Any
    ) -> str | None:
        if not task_ctx:
            return None
        run = task_ctx.task_run
        return str(run.flow_run_id or run.id)


@dataclass
class Inputs(CachePolicy):
    """The arguments of the call, except those in `exclude`."""

    exclude: list[str] = field(default_factory=list)

    def compute_key(
        self, task_ctx: Any, inputs: dict[str, Any], flow_parameters: dict[str, Any], **kwargs: Any
    ) -> str | None:
        if not inputs:
            return None
        return _hash_named({name: inputs[name] for name in sorted(inputs) if name not in self.exclude}, "input")

    def __sub__(self, other: str) -> CachePolicy:
        if not isinstance(other, str):
            raise TypeError("Can only subtract strings from key policies.")
        new = copy(self)
        new.exclude = [*self.exclude, other]
        return new


INPUTS = Inputs()
"""The same inputs, the same result."""
NONE = _None()
NO_CACHE = _None()
"""Nothing is cached."""
TASK_SOURCE = TaskSource()
"""Another result when the function is edited."""
FLOW_PARAMETERS = FlowParameters()
"""The same parameters of the flow run, the same result."""
RUN_ID = RunId()
"""A result is valid within its flow run."""
DEFAULT = INPUTS + TASK_SOURCE + RUN_ID
"""The default of tasks that persist results: the same inputs to the same code within a flow run."""


def task_input_hash(context: Any, arguments: dict[str, Any]) -> str | None:
    """Return a cache key function: the task, its compiled code and its inputs; None when they cannot be hashed.

    Args:
        context: The task run's context.
        arguments: The arguments of the call by the names of the parameters.
    """
    task = context.task
    code = getattr(task.fn, "__code__", None)  # a callable object has none
    source = code.co_code.hex() if isinstance(code, types.CodeType) else None
    return hash_objects(task.task_key, source, to_hashable(arguments))


# --- hashing ---------------------------------------------------------------------------------------------------------


def _hash_named(values: dict[str, Any], what: str) -> str | None:
    """Return the hash of values by name.

    Raises:
        ValueError: One of them has no hash; the message names it.
    """
    try:
        return hash_objects(_apply_transforms(values), raise_on_failure=True)
    except (HashError, RecursionError) as error:
        for name, value in values.items():
            try:
                hash_objects(_apply_transforms({name: value}), raise_on_failure=True)
            except (HashError, RecursionError) as reason:
                raise ValueError(
                    f"No cache key can be computed, because the {what} {name!r} of type {type(value).__qualname__} "
                    f"cannot be hashed: {reason} Leave it out of the key (`cache_policy=INPUTS - {name!r}`), or turn "
                    "caching off (`cache_policy=NO_CACHE`)."
                ) from reason
        raise ValueError(f"No cache key can be computed from the {what}s: {error}") from error


def _apply_transforms(values: dict[str, Any]) -> dict[str, Any]:
    if STABLE_TRANSFORMS:
        values = {k: STABLE_TRANSFORMS[type(v)](v) if type(v) in STABLE_TRANSFORMS else v for k, v in values.items()}
    return to_hashable(values)


_source_keys: weakref.WeakKeyDictionary[Any, str | None] = weakref.WeakKeyDictionary()


def _get_code_key(fn: Callable[..., Any]) -> str | None:
    """Return the key of a function's code and of the values that belong to the callable itself.

    Those are the object of a method, the arguments of a `functools.partial` and the attributes of a callable object.

    Raises:
        ValueError: The values cannot be hashed.
    """
    values: Any
    if isinstance(fn, types.MethodType):
        code, values = _get_code_key(fn.__func__), fn.__self__
    elif isinstance(fn, functools.partial):
        code, values = _get_code_key(fn.func), [fn.args, fn.keywords]
    elif hasattr(fn, "isasync") or not isinstance(type(fn).__call__, types.FunctionType):  # a function, flow or task
        return _get_source_key(fn)
    else:
        code, values = _get_source_key(fn), fn
    try:
        return hash_objects(code, to_hashable(values), raise_on_failure=True)
    except HashError as error:
        raise ValueError(
            f"No cache key can be computed, because the task's callable {fn!r} cannot be hashed: {error} "
            "Turn caching off (`cache_policy=NO_CACHE`)."
        ) from error


def _get_source_key(fn: Callable[..., Any]) -> str | None:
    """Return the key of a function's source, which is read once: that costs a millisecond."""
    try:
        known = _source_keys.get(fn)
    except TypeError:  # a callable object that cannot be hashed or referred to weakly
        return _read_source_key(fn)
    if known is None:
        known = _source_keys[fn] = _read_source_key(fn)
    return known


def _read_source_key(fn: Callable[..., Any]) -> str | None:
    try:
        # From Python 3.13 on, `python -c` keeps its text under the file name that `eval` and `exec` give too: what is
        # found there may be another function's source.
        if getattr(getattr(fn, "__code__", None), "co_filename", None) != "<string>":
            return hash_objects(inspect.getsource(fn))
    except TypeError:  # a callable object: the source of its class
        try:
            return hash_objects(inspect.getsource(type(fn)))
        except (OSError, TypeError):
            pass
    except OSError:
        pass
    code = getattr(fn, "__code__", None) or getattr(type(fn).__call__, "__code__", None)
    if code is None:
        raise ValueError(f"No cache key can be computed, because {fn!r} has neither source code nor compiled code.")
    return hash_objects(_list_code_parts(code))


def _list_code_parts(code: types.CodeType) -> list[Any]:
    """Return the parts of a code object that define its behaviour: instructions and what they refer to by number."""
    constants = [
        _list_code_parts(each) if isinstance(each, types.CodeType) else _constant(each) for each in code.co_consts
    ]
    return [code.co_code.hex(), constants, list(code.co_names), list(code.co_varnames), list(code.co_freevars)]


def _constant(value: Any) -> list[Any]:
    if isinstance(value, frozenset):
        return ["frozenset", sorted(repr(item) for item in value)]  # a frozenset's order differs between processes
    return [type(value).__qualname__, repr(value)]
