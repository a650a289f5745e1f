"""Packing a flow and its run into a bundle, and unpacking the flow of one."""

from __future__ import annotations

import base64
import gzip
import inspect
import os
import sys
import sysconfig
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any, NotRequired, cast

from typing_extensions import TypedDict

from prefect._lazy import lazy
from prefect.bundles import dependencies, included_files
from prefect.context import TagsContext
from prefect.schemas.runs import FlowRun

if TYPE_CHECKING:
    import cloudpickle
else:
    cloudpickle = lazy("cloudpickle")

PYTHON_VERSION = ".".join(map(str, sys.version_info[:2]))

PARAMETERS = "parameters"
"""The key of the context with the run's parameters: pickled, as not every value is JSON."""


class SerializedBundle(TypedDict):
    """A flow that can be executed elsewhere.

    Attributes:
        function: The flow: a cloudpickle, compressed by gzip, in base64.
        context: The context of its run, in the same form.
        flow_run: The run.
        dependencies: The packages it was written with, one a line.
        files_key: Where the zip of its files is in the storage; None if there are none.
        modules: The packages of modules whose names are not those of their packages.
        python_version: The version of Python that has packed it.
    """

    function: str
    context: str
    flow_run: dict[str, Any]
    dependencies: str
    files_key: NotRequired[str | None]
    modules: NotRequired[dict[str, str]]
    python_version: NotRequired[str]


class BundleCreationResult(TypedDict):
    """A new bundle.

    Attributes:
        bundle: The bundle.
        zip_path: The zip of its files, which the caller uploads and deletes; None if there are none.
    """

    bundle: SerializedBundle
    zip_path: Path | None


class BundleError(RuntimeError):
    """A bundle cannot be created or executed."""


def create_bundle_for_flow_run(
    flow: Any, flow_run: FlowRun, context: dict[str, Any] | None = None
) -> BundleCreationResult:
    """Return a bundle of a flow for one of its runs.

    Args:
        flow: The flow. Of a flow that is bound to infrastructure, the plain flow is packed, with `include_files`.
        flow_run: The run.
        context: The context to run in; the current tags if None. Settings are those of the infrastructure.

    Raises:
        BundleError: The flow, its context or a value that it refers to cannot be pickled.
        ValueError: `include_files` is wrong.
    """
    if context is None:
        context = {"tags_context": {"current_tags": set(TagsContext.get().current_tags)}}
    plain = flow.as_plain_flow() if hasattr(flow, "as_plain_flow") else flow
    bundle = SerializedBundle(
        function=_pack_flow(plain),
        context=_pack(context, f"The context of the flow {plain.name!r}"),
        flow_run=flow_run.model_dump(mode="json"),
        dependencies=dependencies.list_dependencies(),
        files_key=None,
        modules=dependencies.list_modules(),
        python_version=PYTHON_VERSION,
    )
    patterns = getattr(flow, "include_files", None)
    if not patterns:
        return {"bundle": bundle, "zip_path": None}
    directory = included_files.find_base_directory(flow, getattr(flow, "include_files_base_dir", None))
    paths = included_files.find_included_files(directory, patterns)
    if not paths:
        return {"bundle": bundle, "zip_path": None}
    included_files.warn_of_sensitive_files(paths)
    key, zip_path = included_files.pack_files(directory, paths)
    bundle["files_key"] = key
    return {"bundle": bundle, "zip_path": zip_path}


def extract_flow_from_bundle(bundle: SerializedBundle) -> Any:
    """Return the flow of a bundle.

    Raises:
        BundleError: It was packed by another version of Python, or cannot be unpickled here.
    """
    version = bundle.get("python_version", PYTHON_VERSION)
    if version != PYTHON_VERSION:
        raise BundleError(
            f"The bundle was made by Python {version}, and its infrastructure has Python {PYTHON_VERSION}: "
            "use an image or environment with the same version."
        )
    return unpack(bundle["function"], "The flow of the bundle")


def unpack(packed: str, subject: str) -> Any:
    """Return a value that was packed into a bundle."""
    try:
        return cloudpickle.loads(gzip.decompress(base64.b64decode(packed)))
    except Exception as error:
        raise BundleError(f"{subject} cannot be loaded: {type(error).__name__}: {error}") from error


def _pack(value: Any, subject: str) -> str:
    try:
        return base64.b64encode(gzip.compress(cloudpickle.dumps(value), mtime=0)).decode()
    except Exception as error:
        raise BundleError(f"{subject} cannot be pickled: {type(error).__name__}: {error}") from error


def _pack_flow(flow: Any) -> str:
    with _local_modules_by_value(flow):
        return _pack(flow, f"The flow {flow.name!r}")


@contextmanager
def _local_modules_by_value(flow: Any) -> Generator[None]:
    """Pack the code of modules that are not installed as well: the infrastructure does not have them."""
    with ExitStack() as stack:
        for module in _find_local_modules(inspect.getmodule(flow.fn)):
            if module.__name__ not in cloudpickle.list_registry_pickle_by_value():
                cloudpickle.register_pickle_by_value(module)
                stack.callback(cloudpickle.unregister_pickle_by_value, module)
        yield


def _find_local_modules(module: ModuleType | None) -> list[ModuleType]:
    """Return a module and those that it refers to, directly or by others, as far as they are not installed."""
    found: dict[str, ModuleType] = {}
    waiting = [module] if module is not None else []
    while waiting:
        current = waiting.pop()
        if current.__name__ in found or not _is_local(current):
            continue
        found[current.__name__] = current
        for value in list(vars(current).values()):
            if (other := _find_module(value)) is not None:
                waiting.append(other)
    found.pop("__main__", None)  # packed by value anyway
    return list(found.values())


def _find_module(value: Any) -> ModuleType | None:
    """Return the module that a global of a module is, or comes from."""
    if isinstance(value, ModuleType):
        return value if type(value) is ModuleType else None  # a module that is bound lazily is not imported for this
    if not isinstance(value, (type, FunctionType)):
        value = getattr(value, "__dict__", {}).get("fn") if isinstance(value, Callable) else None
    name = getattr(value, "__module__", None)
    return sys.modules.get(name) if isinstance(name, str) else None


_INSTALLED = tuple({os.path.realpath(sysconfig.get_path(name)) + os.sep for name in ("stdlib", "purelib", "platlib")})
_OWN_PACKAGES = ("prefect", "prefect_aws", "prefect_dask", "prefect_docker", "prefect_email", "prefect_kubernetes")


def _is_local(module: ModuleType) -> bool:
    file = cast("str | None", getattr(module, "__file__", None))
    if file is None or module.__name__.partition(".")[0] in (*_OWN_PACKAGES, "prefect_ray"):
        return False
    return not os.path.realpath(file).startswith(_INSTALLED)
