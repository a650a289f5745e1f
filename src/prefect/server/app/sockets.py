"""Websockets: what all of them begin with, and the list of them.

Before the first message of its own, a client shows its token (subprotocol `prefect`); without that protocol it is let
in only where nobody is asked for a token.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Awaitable, Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any

import orjson
from starlette.routing import BaseRoute, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

if TYPE_CHECKING:
    from prefect.server.app import Server

SUBPROTOCOL = "prefect"

AUTH_TIMEOUT_SECONDS = 30.0
"""Seconds that a client has to show its token."""

POLICY_VIOLATION = 1008
"""The code of a connection that is closed because of who asks."""

Stream = Callable[["Server", WebSocket], Awaitable[None]]
"""What serves a websocket that has been let in."""


def routes(server: Server) -> list[BaseRoute]:
    """The websockets of a server."""
    return [WebSocketRoute(path, _served(server, _stream(name), STRICT.get(path))) for path, name in STREAMS.items()]


STREAMS = {
    "/events/in": "events:receive_events",
    "/events/out": "events:send_events",
    "/logs/out": "logs:send_logs",
    "/task_runs/subscriptions/scheduled": "task_runs:send_scheduled_task_runs",
    "/work_pools/{work_pool_name}/workers/connect": "worker_channel:serve_worker",
}
"""Each websocket's path, and what serves it: a module of `app.streams`, and its function."""

STRICT = {"/work_pools/{work_pool_name}/workers/connect": "authentication_failed"}
"""The paths that are for clients with the protocol only, and the reason by which their clients know a refusal."""


def _stream(name: str) -> Stream:
    module, _, function = name.partition(":")
    return getattr(import_module(f"prefect.server.app.streams.{module}"), function)


def _served(server: Server, stream: Stream, strict: str | None) -> Callable[[WebSocket], Awaitable[None]]:
    async def serve(socket: WebSocket) -> None:
        try:
            if await authenticate(socket, _expected(server), strict):
                await stream(server, socket)
        except WebSocketDisconnect:
            pass

    return serve


def _expected(server: Server) -> str | None:
    secret = server.settings.server.api.auth_string
    return secret.get_secret_value() if secret else None


async def authenticate(socket: WebSocket, expected: str | None, strict: str | None = None) -> bool:
    """Accept a websocket if its client may come in; otherwise it is closed.

    Args:
        socket: The websocket, not yet accepted.
        expected: The token that a client must show, or None when nobody is asked.
        strict: The protocol must be used, and this is the reason of every refusal.
    """
    if SUBPROTOCOL not in socket.scope.get("subprotocols", ()):
        if expected is not None or strict:
            await socket.close(POLICY_VIOLATION)
            return False
        await socket.accept()
        return True
    await socket.accept(SUBPROTOCOL)
    try:
        async with asyncio.timeout(AUTH_TIMEOUT_SECONDS):
            shown = await receive_json(socket)
    except TimeoutError:
        shown = None
    reason = _refusal(shown, expected)
    if reason is not None:
        await socket.close(POLICY_VIOLATION, strict or reason)
        return False
    await socket.send_text('{"type":"auth_success"}')
    return True


def _refusal(message: Any, expected: str | None) -> str | None:
    if not isinstance(message, dict) or message.get("type") != "auth":
        return "Expected 'auth' message"
    if expected is None:
        return None
    token = message.get("token")
    if not token:
        return "Auth required but no token provided"
    if not isinstance(token, str) or not hmac.compare_digest(token.encode(), expected.encode()):
        return "Invalid token"
    return None


async def receive_json(socket: WebSocket) -> Any:
    """The next message as JSON; None when it is none."""
    try:
        return orjson.loads(await socket.receive_text())
    except (orjson.JSONDecodeError, KeyError):
        return None
