"""The decorator that binds flows to Docker work pools."""

from prefect.decorators import create_infrastructure_decorator
from prefect_docker.worker import DockerWorker

docker = create_infrastructure_decorator("docker", __name__, DockerWorker)
"""Bind a flow to a work pool of the type `docker`."""

__all__ = ["docker"]
