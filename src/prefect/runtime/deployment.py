"""The deployment of the running flow, as plain values; None and empty for a run that has none."""

from __future__ import annotations

from typing import Any

from prefect.runtime import flow_run
from prefect.runtime._attributes import attributes
from prefect.runtime._attributes import type_cast as type_cast

__all__ = ["flow_run_id", "id", "name", "parameters", "version"]  # pyright: ignore[reportUnsupportedDunderAll]


def get_id() -> str | None:
    """Return the deployment's id."""
    run = flow_run.get_run()
    return str(run.deployment_id) if run is not None and run.deployment_id else None


def get_parameters() -> dict[str, Any]:
    """Return the parameters that the deployment gave the run."""
    run = flow_run.get_run()
    return run.parameters if run is not None and run.deployment_id else {}


def get_name() -> str | None:
    """Return the deployment's name, which is read from the API."""
    deployment_id = get_id()
    return flow_run.get_api_client().read_deployment(deployment_id).name if deployment_id else None


def get_version() -> str | None:
    """Return the deployment's version, which is read from the API."""
    deployment_id = get_id()
    return flow_run.get_api_client().read_deployment(deployment_id).version if deployment_id else None


def get_flow_run_id() -> str | None:
    """Return the id of the deployed run."""
    return flow_run.get_id()


FIELDS = {
    "id": get_id,
    "name": get_name,
    "parameters": get_parameters,
    "version": get_version,
    "flow_run_id": get_flow_run_id,
}

__getattr__, __dir__ = attributes("deployment", FIELDS)
