"""Which run the current code belongs to, as far as a log line needs to know.

The context of a run sets it; loggers and handlers read it. It is all that logging knows of runs.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from uuid import UUID


class RunIdentity(NamedTuple):
    """The ids and names of a task run, of a flow run, or of both. What is not known is None."""

    flow_run_id: UUID | None = None
    flow_run_name: str | None = None
    flow_name: str | None = None
    task_run_id: UUID | None = None
    task_run_name: str | None = None
    task_name: str | None = None
    deployment_name: str | None = None


run_identity: ContextVar[RunIdentity | None] = ContextVar("prefect_run_identity", default=None)
"""The run that the current thread or coroutine works for, or None outside of a run."""
