"""Errors of calls of the API of Kubernetes, and of jobs. All are exceptions of `kubernetes_asyncio` too."""

from __future__ import annotations

import json
from typing import Any

from kubernetes_asyncio.client.exceptions import ApiException, OpenApiException

NOT_FOUND = 404

__all__ = [
    "ApiException",
    "KubernetesApiError",
    "KubernetesJobDefinitionError",
    "KubernetesJobFailedError",
    "KubernetesJobTimeoutError",
    "KubernetesResourceNotFoundError",
    "OpenApiException",
]


class KubernetesJobDefinitionError(OpenApiException):
    """The manifest of a job is not valid."""


class KubernetesJobFailedError(OpenApiException, RuntimeError):
    """A job has failed."""


class KubernetesJobTimeoutError(OpenApiException):
    """A job has not ended in time."""


class KubernetesApiError(ApiException):
    """The API of Kubernetes refuses a call.

    Args:
        status: The status of its answer.
        reason: The words of the status.
        call: The name of the call.
        body: The body of the answer.
    """

    def __init__(self, status: int | None, reason: str | None, call: str, body: Any) -> None:
        super().__init__(status=status, reason=reason)
        self.call = call
        self.body = body

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.status, self.reason, self.call, self.body)

    def __str__(self) -> str:
        try:
            message = json.loads(self.body or "")["message"]
        except (KeyError, TypeError, ValueError):
            message = self.body or self.reason or "no reason is given"
        return f"Kubernetes refuses {self.call} ({self.status}): {' '.join(str(message).split())}"


class KubernetesResourceNotFoundError(KubernetesApiError):
    """There is no object of this name."""


def explain(error: ApiException, call: str) -> KubernetesApiError:
    """Return a refusal as an error that says in one line what was refused and why."""
    kind = KubernetesResourceNotFoundError if error.status == NOT_FOUND else KubernetesApiError
    body: Any = error.body
    text = body.decode(errors="replace") if isinstance(body, bytes) else body
    return kind(error.status, error.reason, call, text)
