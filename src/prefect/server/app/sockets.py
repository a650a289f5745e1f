"""The websockets of a server: their paths and permissions, and the handshake that they have in common.

A client that uses the subprotocol `prefect` sends its token in its first message. A client without the subprotocol
has no token.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from starlette.routing import BaseRoute, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from prefect.server.app.authentication import TOKEN, authenticate
from prefect.server.principals import Permission
from prefect.server.services.core.errors import Forbidden
from prefect.server.services.security.authorization import check_permission
from prefect.types import json_codec

if TYPE_CHECKING:
    from prefect.server.app.state import ServerState

SUBPROTOCOL = "prefect"

AUTH_TIMEOUT_SECONDS = 30.0
"""How long a client has to send its token."""

POLICY_VIOLATION = 1008
"""The close code for a caller that is not authenticated or has no permission."""

MAX_REASON_BYTES = 123
"""The longest reason that a close frame can carry."""

Handler = Callable[["ServerState", WebSocket], Awaitable[None]]
"""Serves a websocket whose handshake is done."""


@dataclass(frozen=True)
class Stream:
    """One websocket of the API.

    Attributes:
        path: Its path below the API.
        handler: What serves it: a module of `app.streams` and its function.
        requires: The permission that its caller must have.
        refusal_reason: The one reason with which it refuses a caller, and which requires the subprotocol; None for a
            reason that names the error.
    """

    path: str
    handler: str
    requires: Permission
    refusal_reason: str | None = None


STREAMS = (
    Stream("/events/in", "events:receive_events", Permission.WORK),
    Stream("/events/out", "events:send_events", Permission.READ),
    Stream("/logs/out", "logs:send_logs", Permission.READ),
    Stream("/task_runs/subscriptions/scheduled", "task_runs:send_scheduled_task_runs", Permission.WORK),
    Stream(
        "/work_pools/{work_pool_name}/workers/connect",
        "worker_channel:serve_worker",
        Permission.WORK,
        refusal_reason="authentication_failed",
    ),
)


def websocket_routes(server: ServerState) -> list[BaseRoute]:
    """Return the routes of a server's websockets."""
    return [WebSocketRoute(stream.path, _endpoint(server, stream)) for stream in STREAMS]


def _endpoint(server: ServerState, stream: Stream) -> Callable[[WebSocket], Awaitable[None]]:
    module, _, function = stream.handler.partition(":")
    handler: Handler = getattr(import_module(f"prefect.server.app.streams.{module}"), function)

    async def serve(socket: WebSocket) -> None:
        try:
            if await accept(server, socket, stream):
                await handler(server, socket)
        except WebSocketDisconnect:
            pass

    return serve


async def accept(server: ServerState, socket: WebSocket, stream: Stream) -> bool:
    """Accept a websocket whose caller is authenticated and has the stream's permission; close any other.

    Returns:
        Whether it was accepted.
    """
    if SUBPROTOCOL not in socket.scope.get("subprotocols", ()):
        if stream.refusal_reason or await _refusal(server, socket, stream) is not None:
            await socket.close(POLICY_VIOLATION)
            return False
        await socket.accept()
        return True
    await socket.accept(SUBPROTOCOL)
    try:
        async with asyncio.timeout(AUTH_TIMEOUT_SECONDS):
            message = await receive_json(socket)
    except TimeoutError:
        message = None
    if isinstance(message, dict) and message.get("type") == "auth":
        socket.scope[TOKEN] = message.get("token")
        reason = await _refusal(server, socket, stream)
    else:
        reason = "Expected 'auth' message"
    if reason is not None:
        await socket.close(POLICY_VIOLATION, truncate_reason(stream.refusal_reason or reason))
        return False
    await socket.send_text('{"type":"auth_success"}')
    return True


async def _refusal(server: ServerState, socket: WebSocket, stream: Stream) -> str | None:
    """Return why a caller is refused, or None; set the principal of the websocket's scope."""
    principal = await authenticate(socket.scope, server.authenticators)
    if principal is None:
        return "Invalid token" if socket.scope.get(TOKEN) else "Auth required but no token provided"
    try:
        check_permission(principal, stream.requires, stream.path)
    except Forbidden as error:
        return str(error)
    socket.scope["principal"] = principal
    return None


def truncate_reason(reason: str) -> str:
    """Return as much of a reason as a close frame can carry."""
    return reason.encode()[:MAX_REASON_BYTES].decode("utf-8", "ignore")


async def receive_json(socket: WebSocket) -> Any:
    """Return the next message as JSON, or None when it is not JSON."""
    try:
        return json_codec.loads_foreign((await socket.receive_text()).encode())
    except (json_codec.JSONDecodeError, KeyError):
        return None
