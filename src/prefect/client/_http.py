"""httpx's clients as this package uses them: they ask again, prove that they are no forgery, and say what went wrong.

What both add to httpx is written once, in `_Persistent`; each has only its own way to send a request once. This is
imported when a server is talked to, because httpx is slow to import.
"""

from __future__ import annotations

import copy
import datetime
import email.utils
import logging
from collections.abc import Awaitable
from typing import Any, Self
from uuid import UUID, uuid4

import orjson

from prefect import settings
from prefect._backoff import bounded_poisson_interval, clamped_poisson_interval
from prefect._io import drive, sleep
from prefect.client._httpx import httpx
from prefect.client.attribution import get_attribution_headers
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound, PrefectHTTPStatusError
from prefect.types import now

logger = logging.getLogger("prefect.client")

RETRIED_CODES = frozenset({408, 429, 502, 503})
"""Status codes after which the same request may succeed a moment later."""

LOST = (httpx.TimeoutException, httpx.NetworkError, httpx.RemoteProtocolError)
"""What happens to a connection when a server restarts, or something between it and here gives up."""

CHANGING = frozenset({"POST", "PUT", "PATCH", "DELETE"})
"""The methods that a server with CSRF protection wants a token for."""


without_tokens: set[str] = set()
"""The servers of which this process knows that they want no token, so that not every new client asks for one."""


class HTTPObjectNotFound(ObjectNotFound, PrefectHTTPStatusError):
    """Status 404. It is both errors, because programs written for this interface catch either."""

    def __init__(self, error: httpx.HTTPStatusError) -> None:
        PrefectHTTPStatusError.__init__(self, str(error), request=error.request, response=error.response)
        self.http_exc = error
        self.help_message = None


class HTTPObjectAlreadyExists(ObjectAlreadyExists, PrefectHTTPStatusError):
    """Status 409. It is both errors, as `HTTPObjectNotFound` is."""

    def __init__(self, error: httpx.HTTPStatusError) -> None:
        PrefectHTTPStatusError.__init__(self, str(error), request=error.request, response=error.response)
        self.http_exc = error


_MEANINGS = {404: HTTPObjectNotFound, 409: HTTPObjectAlreadyExists}


def refused(method: str, url: str, refusal: Any) -> Exception:
    """The error for what the local application refused, as if it had come over HTTP."""
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
    """A response whose error shows what the server answered."""

    def raise_for_status(self) -> httpx.Response:
        """Raise if the status says that the request failed.

        Raises:
            PrefectHTTPStatusError: It did. For the status 404 it is an `ObjectNotFound` as well, for 409 an
                `ObjectAlreadyExists`.
        """
        try:
            return super().raise_for_status()
        except httpx.HTTPStatusError as plain:
            error = PrefectHTTPStatusError.from_httpx_error(plain)
        meaning = _MEANINGS.get(self.status_code)
        raise meaning(error) if meaning else error

    @classmethod
    def from_httpx_response(cls, response: httpx.Response) -> Self:
        """The same response as one of these."""
        made = copy.copy(response)
        made.__class__ = cls
        return made  # pyright: ignore[reportReturnType]


class _Persistent:
    """What both clients add to httpx's.

    A request whose answer says "later" (408, 429, 502, 503 and the codes of the setting `client.retry_extra_codes`) is
    sent again after the answer's `Retry-After`, or 2, 4, 8... seconds, at most `client.max_retries` times; during
    announced maintenance for as long as it lasts. So is one whose connection is lost, once the server has been reached.
    """

    def _set_up(self, enable_csrf_support: bool, raise_on_all_errors: bool) -> None:
        self.enable_csrf_support = enable_csrf_support
        self.raise_on_all_errors = raise_on_all_errors
        self.csrf_token: str | None = None
        self.csrf_token_expiration: datetime.datetime | None = None
        self.csrf_client_id: UUID = uuid4()
        self._chosen = settings.get_current_settings().client
        self._reached = False

    def _once(self, request: httpx.Request, *args: Any, **kwargs: Any) -> Awaitable[httpx.Response]:
        """Send a request once."""
        raise NotImplementedError

    async def _send(self, request: httpx.Request, *args: Any, **kwargs: Any) -> httpx.Response:
        request.headers.update(get_attribution_headers())
        if request.method in CHANGING:
            await self._add_csrf_headers(request)
        response = PrefectResponse.from_httpx_response(await self._persistently(request, *args, **kwargs))
        return response.raise_for_status() if self.raise_on_all_errors else response

    async def _persistently(self, request: httpx.Request, *args: Any, **kwargs: Any) -> httpx.Response:
        chosen = self._chosen
        codes = RETRIED_CODES | chosen.retry_extra_codes
        retries = 0
        while True:
            try:
                response = await self._once(request, *args, **kwargs)
            except httpx.TransportError as error:
                if not (self._reached and isinstance(error, LOST) and retries < chosen.max_retries):
                    raise _unreachable(error, request) from None  # it says all that the cause does
                why, asked, maintenance = str(error) or type(error).__name__, None, False
            else:
                self._reached = True
                maintenance = response.headers.get("Prefect-Maintenance") == "true"
                forged = self._token_refused(response)
                if not forged and response.status_code not in codes:
                    return response
                if retries >= chosen.max_retries and not maintenance:
                    return response
                why, asked = f"status {response.status_code}", _retry_after(response)
                if forged:
                    self.csrf_token, asked = None, 0.0
                    without_tokens.discard(self._server)
                    await self._add_csrf_headers(request)
            # During maintenance the server counts, not the client.
            retries += not maintenance
            delay = _jittered(max(retries, 1), asked, chosen.retry_jitter_factor)
            logger.debug("%s %s: %s. Trying again in %.1f s.", request.method, request.url, why, delay)
            await sleep(delay)

    @property
    def _itself(self) -> Any:
        """This, as one of httpx's clients."""
        return self

    # --- the token that tells this client from a forged page ---

    @property
    def _server(self) -> str:
        return str(self._itself.base_url)

    def _token_refused(self, response: httpx.Response) -> bool:
        return (
            response.status_code == 403
            and self.enable_csrf_support
            and response.is_stream_consumed
            and b"CSRF" in response.content
        )

    async def _add_csrf_headers(self, request: httpx.Request) -> None:
        if not self.enable_csrf_support or self._server in without_tokens:
            return
        expires = self.csrf_token_expiration
        if self.csrf_token is None or (expires is not None and expires < now()):
            await self._get_csrf_token()
        if self.csrf_token is not None:
            request.headers["Prefect-Csrf-Token"] = self.csrf_token
            request.headers["Prefect-Csrf-Client"] = str(self.csrf_client_id)

    async def _get_csrf_token(self) -> None:
        # Each with an id of its own: requests at the same time must not make each other's token invalid.
        client = uuid4()
        wanted = self._itself.build_request("GET", "/csrf-token", params={"client": str(client)})
        answer = PrefectResponse.from_httpx_response(await self._persistently(wanted))
        if answer.status_code in (404, 422):
            without_tokens.add(self._server)
            return
        answer.raise_for_status()
        token = orjson.loads(answer.content)
        self.csrf_client_id, self.csrf_token = client, token["token"]
        self.csrf_token_expiration = datetime.datetime.fromisoformat(token["expiration"])


def _retry_after(response: httpx.Response) -> float | None:
    """Seconds that the server asks to wait, if it does."""
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
    if until.tzinfo is None:  # as it is read from `-0000`, which means UTC
        until = until.replace(tzinfo=datetime.UTC)
    return max((until - now()).total_seconds(), 0.0)


def _jittered(attempt: int, asked: float | None, factor: float) -> float:
    """Seconds before the n-th retry, never fewer than asked; somewhat random, so that clients do not come at once."""
    if factor <= 0:
        return 2.0**attempt if asked is None else asked
    if asked is None:
        return clamped_poisson_interval(2.0**attempt, factor)
    return bounded_poisson_interval(asked, asked * (1 + factor))


def _unreachable(error: httpx.TransportError, request: httpx.Request) -> httpx.TransportError:
    """The same error, in words for whoever runs the program."""
    where = f"{request.url.scheme}://{request.url.netloc.decode()}"
    why = str(error) or type(error).__name__
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
        message = f"The API at {where} cannot be reached ({why}): is its server running, and is PREFECT_API_URL right?"
    else:
        message = f"The API at {where} did not answer {request.method} {request.url.path} ({why})."
    return type(error)(message, request=request)


class PrefectHttpxAsyncClient(_Persistent, httpx.AsyncClient):
    """httpx's async client that asks again, and raises what the server's answer means.

    Args:
        enable_csrf_support: Whether to get a token from the server and send it with whatever changes something.
        raise_on_all_errors: Whether an answer that says the request failed raises.
        args: As for httpx's client.
        kwargs: As for httpx's client.
    """

    def __init__(
        self, *args: Any, enable_csrf_support: bool = False, raise_on_all_errors: bool = True, **kwargs: Any
    ) -> None:
        self._set_up(enable_csrf_support, raise_on_all_errors)
        super().__init__(*args, **kwargs)

    async def _once(self, request: httpx.Request, *args: Any, **kwargs: Any) -> httpx.Response:
        return await httpx.AsyncClient.send(self, request, *args, **kwargs)

    async def send(self, request: httpx.Request, *args: Any, **kwargs: Any) -> httpx.Response:
        """Send a request, again where that may help.

        Raises:
            PrefectHTTPStatusError: The answer says that it failed.
        """
        return await self._send(request, *args, **kwargs)


class PrefectHttpxSyncClient(_Persistent, httpx.Client):
    """httpx's sync client that asks again; as `PrefectHttpxAsyncClient`."""

    def __init__(
        self, *args: Any, enable_csrf_support: bool = False, raise_on_all_errors: bool = True, **kwargs: Any
    ) -> None:
        self._set_up(enable_csrf_support, raise_on_all_errors)
        super().__init__(*args, **kwargs)

    async def _once(self, request: httpx.Request, *args: Any, **kwargs: Any) -> httpx.Response:
        return httpx.Client.send(self, request, *args, **kwargs)

    def send(self, request: httpx.Request, *args: Any, **kwargs: Any) -> httpx.Response:
        """Send a request, again where that may help.

        Raises:
            PrefectHTTPStatusError: The answer says that it failed.
        """
        return drive(self._send(request, *args, **kwargs))
