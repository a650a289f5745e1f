"""Placeholders for planned names of the interface: importable, but using one raises `NotImplementedError`.

Programs import names that they may never use. Each module below without a file is created from these names; its classes
can be subclassed and used in type hints, and only calling them or reading an attribute raises. An implemented module is
a file, which Python finds first, and must be removed from this table (a test checks it). No placeholder may pretend to
work.
"""

from __future__ import annotations

import importlib
import sys
from importlib.machinery import ModuleSpec
from typing import Any, NoReturn

# Feature, and its modules with their names; `name@module` is a name that is built already, in that module.
_TABLE = (
    (
        "deployments",
        """
        deployments.deployments:
        _experimental.sla:
        _experimental.sla.objects: FrequencySla FreshnessSla LatenessSla ServiceLevelAgreement TimeToCompletionSla
        """,
    ),
    (
        "runners, workers and infrastructure",
        """
        infrastructure:
        infrastructure.base:
        infrastructure.provisioners: Provisioner get_infrastructure_provisioner_for_work_pool_type
        """,
    ),
    (
        "the interfaces inside the server",
        """
        server.concurrency:
        server.concurrency.lease_storage: ConcurrencyLeaseHolder ConcurrencyLeaseStorage ConcurrencyLimitLeaseMetadata
        server.events:
        server.events.ordering: CausalOrdering EventArrivedEarly MAX_DEPTH_OF_PRECEDING_EVENT MaxDepthExceeded
            PRECEDING_EVENT_LOOKBACK SEEN_EXPIRATION event_handler
        server.events.ordering.memory: EventBeingProcessed
        server.events.schemas:
        server.events.schemas.events: Event ReceivedEvent
        server.utilities:
        server.utilities.leasing: ResourceLease
        server.utilities.messaging: Cache Consumer Message MessageHandler Publisher StopConsumer
        server.worker_communication:
        server.worker_communication.cleanup_queue: CleanupQueueDeadLetter CleanupQueueLeaseExpiryResult
            CleanupQueueMessage CleanupQueueOperation CleanupQueueOperationResult CleanupQueueReservation
            CleanupQueueWakeup WorkerCleanupQueue record_cleanup_queue_dead_letter
            record_cleanup_queue_lease_expiry_result record_cleanup_queue_operation
        """,
    ),
    (
        "telemetry of runs",
        """
        telemetry:
        telemetry.run_telemetry: OTELSetter RunTelemetry
        """,
    ),
)


class NotBuiltError(NotImplementedError, ValueError):
    """Error for a feature that is not built yet; a ValueError for programs that do without what cannot be loaded."""


class _NotYetAttribute(NotBuiltError, AttributeError):
    """Error for an attribute of a placeholder; an AttributeError for `hasattr`, `inspect` and documentation tools."""


class _LaterClass(type):
    """Metaclass of the placeholder classes and their subclasses."""

    _why: str

    def __call__(cls, *args: Any, **kwargs: Any) -> NoReturn:
        raise NotBuiltError(cls._why)

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        raise _NotYetAttribute(cls._why)


def _make_class(name: str, why: str, module: str) -> type:
    generic = classmethod(lambda cls, _: cls)
    field_type = classmethod(_build_field_schema)
    return _LaterClass(
        name,
        (),
        {
            "__module__": module,
            "__doc__": why,
            "_why": why,
            "__class_getitem__": generic,
            "__get_pydantic_core_schema__": field_type,
        },
    )


def _build_field_schema(cls: type, source: Any, handler: Any) -> Any:
    """Return the schema of a pydantic field of this type: instances only, of which there are none yet."""
    from pydantic_core import core_schema

    return core_schema.is_instance_schema(cls)


def _make_function(name: str, why: str, module: str) -> Any:
    def later(*args: Any, **kwargs: Any) -> NoReturn:
        raise NotBuiltError(why)

    later.__name__ = later.__qualname__ = name
    later.__module__, later.__doc__ = module, why
    later.aio = later  # pyright: ignore[reportFunctionMemberAccess]  # as a dual function has it
    return later


def later(module: str, name: str, feature: str) -> Any:
    """Return a placeholder that raises when used: a class if the name is capitalized, else a function.

    Args:
        module: The module of the name.
        name: The name.
        feature: The feature that it belongs to, as the subject of "... will come in a later release".
    """
    why = f"{module}.{name} cannot be used yet: {feature} will come in a later release."
    make = _make_class if name.lstrip("_")[0].isupper() else _make_function
    return make(name, why, module)


class Unbuilt:
    """Finder and loader of the placeholder modules, last in `sys.meta_path`, so that files win."""

    modules: dict[str, tuple[str, list[str], dict[str, str]]]
    """Feature and names of each module, and where its built names are; the table is parsed on the first lookup."""

    def __init__(self) -> None:
        self._made: dict[tuple[str, str], Any] = {}

    def __getattr__(self, attribute: str) -> Any:
        if attribute != "modules":
            raise AttributeError(attribute)
        self.modules = dict(_read_table())
        return self.modules

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """Find a module of the table."""
        if not fullname.startswith("prefect.") or fullname not in self.modules:
            return None
        is_package = any(name.startswith(f"{fullname}.") for name in self.modules)
        return ModuleSpec(fullname, self, origin="prefect._later", is_package=is_package)  # pyright: ignore

    def create_module(self, spec: ModuleSpec) -> None:
        """Return None: Python creates the module."""

    def exec_module(self, module: Any) -> None:
        """Fill the module with its names."""
        feature, names, built = self.modules[module.__name__]
        module.__doc__ = f"Not built yet: {feature} will come in a later release."
        module.__all__ = names
        for name in names:
            if name in built:
                setattr(module, name, getattr(importlib.import_module(f"prefect.{built[name]}"), name))
                continue
            # The same name of the same feature is the same object, wherever it is imported from.
            made = self._made.get((feature, name))
            if made is None:
                made = self._made[feature, name] = later(module.__name__, name, feature)
            setattr(module, name, made)


def _read_table() -> Any:
    for feature, text in _TABLE:
        names: list[str] = []
        built: dict[str, str] = {}
        for word in text.split():
            if word.endswith(":"):
                names, built = [], {}
                yield f"prefect.{word[:-1]}", (feature, names, built)
                continue
            name, _, source = word.partition("@")
            names.append(name)
            if source:
                built[name] = source


def install() -> None:
    """Make the modules of the table importable."""
    sys.meta_path.append(Unbuilt())  # pyright: ignore[reportArgumentType]
