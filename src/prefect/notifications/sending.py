"""Send a notification, as a block of some type says."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from prefect import _io
from prefect._lazy import lazy_modules
from prefect.notifications import hosts, requests, services, webhooks
from prefect.notifications.logs import capture_logs

if TYPE_CHECKING:
    import anyio
    import apprise
    import httpx
    from anyio import to_thread
else:
    anyio, apprise, httpx, to_thread = lazy_modules("anyio", "apprise", "httpx", "anyio.to_thread")

CUSTOM_WEBHOOK = "custom-webhook"
"""The slug of the block type that sends over HTTP; all others send through apprise."""


class NotificationError(Exception):
    """A notification could not be sent. `log` has what its service answered."""

    def __init__(self, log: str) -> None:
        self.log = log
        super().__init__(log)


async def send_notification(slug: str, data: Mapping[str, Any], body: str, subject: str | None = None) -> None:
    """Send a notification.

    Args:
        slug: The slug of the block's type.
        data: The values of the block, its secrets in plain text.
        body: The text.
        subject: The subject or title.

    Raises:
        NotificationError: The service cannot be reached, or did not accept it. The message has no secret.
        ValueError, KeyError: The values are not valid, the type sends no notifications, or the host is in a private
            network and the block does not allow that.
        ImportError: apprise is needed and not installed.
    """
    if slug != CUSTOM_WEBHOOK:
        await send_with_apprise(slug, data, body, subject)
        return
    try:
        await send_custom_webhook(data, body, subject)
    except httpx.HTTPStatusError as error:
        raise NotificationError(str(error)) from None
    except httpx.HTTPError as error:
        what = f"The custom webhook {data['name']!r} cannot be reached"
        raise NotificationError(f"{what}: {str(error) or type(error).__name__}.") from None


async def send_custom_webhook(data: Mapping[str, Any], body: str, subject: str | None) -> None:
    """Send a notification as a `custom-webhook` block says.

    Raises:
        httpx.HTTPStatusError: The answer is an error. Its message does not show the address, which may be secret.
        httpx.TransportError: There is no answer.
        ValueError, KeyError: As in `send_notification`.
    """
    request = webhooks.build_custom_request(data, body, subject)
    response = await requests.send(request)
    if not response.is_success:
        raise httpx.HTTPStatusError(
            f"The custom webhook {data['name']!r} at {hosts.hide_path(request.url)} answered "
            f"{response.status_code} {response.reason_phrase}".rstrip()
            + ".",
            request=response.request,
            response=response,
        )


async def send_with_apprise(slug: str, data: Mapping[str, Any], body: str, subject: str | None) -> None:
    """Send a notification through apprise.

    Raises:
        NotificationError, ValueError, ImportError: As in `send_notification`.
    """
    service = await _io.blocking(services.describe_service, slug, data)
    notify_type = data.get("notify_type") or "info"
    await _call_in_own_thread(functools.partial(_notify, slug, service, notify_type, body, subject))


async def _call_in_own_thread(fn: Callable[[], None]) -> None:
    """Call a function in a new thread, because a service that hangs must not occupy a shared pool."""
    if _io.is_driven():
        fn()
        return
    await to_thread.run_sync(fn, limiter=anyio.CapacityLimiter(1))


def _notify(slug: str, service: services.Service, notify_type: str, body: str, subject: str | None) -> None:
    try:
        asset = apprise.AppriseAsset(app_id=webhooks.USER_AGENT, app_desc=webhooks.USER_AGENT)
    except ModuleNotFoundError as error:
        if error.name != "apprise":
            raise
        raise ImportError(
            "Notifications need the package `apprise`: install it with `pip install 'pluperfect[notifications]'`."
        ) from None
    with capture_logs() as warnings:
        client = apprise.Apprise(asset=asset)
        if not client.add(service):
            # What apprise logged has the values, which may be secret.
            raise NotificationError(f"Apprise knows no service for the values of this {slug!r} block: check them.")
        if not client.notify(body=body, title=subject or "", notify_type=apprise.NotifyType(notify_type)):
            reason = "\n".join(warnings)
            raise NotificationError(reason or f"The service of the {slug!r} block did not accept the notification.")
