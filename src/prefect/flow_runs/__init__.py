"""What code says to flow runs while they are under way: pause, suspend, resume, wait for the end.

All of it goes through the client, and so works with a server and without one. A paused run stays in its process and
looks for being resumed; a suspended one leaves its process, and another goes on with it. This room must not know the
engine: a run that leaves its process does so by an exception that the engine understands.
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
