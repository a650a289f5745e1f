"""Deployments: flows with the location of their code, their infrastructure and their schedules.

`spec` is what a deployment is, however it was written: in Python or in prefect.yaml. `changes` compares it with what
the API has, and makes it so. `steps` build, store and fetch code; `loading` fetches that of a flow run. This package
must not start the processes of flow runs: the runner and workers do.
"""

from typing import TYPE_CHECKING

from prefect._lazy import exports

if TYPE_CHECKING:
    from prefect.deployments.base import initialize_project as initialize_project  # pyright: ignore
    from prefect.deployments.deploying import deploy as deploy  # pyright: ignore
    from prefect.deployments.flow_runs import arun_deployment as arun_deployment
    from prefect.deployments.flow_runs import run_deployment as run_deployment  # pyright: ignore

__all__ = ["arun_deployment", "deploy", "initialize_project", "run_deployment"]

_EXPORTS = {
    "prefect.deployments.base": "initialize_project",
    "prefect.deployments.flow_runs": "arun_deployment run_deployment",
    "prefect.deployments.deploying": "deploy",
}

__getattr__, __dir__ = exports(__name__, _EXPORTS, submodules="steps")
