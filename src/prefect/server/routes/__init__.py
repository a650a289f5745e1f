"""The operations of the REST API: each is declared once, parses its request, calls one service and returns.

An `Operation` knows nothing of HTTP's machinery: `server.app` builds a FastAPI route of it, and `server.local` calls it
in this process. `core` has what all of them are made with; the other packages hold the operations, by domain. `MODULES`
maps the first words of a path to a module, so that a program which needs one operation imports one module.
"""

from __future__ import annotations

import importlib
from functools import cache
from typing import TYPE_CHECKING, Any

from prefect._lazy import lazy
from prefect.server.routes.core.operation import Operation, Routes
from prefect.server.services.core.errors import NotFound

if TYPE_CHECKING:
    from starlette import routing
else:
    routing = lazy("starlette.routing")

MODULES = {
    "flows": "runs.flows",
    "flow_runs": "runs.flow_runs",
    "flow_run_states": "runs.run_states",
    "task_runs": "runs.task_runs",
    "task_run_states": "runs.run_states",
    "observed-states": "runs.observed_states",
    "task_workers": "runs.task_workers",
    "deployments": "work.deployments",
    "work_pools": "work.work_pools",
    "work_queues": "work.work_queues",
    "logs": "runs.logs",
    "events": "events.events",
    "ui": "ui.counts",
    "artifacts": "catalog.artifacts",
    "variables": "catalog.variables",
    "saved_searches": "catalog.saved_searches",
    "concurrency_limits": "concurrency.tag_limits",
    "v2": "concurrency.global_limits",
    "csrf-token": "system.csrf",
    "admin": "system.admin",
    "block_types": "catalog.block_types",
    "block_schemas": "catalog.block_schemas",
    "block_documents": "catalog.block_documents",
    "block_capabilities": "catalog.block_capabilities",
    "collections": "catalog.collections",
    "automations": "events.automations",
    "templates": "events.automations",
    "ui/schemas": "ui.schemas",
    "ui/pages": "ui.pages",
    "ui/forms": "ui.forms",
    "ui/bulk": "ui.bulk",
    "ui/assets": "ui.assets",
    "journal": "runs.journal",
    "health": "system.root",
    "hello": "system.root",
    "ready": "system.root",
    "version": "system.root",
}
"""The module of the operations, by the first word of their paths, or the first two."""


def load_routes(prefix: str) -> Routes:
    """Import and return the operations whose paths begin with a key of `MODULES`.

    Raises:
        LookupError: No path begins so.
    """
    return importlib.import_module(f"{__name__}.{MODULES[prefix]}").routes


@cache
def list_operations() -> tuple[Operation, ...]:
    """Return all operations, in the order in which a request is matched with their paths."""
    modules = [load_routes(prefix) for prefix in MODULES]
    return tuple(operation for routes in dict.fromkeys(modules) for operation in routes)


def find_operation(method: str, route: str) -> Operation:
    """Return the operation of a method and a path as the API declares it, for instance `"/flow_runs/{id}"`.

    Raises:
        LookupError: There is none.
    """
    words = route.split("/")[1:3]
    two = "/".join(words)
    return load_routes(two if two in MODULES else words[0]).by_route[method, route]


def match_path(method: str, path: str) -> tuple[Operation, dict[str, Any]]:
    """Return the operation that answers a request, and the values in its path.

    Args:
        method: The HTTP method.
        path: The path below the API, with or without a slash at its end.

    Raises:
        NotFound: There is no such operation.
    """
    words = path.split("/")[1:3]
    two = "/".join(words)
    try:
        operations = load_routes(two if two in MODULES else words[0])
    except LookupError:
        operations = ()
    for candidate in (path, path.removesuffix("/") if path.endswith("/") else f"{path}/"):
        for operation in operations:
            if operation.method == method and (values := _match(operation.path, candidate)) is not None:
                return operation, values
    raise NotFound("operation", f"{method} {path}")


def _match(template: str, path: str) -> dict[str, Any] | None:
    pattern, _, convertors = _compile(template)
    matched = pattern.match(path)
    if matched is None:
        return None
    return {name: convertors[name].convert(value) for name, value in matched.groupdict().items()}


@cache
def _compile(template: str) -> Any:
    return routing.compile_path(template)
