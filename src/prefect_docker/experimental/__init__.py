"""The former path of `prefect_docker.decorators`."""

import warnings

from prefect_docker.decorators import docker

warnings.warn(
    "`prefect_docker.experimental` has moved: import `docker` from `prefect_docker.decorators`.",
    DeprecationWarning,
    stacklevel=2,
)

__all__ = ["docker"]
