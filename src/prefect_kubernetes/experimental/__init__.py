"""The former path of `prefect_kubernetes.decorators`."""

import warnings

from prefect_kubernetes.decorators import kubernetes

warnings.warn(
    "`prefect_kubernetes.experimental` has moved: import `kubernetes` from `prefect_kubernetes.decorators`.",
    DeprecationWarning,
    stacklevel=2,
)

__all__ = ["kubernetes"]
