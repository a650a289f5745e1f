"""The ids and names of the current run, for log records.

The context of a run sets them; loggers and handlers read them. Logging knows nothing else about runs.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from uuid import UUID

UNKNOWN_NAME = "<unknown>"
"""The name of what has no known name, in log records."""


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
