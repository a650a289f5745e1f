"""Asking the API, with every answer held to the schema that its operation declares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args
from uuid import UUID

import httpx
from pydantic import BaseModel, RootModel, TypeAdapter

from prefect.server.routes import find_operation

UNKNOWN_ID = "00000000-0000-0000-0000-000000000000"
"""An id that nothing has."""


async def call_route(
    api: httpx.AsyncClient,
    method: str,
    route: str,
    body: Any = None,
    status: int = 200,
    query: Mapping[str, Any] | None = None,
    **fields: Any,
) -> Any:
    """Ask for an operation and return its answer.

    Args:
        api: A client of the API.
        method: Its HTTP method.
        route: Its path as it is declared, for instance `"/variables/{id}"`.
        body: What to send.
        status: The status that must come.
        query: The fields of its query.
        fields: The fields of its path.
    """
    response = await api.request(method, route.format(**fields), json=body, params=query)
    assert response.status_code == status, f"{method} {route} {body}: {response.status_code} {response.text}"
    if status == 204:
        assert not response.content
        return None
    answer = response.json()
    if status < 300:
        declared = find_operation(method, route).response_type
        TypeAdapter(declared).validate_json(response.content)
        assert_complete(declared, answer)
    return answer


def assert_complete(declared: Any, answer: Any) -> None:
    """Assert that an answer has each field that its schema declares, and no other."""
    if isinstance(answer, list):
        for item in answer:
            assert_complete((get_args(declared) or (Any,))[0], item)
    elif isinstance(answer, dict) and isinstance(declared, type) and issubclass(declared, BaseModel):
        if issubclass(declared, RootModel):
            return
        assert set(answer) == {field.alias or name for name, field in declared.model_fields.items()}
        for name, field in declared.model_fields.items():
            assert_complete(_model(field.annotation), answer[name])


def _model(annotation: Any) -> Any:
    """The model in an annotation such as `Model | None`, or the annotation of a list of them."""
    kinds = [kind for kind in get_args(annotation) if isinstance(kind, type) and issubclass(kind, BaseModel)]
    return kinds[0] if len(kinds) == 1 and not _is_list(annotation) else annotation


def _is_list(annotation: Any) -> bool:
    return getattr(annotation, "__origin__", None) is list


async def find_events(api: httpx.AsyncClient, *names: str) -> list[dict[str, Any]]:
    """The events of these names, oldest first."""
    criteria = {"event": {"name": list(names)}, "order": "ASC"}
    return (await call_route(api, "POST", "/events/filter", {"filter": criteria, "limit": 50}))["events"]


def is_id(value: str) -> bool:
    """Whether a text is an id; raises ValueError when it is not."""
    return bool(UUID(value))
