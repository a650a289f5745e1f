"""The methods of the clients match the interface, and they request only operations of the API."""

import importlib
import inspect
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import prefect.client.orchestration
from prefect.client.orchestration import PrefectClient, SyncPrefectClient, get_client

DATA = Path(__file__).parent / "data"
METHODS = json.loads((DATA / "methods.json").read_text())["methods"]
OPERATIONS = set(json.loads((DATA / "operations.json").read_text()))

ONLY_IN_THE_CLOUD = {"POST /deployments/{id}/branch", "POST /slas/apply-resource-slas/{resource_id}"}

DEVIATING_RESULTS = {
    # The interface declares a UUID for the async client, which is wrong; the sync client has the right type.
    "apply_slas_for_deployment": "SlaMergeResponse",
}
"""Methods whose result type deviates from the interface."""


@pytest.mark.parametrize("kind", [PrefectClient, SyncPrefectClient])
def test_client_has_every_method(kind: type) -> None:
    assert set(METHODS) - set(dir(kind)) == set()


@pytest.mark.parametrize("name", METHODS)
def test_method_signature_matches_the_interface(name: str) -> None:
    arguments, result = split_signature(METHODS[name])
    for kind in (PrefectClient, SyncPrefectClient):
        actual = inspect.signature(getattr(kind, name))
        assert ", ".join(format_parameters(actual)) == arguments
        assert simplify_type(actual.return_annotation) == DEVIATING_RESULTS.get(name, simplify_type(result))


def test_only_methods_of_the_async_client_are_coroutines() -> None:
    # One is a plain function that returns an awaitable in the interface, which makes no difference to callers.
    assert all(
        inspect.iscoroutinefunction(getattr(PrefectClient, name)) for name in METHODS if name != "client_version"
    )
    assert not any(inspect.iscoroutinefunction(getattr(SyncPrefectClient, name)) for name in METHODS)


def test_clients_have_the_same_constructor() -> None:
    for kind in (PrefectClient, SyncPrefectClient):
        actual = list(inspect.signature(kind).parameters)
        assert actual == ["api", "auth_string", "api_key", "api_version", "httpx_settings", "server_type"]
    assert list(inspect.signature(get_client).parameters) == ["httpx_settings", "sync_client"]


def test_client_requests_only_operations_of_the_api() -> None:
    requested = set(find_operations(Path(prefect.client.orchestration.__file__).parent))
    assert len(requested) > 100
    assert requested - OPERATIONS == ONLY_IN_THE_CLOUD


NAMES = json.loads((DATA / "names.json").read_text())

COUNTERS = {
    "prefect.events.clients": {
        *("EVENTS_EMITTED", "EVENTS_OBSERVED", "EVENT_WEBSOCKET_CHECKPOINTS", "EVENT_WEBSOCKET_CONNECTIONS"),
    },
    "prefect.logging.clients": {"LOGS_OBSERVED", "LOG_WEBSOCKET_CONNECTIONS"},
}
"""Metrics of the interface that the client does not have."""


@pytest.mark.parametrize("module", NAMES)
def test_module_exports_every_name(module: str) -> None:
    found = importlib.import_module(module)
    wanted = set(NAMES[module]) - COUNTERS.get(module, set())
    assert {name for name in wanted if not hasattr(found, name)} == set()
    assert wanted - set(dir(found)) == set()


def find_operations(folder: Path) -> Iterator[str]:
    """Yield the operations in the source files, as `METHOD route`."""
    for path in folder.glob("*.py"):
        text = path.read_text()
        route = ""
        for found in re.finditer(r'route = "(/[^"]+)"|"(GET|POST|PUT|PATCH|DELETE)",\s*(?:"(/[^"]+)"|route)', text):
            if found[1]:
                route = found[1]
            else:
                yield f"{found[2]} {found[3] or route}"


def split_signature(signature: str) -> tuple[str, str]:
    """Return the parameters of a written signature as names with defaults, and its result type."""
    arguments, _, result = signature.rpartition(" -> ")
    parts: list[str] = []
    depth, start = 0, 1
    for place, sign in enumerate(arguments):
        depth += (sign in "([") - (sign in ")]")
        if (sign == "," and depth == 1) or depth == 0:
            parts.append(arguments[start:place].strip())
            start = place + 1
    return ", ".join(re.sub(r":.*?(?= = |$)", "", part, flags=re.DOTALL) for part in parts if part), result


def format_parameters(signature: inspect.Signature) -> Iterator[str]:
    """Yield the parameters of a signature as names with defaults."""
    parameters: list[Any] = list(signature.parameters.values())[1:]
    starred = False
    for one in parameters:
        if one.kind is one.KEYWORD_ONLY and not starred:
            starred = True
            yield "*"
        if one.kind is one.VAR_KEYWORD:
            yield f"**{one.name}"
        elif one.default is one.empty:
            yield one.name
        else:
            yield f"{one.name} = {one.default!r}"


def simplify_type(annotation: Any) -> str:
    """Return an annotation without module names and type arguments."""
    bare = re.sub(r"\b[a-z_]+\.", "", str(annotation))
    return re.sub(r"(State|OrchestrationResult)\[\w+\]", r"\1", bare)
