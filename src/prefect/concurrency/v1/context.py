"""The context in which slots of task runs wait to be released."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any, ClassVar
from uuid import UUID

from pydantic import Field

from prefect._context_model import ContextModel
from prefect._io import drive
from prefect.concurrency.v1.tag_slots import release_concurrency_slots


class ConcurrencyContext(ContextModel):
    """Slots that are released at the end of the context, because the code that held them could not.

    Attributes:
        cleanup_slots: The tags, the seconds for which their slots were held, and the task run that held them.
    """

    __var__: ClassVar[ContextVar[ConcurrencyContext]] = ContextVar("concurrency_v1")

    cleanup_slots: list[tuple[list[str], float, UUID]] = Field(default_factory=list[tuple[list[str], float, UUID]])

    def __exit__(self, *exc_info: Any) -> None:
        for names, occupancy_seconds, task_run_id in self.cleanup_slots:
            drive(release_concurrency_slots(names, task_run_id, occupancy_seconds))
        super().__exit__(*exc_info)
