"""The facts that a worker reports: machine, process, versions, and the last run that it could not start."""

from __future__ import annotations

import os
import platform
import socket
from functools import cache

import prefect
from prefect.schemas.runs import FlowRun
from prefect.schemas.work import Integration
from prefect.schemas.worker_channel import MAX_FACT_CHARACTERS, WorkerFacts, WorkerFailure
from prefect.types import now
from prefect.workers import registry


@cache
def build_facts(limit: int | None, resource_id: str) -> WorkerFacts:
    """Return the facts of a worker of this process, without its last failure.

    Args:
        limit: How many runs at most it has at a time.
        resource_id: The resource of its events.
    """
    return WorkerFacts(
        integrations=[Integration(name=name, version=version) for name, version in registry.find_packages()],
        host=socket.gethostname(),
        pid=os.getpid(),
        version=prefect.__pluperfect_version__,
        python=platform.python_version(),
        limit=limit,
        resource_id=resource_id,
    )


def build_failure(flow_run: FlowRun, message: str) -> WorkerFailure:
    """Return that a run could not be started, or was lost, at this time."""
    return WorkerFailure(
        occurred=now(),
        flow_run_id=flow_run.id,
        flow_run_name=flow_run.name[:MAX_FACT_CHARACTERS],
        message=message[:MAX_FACT_CHARACTERS],
    )
