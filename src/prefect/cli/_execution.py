"""Running a flow run that was created before, in this process.

Its flow is loaded from an entrypoint, or from where its deployment says the code is, when that is a place on this
machine.
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
    """Run a flow run here; the process ends with status 1 when it fails.

    Args:
        run: The run.
        entrypoint: Where its flow is; as its deployment says if None.
    """
    entrypoint = entrypoint or os.environ.get("PREFECT__FLOW_ENTRYPOINT")
    flow = _load_flow(entrypoint) if entrypoint else _load_deployed_flow(run)
    with signals.handle_engine_signals(run.id):
        flow_engine.run_to_end(flow, flow_run=run)


def _load_flow(entrypoint: str) -> Flow[..., Any]:
    # A module beside the file, or in this directory, is found as `python file.py` would find it.
    sys.path.insert(0, os.getcwd())
    return flows.load_flow_from_entrypoint(entrypoint, use_placeholder_flow=False)


def _load_deployed_flow(run: FlowRun) -> Flow[..., Any]:
    if run.deployment_id is None:
        fail(
            f"Flow run {run.name!r} has no deployment that says where its flow is: "
            "name it in PREFECT__FLOW_ENTRYPOINT, as path/to/file.py:function."
        )
    deployment = get_client().read_deployment(run.deployment_id)
    if not deployment.entrypoint:
        fail(f"The deployment {deployment.name!r} names no entrypoint, so its flow cannot be found.")
    os.chdir(_find_code_directory(deployment))
    return _load_flow(deployment.entrypoint)


def _find_code_directory(deployment: DeploymentResponse) -> Path:
    """The directory of a deployment's code, on this machine."""
    if deployment.storage_document_id is not None:
        raise NotImplementedError(
            f"The code of the deployment {deployment.name!r} is in a storage block, from where a later release gets it."
        )
    place = (
        Path.cwd() / _read_working_directory(deployment.pull_steps or ())
        if deployment.pull_steps
        else Path(deployment.path or ".")
    )
    if not place.is_dir():
        fail(f"The code of the deployment {deployment.name!r} should be in {str(place)!r}, which is no directory here.")
    return place


def _read_working_directory(steps: Sequence[dict[str, Any]]) -> str:
    """Where pull steps lead that only say a directory."""
    directory = "."
    for step in steps:
        for name, inputs in step.items():
            if name != _WORKING_DIRECTORY:
                raise NotImplementedError(f"The code of the deployment is got by {name!r}, which a later release does.")
            directory = cast("str", inputs["directory"])
    return directory
