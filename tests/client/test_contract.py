"""The client's methods are those of the interface, and the operations they ask for are the API's."""

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

OURS = {
    # What the interface says the async client returns is the id of nothing; the sync one's is right.
    "apply_slas_for_deployment": "SlaMergeResponse",
}
"""What a method returns where it is not what the interface says."""


@pytest.mark.parametrize("kind", [PrefectClient, SyncPrefectClient])
def test_every_method_is_there(kind: type) -> None:
    assert set(METHODS) - set(dir(kind)) == set()


@pytest.mark.parametrize("name", METHODS)
def test_a_method_is_called_as_in_the_interface(name: str) -> None:
    arguments, result = split(METHODS[name])
    for kind in (PrefectClient, SyncPrefectClient):
        ours = inspect.signature(getattr(kind, name))
        assert ", ".join(written(ours)) == arguments
        assert plain(ours.return_annotation) == OURS.get(name, plain(result))


def test_only_the_async_client_s_methods_are_awaited() -> None:
    # One is a plain function that returns an awaitable in the interface, which makes no difference to who awaits it.
    assert all(
        inspect.iscoroutinefunction(getattr(PrefectClient, name)) for name in METHODS if name != "client_version"
    )
    assert not any(inspect.iscoroutinefunction(getattr(SyncPrefectClient, name)) for name in METHODS)


def test_both_clients_are_made_in_the_same_way() -> None:
    for kind in (PrefectClient, SyncPrefectClient):
        ours = list(inspect.signature(kind).parameters)
        assert ours == ["api", "auth_string", "api_key", "api_version", "httpx_settings", "server_type"]
    assert list(inspect.signature(get_client).parameters) == ["httpx_settings", "sync_client"]


def test_every_operation_asked_for_is_one_of_the_api() -> None:
    asked = set(operations_in(Path(prefect.client.orchestration.__file__).parent))
    assert len(asked) > 100
    assert asked - OPERATIONS == ONLY_IN_THE_CLOUD


NAMES = json.loads((DATA / "names.json").read_text())

COUNTERS = {
    "prefect.events.clients": {
        *("EVENTS_EMITTED", "EVENTS_OBSERVED", "EVENT_WEBSOCKET_CHECKPOINTS", "EVENT_WEBSOCKET_CONNECTIONS"),
    },
    "prefect.logging.clients": {"LOGS_OBSERVED", "LOG_WEBSOCKET_CONNECTIONS"},
}
"""Metrics that a client's process would serve, and does not."""


@pytest.mark.parametrize("module", NAMES)
def test_every_name_can_be_imported_and_is_listed(module: str) -> None:
    found = importlib.import_module(module)
    wanted = set(NAMES[module]) - COUNTERS.get(module, set())
    assert {name for name in wanted if not hasattr(found, name)} == set()
    assert wanted - set(dir(found)) == set()


def operations_in(folder: Path) -> Iterator[str]:
    """The operations that the source names, as `METHOD route`."""
    for path in folder.glob("*.py"):
        text = path.read_text()
        route = ""
        for found in re.finditer(r'route = "(/[^"]+)"|"(GET|POST|PUT|PATCH|DELETE)",\s*(?:"(/[^"]+)"|route)', text):
            if found[1]:
                route = found[1]
            else:
                yield f"{found[2]} {found[3] or route}"


def split(signature: str) -> tuple[str, str]:
    """The parameters of a signature as names with defaults, and what it returns."""
    arguments, _, result = signature.rpartition(" -> ")
    parts: list[str] = []
    depth, start = 0, 1
    for place, sign in enumerate(arguments):
        depth += (sign in "([") - (sign in ")]")
        if (sign == "," and depth == 1) or depth == 0:
            parts.append(arguments[start:place].strip())
            start = place + 1
    return ", ".join(re.sub(r":.*?(?= = |$)", "", part, flags=re.DOTALL) for part in parts if part), result


def written(signature: inspect.Signature) -> Iterator[str]:
    """Our parameters in the same way."""
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


def plain(annotation: Any) -> str:
    """What is returned, without the modules that its names come from and what a generic class holds."""
    bare = re.sub(r"\b[a-z_]+\.", "", str(annotation))
    return re.sub(r"(State|OrchestrationResult)\[\w+\]", r"\1", bare)
