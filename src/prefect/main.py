"""The names of `prefect` and a few more, at the path where older programs import them from."""

from typing import TYPE_CHECKING

from prefect._lazy import exports

if TYPE_CHECKING:
    from prefect import (
        Flow,
        State,
        Task,
        Transaction,
        allow_failure,
        apause_flow_run,
        aresume_flow_run,
        aserve,
        asuspend_flow_run,
        flow,
        get_client,
        get_run_logger,
        pause_flow_run,
        resume_flow_run,
        serve,
        suspend_flow_run,
        tags,
        task,
        unmapped,
    )
    from prefect.client.cloud import get_cloud_client

__all__ = [
    "allow_failure",
    "apause_flow_run",
    "aresume_flow_run",
    "aserve",
    "asuspend_flow_run",
    "flow",
    "Flow",
    "get_client",
    "get_cloud_client",
    "get_run_logger",
    "pause_flow_run",
    "resume_flow_run",
    "serve",
    "State",
    "suspend_flow_run",
    "tags",
    "task",
    "Task",
    "Transaction",
    "unmapped",
]

_EXPORTS = {
    "prefect": (
        "Flow State Task Transaction allow_failure apause_flow_run aresume_flow_run aserve asuspend_flow_run flow "
        "get_client get_run_logger pause_flow_run resume_flow_run serve suspend_flow_run tags task unmapped"
    ),
    "prefect.client.cloud": "get_cloud_client",
}

__getattr__, __dir__ = exports(__name__, _EXPORTS)
