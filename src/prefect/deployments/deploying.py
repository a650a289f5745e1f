"""Deploying to a work pool: its workers fetch the code, or find it in the image that they run."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any
from uuid import UUID

from prefect import settings
from prefect._entrypoint_type import EntrypointType
from prefect._io import blocking, twin
from prefect._lazy import lazy_from
from prefect.deployments.runner_deployment import DeploymentApplyError, RunnerDeployment
from prefect.exceptions import ObjectNotFound

if TYPE_CHECKING:
    from prefect.client import orchestration
    from prefect.docker import docker_image
    from prefect.schemas.work import WorkPool
else:
    docker_image, orchestration = lazy_from("prefect", "docker.docker_image", "client.orchestration")


async def adeploy(
    *deployments: RunnerDeployment,
    work_pool_name: str | None = None,
    image: Any = None,
    build: bool = True,
    push: bool = True,
    print_next_steps_message: bool = True,
    ignore_warnings: bool = False,
) -> list[UUID]:
    """Deploy to a work pool, and return the ids of the deployments.

    The image is built and pushed first; nothing is created when that fails, or when the pool does not fit.

    Args:
        *deployments: The deployments, as `flow.to_deployment` makes them.
        work_pool_name: The pool; that of the setting `deployments.default_work_pool_name` if None.
        image: The image to run them in: a name, or a `DockerImage`.
        build: Whether to build the image.
        push: Whether to push it to its registry.
        print_next_steps_message: Whether to print how to start a worker and a run.
        ignore_warnings: Whether to print no warnings about the pool.

    Raises:
        ValueError: There is no such pool, or its workers could not get the code.
        DeploymentApplyError: The server refuses a deployment.
    """
    pool_name = work_pool_name or settings.get_current_settings().deployments.default_work_pool_name
    if not pool_name:
        raise ValueError("deploy needs a work pool: pass work_pool_name, or set PREFECT_DEFAULT_WORK_POOL_NAME.")
    pool = await _read_pool(pool_name)
    _check_code(deployments, pool, image)
    if isinstance(image, str):
        image = docker_image.DockerImage(name=image)
    if image is not None and build:
        await blocking(image.build)
        if push:
            await blocking(image.push)
    reference = None if image is None else image.reference
    ids: list[UUID] = []
    for deployment in deployments:
        try:
            ids.append(await deployment.aapply(work_pool_name=pool_name, image=reference))
        except DeploymentApplyError as error:
            done = f" Deployed before: {', '.join(each.full_name for each in deployments[: len(ids)])}." if ids else ""
            raise DeploymentApplyError(f"{error}{done}") from error
    if not ignore_warnings and not await _has_online_workers(pool_name):
        _print(f"No worker of the work pool {pool_name!r} is online, so its runs wait.")
    if print_next_steps_message:
        _print(_describe_next_steps(deployments, pool))
    return ids


deploy = twin(adeploy)


async def _read_pool(name: str) -> WorkPool:
    async with orchestration.get_client() as client:
        try:
            return await client.read_work_pool(name)
        except ObjectNotFound:
            raise ValueError(
                f"There is no work pool {name!r}: create it first, with `prefect work-pool create {name}`."
            ) from None


def _check_code(deployments: tuple[RunnerDeployment, ...], pool: WorkPool, image: Any) -> None:
    """Check that workers of a pool can get the code of deployments.

    Raises:
        ValueError: They cannot.
    """
    if not deployments:
        raise ValueError("deploy needs at least one deployment, as `flow.to_deployment` makes it.")
    has_images = "image" in pool.base_job_template.get("variables", {}).get("properties", {})
    if image is not None and not has_images:
        raise ValueError(
            f"The work pool {pool.name!r}, of the type {pool.type!r}, runs no images: leave out `image`, or use a pool "
            "whose base job template has the variable `image`."
        )
    if image is not None:
        return
    for deployment in deployments:
        if deployment.storage is None and deployment.entrypoint_type is not EntrypointType.MODULE_PATH:
            hint = "pass `image`, or load" if has_images else "load"
            raise ValueError(
                f"Workers could not get the code of {deployment.full_name!r}: {hint} the flow with flow.from_source."
            )


async def _has_online_workers(pool_name: str) -> bool:
    async with orchestration.get_client() as client:
        workers = await client.read_workers_for_work_pool(pool_name)
    return any(worker.status is not None and worker.status.value == "ONLINE" for worker in workers)


def _describe_next_steps(deployments: tuple[RunnerDeployment, ...], pool: WorkPool) -> str:
    count = "1 deployment is" if len(deployments) == 1 else f"{len(deployments)} deployments are"
    runs = "\n".join(f"    $ prefect deployment run {deployment.full_name!r}" for deployment in deployments)
    return (
        f"{count} in the work pool {pool.name!r} now.\n\nTo run it, start a worker:\n\n"
        f"    $ prefect worker start --pool {pool.name!r}\n\nand trigger a run:\n\n{runs}\n"
    )


def _print(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
