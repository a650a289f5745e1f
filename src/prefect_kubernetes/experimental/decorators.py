"""The former path of `prefect_kubernetes.decorators`."""

from prefect_kubernetes.decorators import kubernetes

__all__ = ["kubernetes"]
