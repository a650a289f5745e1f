"""Control of flow runs from user code: pause, suspend, resume and wait.

Everything goes through the API client, so it works with a server and without one. A paused run stays in its process and
polls until it is resumed; a suspended one leaves its process and is executed again by another. This package must not
import the engine: a suspended run raises an exception that the engine handles.
"""

from prefect.flow_runs.pausing import (
    apause_flow_run,
    aresume_flow_run,
    asuspend_flow_run,
    pause_flow_run,
    resume_flow_run,
    suspend_flow_run,
)
from prefect.flow_runs.waiting import wait_for_flow_run

__all__ = [
    "apause_flow_run",
    "aresume_flow_run",
    "asuspend_flow_run",
    "pause_flow_run",
    "resume_flow_run",
    "suspend_flow_run",
    "wait_for_flow_run",
]
