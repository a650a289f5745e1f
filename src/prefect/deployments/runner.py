"""Deployments as Python programs write them, and deploying them to a work pool: the public import path."""

from typing import TYPE_CHECKING

from prefect._lazy import exports

if TYPE_CHECKING:
    from prefect.deployments.deploying import adeploy as adeploy
    from prefect.deployments.deploying import deploy as deploy
    from prefect.deployments.runner_deployment import DeploymentApplyError as DeploymentApplyError
    from prefect.deployments.runner_deployment import RunnerDeployment as RunnerDeployment
    from prefect.docker.docker_image import DockerImage as DockerImage
    from prefect.types.entrypoint import EntrypointType as EntrypointType

__all__ = ["DeploymentApplyError", "EntrypointType", "RunnerDeployment", "adeploy", "deploy"]

_EXPORTS = {
    "prefect.deployments.deploying": "adeploy deploy",
    "prefect.deployments.runner_deployment": "DeploymentApplyError RunnerDeployment",
    "prefect.docker.docker_image": "DockerImage",
    "prefect.types.entrypoint": "EntrypointType",
}

__getattr__, __dir__ = exports(__name__, _EXPORTS)
