"""The context in which leases of slots wait to be released."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any, ClassVar
from uuid import UUID

from pydantic import Field

from prefect._context_model import ContextModel
from prefect._io import drive
from prefect.client import failures, transport
from prefect.concurrency import slots
from prefect.logging.loggers import get_logger


class ConcurrencyContext(ContextModel):
    """Leases that are released at the end of the context, because the code that held them could not.

    Attributes:
        cleanup_lease_ids: The leases.
    """

    __var__: ClassVar[ContextVar[ConcurrencyContext]] = ContextVar("concurrency")

    cleanup_lease_ids: list[UUID] = Field(default_factory=list[UUID])

    def __exit__(self, *exc_info: Any) -> None:
        api = transport.get_shared_transport() if self.cleanup_lease_ids else None
        for lease_id in self.cleanup_lease_ids:
            try:
                assert api is not None
                drive(slots.release_lease(api, lease_id))
            except Exception as error:  # the lease expires
                get_logger("concurrency").warning(
                    "The lease %s could not be released: %s", lease_id, failures.describe_error(error)
                )
        super().__exit__(*exc_info)
