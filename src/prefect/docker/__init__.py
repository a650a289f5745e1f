"""Docker images with the code of flows: `DockerImage`, and what builds and pushes images with the `docker` package.

That package is imported where it is used, and need not be installed. Nothing here knows flows or deployments.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect._lazy import exports

if TYPE_CHECKING:
    from prefect.docker.docker_image import DockerImage

__all__ = ["DockerImage"]

_EXPORTS = {"prefect.docker.docker_image": "DockerImage"}

__getattr__, __dir__ = exports(__name__, _EXPORTS)
