"""Deployments: flows with a place for their code, parameters and schedules.

`steps` are what builds, stores and fetches code; `loading` fetches the code of a flow run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefect._lazy import exports

if TYPE_CHECKING:
    arun_deployment: Any
    deploy: Any
    initialize_project: Any
    run_deployment: Any

__all__ = ["arun_deployment", "deploy", "initialize_project", "run_deployment"]

_EXPORTS = {
    "prefect.deployments.base": "initialize_project",
    "prefect.deployments.flow_runs": "arun_deployment run_deployment",
    "prefect.deployments.runner": "deploy",
}

__getattr__, __dir__ = exports(__name__, _EXPORTS, submodules="steps")
