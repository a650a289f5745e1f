"""The result of running a flow run on infrastructure."""

from __future__ import annotations

import abc

from pydantic import BaseModel


class BaseWorkerResult(BaseModel, abc.ABC):
    """The end of a flow run's infrastructure.

    Attributes:
        identifier: The identifier of the infrastructure.
        status_code: Its exit status; 0 for success.
    """

    identifier: str
    status_code: int

    def __bool__(self) -> bool:
        """Return whether the infrastructure ended well."""
        return self.status_code == 0
