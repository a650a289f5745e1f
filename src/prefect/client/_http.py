"""httpx clients with retries, CSRF tokens, attribution headers and errors that show the server's answer.

What the async and the sync client add to httpx is written once, in `RetryingClientMixin`; each adds only its way to
send a request once. Import this module lazily: httpx is slow to import.
"""

from __future__ import annotations

import copy
import datetime
import email.utils
import logging
import os
from collections.abc import Awaitable, Callable
from typing import Any, Self
from uuid import UUID, uuid4

import orjson

from prefect import settings
from prefect._backoff import bounded_poisson_interval, clamped_poisson_interval
from prefect._io import drive, sleep
from prefect.client._httpx import httpx
from prefect.client.attribution import get_attribution_headers
from prefect.client.failures import RETRYABLE_STATUSES
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound, PrefectHTTPStatusError
from prefect.types import now

logger = logging.getLogger("prefect.client")

LOST_CONNECTION_ERRORS = (httpx.TimeoutException, httpx.NetworkError, httpx.RemoteProtocolError)
"""Errors of a connection whose server restarts, or that a proxy drops."""

MAX_RETRIES = "prefect.max_retries"
"""The extension of an httpx request that overrides the setting `client.max_retries`. A request that has it is not sent
again after a timeout: its sender has something better to do than to wait for a server that hangs."""

CSRF_METHODS = frozenset({"POST", "PUT", "PATCH", "DELETE"})
"""Methods for which a server with CSRF protection requires a token."""

servers_without_csrf: set[str] = set()
"""Servers known to need no token, so that not every new client requests one."""

SERVERS_WITHOUT_CSRF_VARIABLE = "PREFECT__SERVERS_WITHOUT_CSRF"
"""The environment variable by which a process passes them on to those that it starts."""


def adopt_servers_without_csrf() -> None:
    """Add the servers that the process which has started this one knows to need no token."""
    servers_without_csrf.update(os.environ.get(SERVERS_WITHOUT_CSRF_VARIABLE, "").split())


adopt_servers_without_csrf()


class HTTPObjectNotFound(ObjectNotFound, PrefectHTTPStatusError):
    """Status 404. It has both base classes because programs written for this interface catch either."""

    def __init__(self, error: httpx.HTTPStatusError) -> None:
        PrefectHTTPStatusError.__init__(self, str(error), request=error.request, response=error.response)
        self.http_exc = error
        self.help_message = None


class HTTPObjectAlreadyExists(ObjectAlreadyExists, PrefectHTTPStatusError):
    """Status 409; as `HTTPObjectNotFound`."""

    def __init__(self, error: httpx.HTTPStatusError) -> None:
        PrefectHTTPStatusError.__init__(self, str(error), request=error.request, response=error.response)
        self.http_exc = error


_ERRORS_BY_STATUS = {404: HTTPObjectNotFound, 409: HTTPObjectAlreadyExists}


def create_refusal_error(method: str, url: str, refusal: Any) -> Exception:
    """Return the error of a request that the local application refused, like the one over HTTP."""
    response = PrefectResponse(
        refusal.status,
        headers=refusal.headers,
        json={refusal.key: str(refusal)},
        request=httpx.Request(method, url),
    )
    try:
        response.raise_for_status()
    except PrefectHTTPStatusError as error:
        return error
    raise ValueError(f"{refusal.status} is not the status of a refusal.")


class PrefectResponse(httpx.Response):
    """A response whose error shows the server's answer."""

    def raise_for_status(self) -> httpx.Response:
        """Raise an error if the status is one.

        Raises:
            PrefectHTTPStatusError: The request failed. Status 404 also raises an `ObjectNotFound`, 409 an
                `ObjectAlreadyExists`.
        """
        try:
            return super().raise_for_status()
        except httpx.HTTPStatusError as plain:
            error = PrefectHTTPStatusError.from_httpx_error(plain)
        meaning = _ERRORS_BY_STATUS.get(self.status_code)
        raise meaning(error) if meaning else error

    @classmethod
    def from_httpx_response(cls, response: httpx.Response) -> Self:
        """Return the same response as an instance of this class."""
        made = copy.copy(response)
        made.__class__ = cls
        return made  # pyright: ignore[reportReturnType]


class RetryingClientMixin:
    """Retries, CSRF tokens and errors, for both clients.

    A request answered with 408, 429, 502, 503 or a code of the setting `client.retry_extra_codes` is sent again after
    the answer's `Retry-After`, or 2, 4, 8... seconds, at most `client.max_retries` times; during announced maintenance
    for as long as that lasts. So is one whose connection is lost, once the server has been reached.

    Attributes:
        before_request: Awaited before each request, if set.
    """

    before_request: Callable[[], Awaitable[None]] | None = None

    def __init__(
        self, *args: Any, enable_csrf_support: bool = False, raise_on_all_errors: bool = True, **kwargs: Any
    ) -> None:
        self.enable_csrf_support = enable_csrf_support
        self.raise_on_all_errors = raise_on_all_errors
        self.csrf_token: str | None = None
        self.csrf_token_expiration: datetime.datetime | None = None
        self.csrf_client_id: UUID = uuid4()
        self._client_settings = settings.get_current_settings().client
        self._was_reached = False
        super().__init__(*args, **kwargs)

    def _send_once(self, request: httpx.Request, *args: Any, **kwargs: Any) -> Awaitable[httpx.Response]:
        """Send a request once."""
        raise NotImplementedError

    async def _send(self, request: httpx.Request, *args: Any, **kwargs: Any) -> httpx.Response:
        if self.before_request is not None:
            await self.before_request()
        request.headers.update(get_attribution_headers())
        if request.method in CSRF_METHODS:
            await self._add_csrf_headers(request)
        response = PrefectResponse.from_httpx_response(await self._send_with_retries(request, *args, **kwargs))
        return response.raise_for_status() if self.raise_on_all_errors else response

    async def _send_with_retries(self, request: httpx.Request, *args: Any, **kwargs: Any) -> httpx.Response:
        client = self._client_settings
        statuses = RETRYABLE_STATUSES | client.retry_extra_codes
        max_retries = request.extensions.get(MAX_RETRIES, client.max_retries)
        retries = 0
        while True:
            try:
                response = await self._send_once(request, *args, **kwargs)
            except httpx.TransportError as error:
                hangs = MAX_RETRIES in request.extensions and isinstance(error, httpx.TimeoutException)
                lost = self._was_reached and isinstance(error, LOST_CONNECTION_ERRORS) and not hangs
                if not lost or retries >= max_retries:
                    raise _explain_transport_error(error, request) from None  # its message includes the cause
                reason, retry_after, maintenance = str(error) or type(error).__name__, None, False
            else:
                self._was_reached = True
                maintenance = response.headers.get("Prefect-Maintenance") == "true"
                forged = self._is_csrf_rejection(response)
                if not forged and response.status_code not in statuses:
                    return response
                if retries >= max_retries and not maintenance:
                    return response
                reason, retry_after = f"status {response.status_code}", parse_retry_after(response)
                if forged:
                    self.csrf_token, retry_after = None, 0.0
                    servers_without_csrf.discard(self._server_url)
                    await self._add_csrf_headers(request)
            # During maintenance the server counts, not the client.
            retries += not maintenance
            delay = compute_retry_delay(max(retries, 1), retry_after, client.retry_jitter_factor)
            logger.debug("%s %s: %s. Trying again in %.1f s.", request.method, request.url, reason, delay)
            await sleep(delay)

    @property
    def _httpx_client(self) -> Any:
        """This object, typed as one of httpx's clients."""
        return self

    # --- CSRF ---

    @property
    def _server_url(self) -> str:
        return str(self._httpx_client.base_url)

    def _is_csrf_rejection(self, response: httpx.Response) -> bool:
        return (
            response.status_code == 403
            and self.enable_csrf_support
            and response.is_stream_consumed
            and b"CSRF" in response.content
        )

    async def _add_csrf_headers(self, request: httpx.Request) -> None:
        if not self.enable_csrf_support or self._server_url in servers_without_csrf:
            return
        expires = self.csrf_token_expiration
        if self.csrf_token is None or (expires is not None and expires < now()):
            await self._get_csrf_token(request)
        if self.csrf_token is not None:
            request.headers["Prefect-Csrf-Token"] = self.csrf_token
            request.headers["Prefect-Csrf-Client"] = str(self.csrf_client_id)

    async def _get_csrf_token(self, request: httpx.Request) -> None:
        """Request a token, with the retries and the timeout of the request that needs it."""
        # Each token has a separate client id: concurrent requests must not invalidate each other's token.
        client = uuid4()
        token_request = self._httpx_client.build_request(
            "GET", "/csrf-token", params={"client": str(client)}, extensions=dict(request.extensions)
        )
        answer = PrefectResponse.from_httpx_response(await self._send_with_retries(token_request))
        if answer.status_code in (404, 422):
            servers_without_csrf.add(self._server_url)
            return
        answer.raise_for_status()
        token = orjson.loads(answer.content)
        self.csrf_client_id, self.csrf_token = client, token["token"]
        self.csrf_token_expiration = datetime.datetime.fromisoformat(token["expiration"])


def parse_retry_after(response: httpx.Response) -> float | None:
    """Return the seconds that a `Retry-After` header names, or None without a valid one."""
    value = response.headers.get("Retry-After")
    if value is None:
        return None
    try:
        return max(float(value), 0.0)
    except ValueError:
        pass
    try:
        until = email.utils.parsedate_to_datetime(value)
    except ValueError:
        return None
    if until.tzinfo is None:  # `-0000`, which means UTC
        until = until.replace(tzinfo=datetime.UTC)
    return max((until - now()).total_seconds(), 0.0)


def compute_retry_delay(attempt: int, retry_after: float | None, factor: float) -> float:
    """Return the seconds before the n-th retry: never fewer than `retry_after`, with jitter so that clients spread."""
    if factor <= 0:
        return 2.0**attempt if retry_after is None else retry_after
    if retry_after is None:
        return clamped_poisson_interval(2.0**attempt, factor)
    return bounded_poisson_interval(retry_after, retry_after * (1 + factor))


def _explain_transport_error(error: httpx.TransportError, request: httpx.Request) -> httpx.TransportError:
    """Return the same error with a message that names the server and what to check."""
    where = f"{request.url.scheme}://{request.url.netloc.decode()}"
    why = str(error) or type(error).__name__
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
        message = f"The API at {where} cannot be reached ({why}): is its server running, and is PREFECT_API_URL right?"
    else:
        message = f"The API at {where} did not answer {request.method} {request.url.path} ({why})."
    return type(error)(message, request=request)


class PrefectHttpxAsyncClient(RetryingClientMixin, httpx.AsyncClient):
    """httpx's async client with retries, CSRF tokens and errors that show the server's answer.

    Args:
        enable_csrf_support: Request a CSRF token and send it with every request that changes something.
        raise_on_all_errors: Raise an error for each response whose status is one.
        args: As for httpx's client.
        kwargs: As for httpx's client.
    """

    async def _send_once(self, request: httpx.Request, *args: Any, **kwargs: Any) -> httpx.Response:
        return await httpx.AsyncClient.send(self, request, *args, **kwargs)

    async def send(self, request: httpx.Request, *args: Any, **kwargs: Any) -> httpx.Response:
        """Send a request, with retries.

        Raises:
            PrefectHTTPStatusError: The response has an error status.
        """
        return await self._send(request, *args, **kwargs)


class PrefectHttpxSyncClient(RetryingClientMixin, httpx.Client):
    """httpx's sync client with retries; as `PrefectHttpxAsyncClient`."""

    async def _send_once(self, request: httpx.Request, *args: Any, **kwargs: Any) -> httpx.Response:
        return httpx.Client.send(self, request, *args, **kwargs)

    def send(self, request: httpx.Request, *args: Any, **kwargs: Any) -> httpx.Response:
        """Send a request, with retries.

        Raises:
            PrefectHTTPStatusError: The response has an error status.
        """
        return drive(self._send(request, *args, **kwargs))
