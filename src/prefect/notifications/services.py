"""Services of apprise, built from the values of notification blocks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from prefect.notifications import hosts

Data = Mapping[str, Any]
"""The values of a block, its secrets in plain text."""

Service = str | dict[str, Any]
"""A service as `apprise.Apprise.add` takes it: a URL, or the arguments of its plugin by name with its `schema`."""


def describe_service(slug: str, data: Data) -> Service:
    """Return the service of a notification block.

    Args:
        slug: The slug of the block's type, or of the type that it derives from.
        data: The values of the block.

    Raises:
        ValueError: There is no such type, or the URL leads into a private network and the block does not allow that.
    """
    if slug not in _SERVICES:
        raise ValueError(f"A block of the type {slug!r} sends no notifications.")
    service = _SERVICES[slug](data)
    if isinstance(service, dict):
        return {name: value for name, value in service.items() if value is not None}
    if not data.get("allow_private_urls", True):
        hosts.resolve_public(service)
    return service


def _use_url(data: Data) -> Service:
    return data["url"]


def _use_teams_url(data: Data) -> Service:
    options = {name: data.get(name, True) for name in ("include_image", "wrap")}
    if all(options.values()):
        return data["url"]
    separator = "&" if "?" in data["url"] else "?"
    names = {"include_image": "image", "wrap": "wrap"}
    chosen = "&".join(f"{names[name]}={'yes' if value else 'no'}" for name, value in options.items())
    return f"{data['url']}{separator}{chosen}"


def _use_pager_duty(data: Data) -> Service:
    return {
        "schema": "pagerduty",
        "apikey": data["api_key"],
        "integrationkey": data["integration_key"],
        "source": data.get("source", "Prefect"),
        "component": data.get("component", "Notification"),
        "group": data.get("group"),
        "class_id": data.get("class_id"),
        "include_image": data.get("include_image", True),
        "click": data.get("clickable_url"),
        "region_name": data.get("region_name", "us"),
        "details": data.get("custom_details"),
    }


def _use_twilio(data: Data) -> Service:
    return {
        "schema": "twilio",
        "account_sid": data["account_sid"],
        "auth_token": data["auth_token"],
        "source": data["from_phone_number"],
        "targets": data["to_phone_numbers"],
    }


def _use_opsgenie(data: Data) -> Service:
    return {
        "schema": "opsgenie",
        "apikey": data["apikey"],
        "targets": [*_iterate_opsgenie_targets(data)],
        "region_name": data.get("region_name", "us"),
        "batch": data.get("batch", False),
        "tags": data.get("tags"),
        "priority": data.get("priority", 3),
        "alias": data.get("alias"),
        "entity": data.get("entity"),
        "details": data.get("details"),
    }


def _iterate_opsgenie_targets(data: Data) -> Iterator[str]:
    for kind, sign in (("user", "@"), ("team", "#"), ("schedule", "*"), ("escalation", "^")):
        for target in data.get(f"target_{kind}") or ():
            yield f"{sign}{target}"


def _use_mattermost(data: Data) -> Service:
    return {
        "schema": "mmosts" if data.get("secure") else "mmost",
        "secure": data.get("secure", False),
        "host": data["hostname"],
        "port": data.get("port", 8065),
        "token": data["token"],
        "fullpath": f"/{data['path'].strip('/')}/" if data.get("path") else None,
        "targets": data.get("channels"),
        "user": data.get("botname"),
        "include_image": data.get("include_image", False),
    }


def _use_discord(data: Data) -> Service:
    return {
        "schema": "discord",
        "webhook_id": data["webhook_id"],
        "webhook_token": data["webhook_token"],
        "user": data.get("botname"),
        "tts": data.get("tts", False),
        "include_image": data.get("include_image", False),
        "avatar": data.get("avatar", False),
        "avatar_url": data.get("avatar_url"),
    }


def _use_sendgrid(data: Data) -> Service:
    return {
        "schema": "sendgrid",
        "apikey": data["api_key"],
        "from_email": data["sender_email"],
        "targets": data["to_emails"],
    }


_SERVICES: dict[str, Callable[[Data], Service]] = {
    "apprisenotificationblock": _use_url,
    "slack-webhook": _use_url,
    "ms-teams-webhook": _use_teams_url,
    "pager-duty-webhook": _use_pager_duty,
    "twilio-sms": _use_twilio,
    "opsgenie-webhook": _use_opsgenie,
    "mattermost-webhook": _use_mattermost,
    "discord-webhook": _use_discord,
    "sendgrid-email": _use_sendgrid,
}
"""The functions that describe the service of a notification block, by the slug of its type."""
