"""Docker: building images, and running flows in containers.

It uses public paths of `prefect` only, as the packages of other people do. The package `docker` is imported when an
engine is needed.
"""

from prefect_docker.credentials import DockerRegistryCredentials
from prefect_docker.host import DockerHost
from prefect_docker.worker import DockerWorker

__all__ = ["DockerHost", "DockerRegistryCredentials", "DockerWorker"]
