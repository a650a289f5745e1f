"""Headers that name the worker, flow and deployment that send a request, and the claim of the flow run's worker."""

from __future__ import annotations

import os

_FROM_ENVIRONMENT = {
    "X-Prefect-Worker-Id": "PREFECT__WORKER_ID",
    "X-Prefect-Worker-Name": "PREFECT__WORKER_NAME",
    "X-Prefect-Flow-Id": "PREFECT__FLOW_ID",
    "X-Prefect-Flow-Name": "PREFECT__FLOW_NAME",
    "X-Prefect-Deployment-Id": "PREFECT__DEPLOYMENT_ID",
    "X-Prefect-Deployment-Name": "PREFECT__DEPLOYMENT_NAME",
    "Prefect-Claim": "PREFECT__FLOW_RUN_CLAIM",
}


def get_attribution_headers() -> dict[str, str]:
    """Return the headers whose environment variables are set; values that are not printable ASCII are left out."""
    values = {header: os.environ.get(variable) for header, variable in _FROM_ENVIRONMENT.items()}
    return {header: value for header, value in values.items() if value and value.isascii() and value.isprintable()}
