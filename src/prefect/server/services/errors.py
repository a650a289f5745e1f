"""What a service answers when it cannot do what was asked; each edge turns these into its own errors."""

from __future__ import annotations

from prefect.exceptions import PrefectException


class Missing(PrefectException):
    """There is no such object.

    Args:
        kind: What it would be, for instance `"flow run"`.
        name: The id or name it was asked for by.
    """

    def __init__(self, kind: str, name: object) -> None:
        super().__init__(f"There is no {kind} {str(name)!r}.")


class Invalid(PrefectException):
    """The request makes no sense as it is; the message says why."""
