"""The former path of `prefect_docker.decorators`."""

from prefect_docker.decorators import docker

__all__ = ["docker"]
