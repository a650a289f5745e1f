"""Errors of services; HTTP and the websockets turn them into responses."""

from __future__ import annotations

from typing import ClassVar

from prefect.exceptions import PrefectException


class ServiceError(PrefectException):
    """Base class of refused requests; the message names what was refused, and the reason."""

    status: ClassVar[int] = 400
    """The HTTP status."""

    key: ClassVar[str] = "detail"
    """The field of the response that holds the message."""

    @property
    def headers(self) -> dict[str, str]:
        """Further HTTP headers of the response."""
        return {}


class NotFound(ServiceError):
    """The object does not exist.

    Args:
        kind: Its kind, for instance `"flow run"`.
        name: The id or name by which it was requested.
    """

    status = 404

    def __init__(self, kind: str, name: object) -> None:
        super().__init__(f"There is no {kind} {str(name)!r}.")


class Conflict(ServiceError):
    """The object exists already, or the request contradicts what is stored."""

    status = 409


class Forbidden(ServiceError):
    """The object is protected."""

    status = 403


class InvalidRequest(ServiceError):
    """The request is not valid."""

    status = 422


class Gone(ServiceError):
    """The object no longer exists."""

    status = 410


class Locked(ServiceError):
    """Another holder has the resource.

    Args:
        message: What they hold.
        retry_after: Seconds after which to try again, if that can help.
    """

    status = 423

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after

    @property
    def headers(self) -> dict[str, str]:
        return {} if self.retry_after is None else {"retry-after": f"{self.retry_after:.3f}"}
