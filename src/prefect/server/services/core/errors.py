"""What a service answers when it cannot do what was asked; each edge turns these into its own errors."""

from __future__ import annotations

from typing import ClassVar

from prefect.exceptions import PrefectException


class ServiceError(PrefectException):
    """The base of refusals; the message says what was refused, and why."""

    status: ClassVar[int] = 400
    """The HTTP status that says so."""

    key: ClassVar[str] = "detail"
    """Where the answer has the message."""

    @property
    def headers(self) -> dict[str, str]:
        """HTTP headers that say more."""
        return {}


class NotFound(ServiceError):
    """There is no such object.

    Args:
        kind: What it would be, for instance `"flow run"`.
        name: The id or name it was asked for by.
    """

    status = 404

    def __init__(self, kind: str, name: object) -> None:
        super().__init__(f"There is no {kind} {str(name)!r}.")


class Conflict(ServiceError):
    """There is such an object already, or what is there does not go together with what was asked for."""

    status = 409


class Forbidden(ServiceError):
    """What was asked for is protected."""

    status = 403


class InvalidRequest(ServiceError):
    """The request makes no sense as it is."""

    status = 422


class Gone(ServiceError):
    """What was there once is there no more."""

    status = 410


class Locked(ServiceError):
    """Others have what was asked for.

    Args:
        message: What they have.
        retry_after: Seconds until it is worth asking again, if it ever is.
    """

    status = 423

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after

    @property
    def headers(self) -> dict[str, str]:
        return {} if self.retry_after is None else {"retry-after": f"{self.retry_after:.3f}"}
