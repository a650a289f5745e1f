"""Execute an existing flow run in this process.

The flow is loaded from an entrypoint, or from the local directory that its deployment names.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from prefect._lazy import lazy
from prefect.cli._lookup import get_client
from prefect.cli._output import fail

if TYPE_CHECKING:
    from prefect import flow_engine, flows
    from prefect._flow import Flow
    from prefect.engine import signals
    from prefect.schemas.responses import DeploymentResponse
    from prefect.schemas.runs import FlowRun
else:
    flow_engine = lazy("prefect.flow_engine")
    flows = lazy("prefect.flows")
    signals = lazy("prefect.engine.signals")

_WORKING_DIRECTORY = "prefect.deployments.steps.set_working_directory"


def execute_flow_run(run: FlowRun, entrypoint: str | None = None) -> None:
    """Execute a flow run; the process exits with status 1 if it fails.

    Args:
        run: The flow run.
        entrypoint: Entrypoint of its flow; that of its deployment if None.
    """
    entrypoint = entrypoint or os.environ.get("PREFECT__FLOW_ENTRYPOINT")
    flow = _load_flow(entrypoint) if entrypoint else _load_deployed_flow(run)
    with signals.handle_engine_signals(run.id):
        flow_engine.run_to_end(flow, flow_run=run)


def _load_flow(entrypoint: str) -> Flow[..., Any]:
    # Modules in the working directory can be imported, as with `python file.py`.
    sys.path.insert(0, os.getcwd())
    return flows.load_flow_from_entrypoint(entrypoint, use_placeholder_flow=False)


def _load_deployed_flow(run: FlowRun) -> Flow[..., Any]:
    if run.deployment_id is None:
        fail(
            f"Flow run {run.name!r} has no deployment to load its flow from. "
            "Set PREFECT__FLOW_ENTRYPOINT to path/to/file.py:function."
        )
    deployment = get_client().read_deployment(run.deployment_id)
    if not deployment.entrypoint:
        fail(f"The deployment {deployment.name!r} has no entrypoint, so its flow cannot be loaded.")
    os.chdir(_find_code_directory(deployment))
    return _load_flow(deployment.entrypoint)


def _find_code_directory(deployment: DeploymentResponse) -> Path:
    """Return the local directory of a deployment's code."""
    if deployment.storage_document_id is not None:
        raise NotImplementedError(
            f"The code of the deployment {deployment.name!r} is in a storage block, which is not supported yet."
        )
    directory = (
        Path.cwd() / _read_working_directory(deployment.pull_steps or ())
        if deployment.pull_steps
        else Path(deployment.path or ".")
    )
    if not directory.is_dir():
        fail(f"The code of the deployment {deployment.name!r} is not in {str(directory)!r} on this machine.")
    return directory


def _read_working_directory(steps: Sequence[dict[str, Any]]) -> str:
    """Return the directory of pull steps that only set the working directory."""
    directory = "."
    for step in steps:
        for name, inputs in step.items():
            if name != _WORKING_DIRECTORY:
                raise NotImplementedError(f"The pull step {name!r} is not supported yet.")
            directory = cast("str", inputs["directory"])
    return directory
