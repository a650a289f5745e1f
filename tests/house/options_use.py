"""Which options of public functions the tests use: keywords, arguments by position, and names in tables of options."""

from __future__ import annotations

import ast
import enum
import importlib
import inspect
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, RootModel

from prefect._lazy import exported_names

TESTS = Path(__file__).parents[1]
MODULES = [
    "prefect.artifacts",
    "prefect.automations",
    "prefect.blocks.core",
    "prefect.cache_policies",
    "prefect.events",
    "prefect.filesystems",
    "prefect.flow_engine",
    "prefect.flow_runs",
    "prefect.flows",
    "prefect.futures",
    "prefect.input",
    "prefect.locking.filesystem",
    "prefect.locking.memory",
    "prefect.logging",
    "prefect.results",
    "prefect.schedules",
    "prefect.serializers",
    "prefect.states",
    "prefect.task_engine",
    "prefect.task_runners",
    "prefect.tasks",
    "prefect.testing.utilities",
    "prefect.transactions",
]
_DATA_MODULES = ("artifacts", "automations", "events.schemas", "input", "results.record", "schemas")
_TRANSACTIONS = {"transaction", "atransaction", "Transaction", "AsyncTransaction"}
_POLICIES = {"configure", "CachePolicy", "CacheKeyFnPolicy", "Weekly"}
OTHER_NAMES: dict[str, set[str]] = {
    "Task": {"task", "with_options"},
    "Flow": {"flow", "with_options"},
    **dict.fromkeys(("BaseTransaction", "atransaction", *_TRANSACTIONS), _TRANSACTIONS),
    **dict.fromkeys(("CachePolicy", "CompoundCachePolicy", "FlowParameters", "RunId", "TaskSource"), _POLICIES),
    **dict.fromkeys(("CacheKeyFnPolicy", "Inputs"), _POLICIES),
}
"""Functions and classes that take the same options, by one of them."""


def find_data_models() -> list[type[BaseModel]]:
    """Return the public models that hold data and do nothing: `tests/schemas/test_fields.py` tries each field."""
    return [value for _, value in _iter_callables() if _is_data_model(value) and not inspect.isabstract(value)]


def _is_data_model(value: Any) -> bool:
    in_place = any(f"{value.__module__}.".startswith(f"prefect.{each}.") for each in _DATA_MODULES)
    is_model = isinstance(value, type) and issubclass(value, BaseModel) and not issubclass(value, RootModel)
    return is_model and in_place


def find_options() -> dict[str, list[str]]:
    """Return the options of each public function, class and method, by its full name: parameters with a default."""
    found: dict[str, list[str]] = {}
    for name, value in _iter_callables():
        if _is_data_model(value):
            continue
        try:
            parameters = inspect.signature(value).parameters.values()
        except (TypeError, ValueError):  # it is made by a decorator in C, or of a lazy name
            continue
        options = [p.name for p in parameters if p.default is not p.empty and not p.name.startswith("_")]
        if options:
            found[name] = options
    return found


def _find_names(model: type) -> dict[str, Any]:
    """Return the names that annotations of a model and of its bases may use."""
    return {
        name: found for base in reversed(model.__mro__) for name, found in vars(sys.modules[base.__module__]).items()
    }


def _iter_callables() -> Iterator[tuple[str, Any]]:
    seen: dict[int, Any] = {}  # several modules have the same functions; kept, so that no id is used again
    for module_name in MODULES:
        module = importlib.import_module(module_name)
        exported = exported_names(vars(module).get("_EXPORTS", {}))
        for name in vars(module).get("__all__") or sorted({*vars(module), *exported}):
            value = getattr(module, name, None)
            if name.startswith("_") or name == "exports" or id(value) in seen or not _is_own(value):
                continue
            seen[id(value)] = value
            if hasattr(value, "model_rebuild"):
                value.model_rebuild(_types_namespace=_find_names(value))  # until then its signature is not known
            yield f"{module_name}.{name}", value
            if isinstance(value, type):
                for method, member in vars(value).items():
                    if not method.startswith("_") and callable(member):
                        yield f"{module_name}.{name}.{method}", member


def _is_own(value: Any) -> bool:
    is_enumeration = isinstance(value, type) and issubclass(value, enum.Enum)
    return callable(value) and not is_enumeration and str(getattr(value, "__module__", "")).startswith("prefect")


def find_unused(options: dict[str, list[str]]) -> dict[str, list[str]]:
    """Return those options that no test passes, by the function's full name."""
    unused = {name: [option for option in known if not _is_passed(name, option)] for name, known in options.items()}
    return {name: left for name, left in unused.items() if left}


def _is_passed(name: str, option: str) -> bool:
    function = name.rpartition(".")[2]
    # `aread` and `read` are one function.
    names = {function, f"a{function}", function.removeprefix("a")} | OTHER_NAMES.get(function, set())
    keywords, by_position = _read_uses()
    return any((each, option) in keywords or option in by_position.get(each, ()) for each in names)


@cache
def _read_uses() -> tuple[set[tuple[str, str]], dict[str, set[str]]]:
    """Return the keywords passed to each name in the tests, and the options that are passed by position."""
    positions: dict[str, list[list[str]]] = {}
    for name, value in _iter_callables():
        try:
            parameters = [p for p in inspect.signature(value).parameters if p != "self"]
        except (TypeError, ValueError):
            continue
        positions.setdefault(name.rpartition(".")[2], []).append(parameters)
    keywords: set[tuple[str, str]] = set()
    by_position: dict[str, set[str]] = {}
    for path in TESTS.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = _last_name(node.func)
            keywords.update((name, each.arg) for each in node.keywords if each.arg)
            for parameters in positions.get(name, ()):
                by_position.setdefault(name, set()).update(parameters[: len(node.args)])
    return keywords, by_position


def _last_name(function: ast.expr) -> str:
    if isinstance(function, ast.Subscript):
        return _last_name(function.value)
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
