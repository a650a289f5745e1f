"""The decorator that binds flows to Kubernetes work pools."""

from prefect.decorators import create_infrastructure_decorator
from prefect_kubernetes.worker import KubernetesWorker

kubernetes = create_infrastructure_decorator("kubernetes", __name__, KubernetesWorker)
"""Bind a flow to a work pool of the type `kubernetes`."""

__all__ = ["kubernetes"]
