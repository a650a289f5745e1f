"""Calls of webhooks: the values of a block as a request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from prefect.notifications import requests
from prefect.notifications.requests import Request
from prefect.values import templates

if TYPE_CHECKING:
    import httpx

USER_AGENT = "Prefect Notifications"

_TEMPLATES = ("url", "params", "json_data", "form_data", "headers", "cookies")
"""The values of a custom webhook that may have placeholders."""


async def call_webhook(
    data: Mapping[str, Any], payload: dict[str, Any] | str | None = None, client: httpx.AsyncClient | None = None
) -> httpx.Response:
    """Call the webhook of a `webhook` block and return the response, also one with an error status.

    Args:
        data: The values of the block, its secrets in plain text.
        payload: The body: JSON if it is a dict.
        client: A client that keeps connections, of `requests.create_client`.

    Raises:
        ValueError: The host is in a private network, and the block does not allow that.
        httpx.TransportError: There is no answer.
    """
    options: dict[str, Any] = {"headers": data.get("headers") or {}}
    if payload is not None:
        options["json" if isinstance(payload, dict) else "content"] = payload
    request = Request(
        method=data.get("method") or "POST",
        url=data["url"],
        options=options,
        verify=data.get("verify", True),
        allow_private_urls=data.get("allow_private_urls", True),
    )
    return await requests.send(request, client)


def check_custom_webhook(data: Mapping[str, Any]) -> None:
    """Check the values of a `custom-webhook` block.

    Raises:
        ValueError: It has both form data and JSON data.
        KeyError: A placeholder has no value.
    """
    if data.get("form_data") and data.get("json_data"):
        raise ValueError(
            f"both `Form Data` and `JSON Data` provided: the custom webhook {data['name']!r} can send one."
        )
    known = {"subject", "body", "name", *(data.get("secrets") or {})}
    for field in _TEMPLATES:
        for placeholder in templates.find_placeholders(data.get(field)):
            if placeholder.name not in known:
                raise KeyError(
                    f"{field} of the custom webhook {data['name']!r} has the placeholder {placeholder.full_match}, "
                    "for which there is no value: it must be subject, body, name or one of the secrets."
                )


def build_custom_request(data: Mapping[str, Any], body: str, subject: str | None) -> Request:
    """Return the request of a `custom-webhook` block for a notification.

    Raises:
        ValueError, KeyError: As in `check_custom_webhook`.
    """
    check_custom_webhook(data)
    values = {**(data.get("secrets") or {}), "subject": subject or "", "body": body, "name": data["name"]}
    filled = templates.apply_values({name: data.get(name) for name in _TEMPLATES}, values)
    assert isinstance(filled, dict)
    options = {
        "params": filled["params"],
        "headers": {"User-Agent": USER_AGENT, **(filled["headers"] or {})},
        "json": filled["json_data"],
        "content" if isinstance(filled["form_data"], str) else "data": filled["form_data"],
    }
    return Request(
        method=data.get("method") or "POST",
        url=filled["url"],
        options={name: value for name, value in options.items() if value is not None},
        cookies=filled["cookies"],
        timeout_seconds=data.get("timeout") or requests.TIMEOUT_SECONDS,
        allow_private_urls=data.get("allow_private_urls", True),
    )
