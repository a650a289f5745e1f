"""Fetch the code of a deployment onto this machine."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from prefect import outbox
from prefect._io import blocking
from prefect._lazy import lazy_from
from prefect.logging.loggers import flow_run_logger
from prefect.settings import get_current_settings

if TYPE_CHECKING:
    from prefect.blocks import core as blocks_core
    from prefect.client.orchestration import PrefectClient
    from prefect.deployments import dependencies
    from prefect.deployments.steps import core as steps
    from prefect.runner import storage
    from prefect.schemas.responses import DeploymentResponse
    from prefect.schemas.runs import FlowRun
else:
    blocks_core, storage = lazy_from("prefect", "blocks.core", "runner.storage")
    dependencies, steps = lazy_from("prefect.deployments", "dependencies", "steps.core")


async def fetch_code(
    client: PrefectClient, deployment: DeploymentResponse, flow_run: FlowRun, storage_base_path: str | None = None
) -> str:
    """Fetch the code of a deployment and return its directory.

    It comes from the pull steps; without any, from the storage block, or from the path on this machine. The packages
    that it needs are installed too if the setting `runner.auto_install_dependencies` says so.

    Args:
        client: Reads the storage block.
        deployment: The deployment.
        flow_run: The run that needs the code; what pull steps print is logged for it.
        storage_base_path: Replaces `$STORAGE_BASE_PATH` in the deployment's path.

    Raises:
        FileNotFoundError: The directory is not on this machine.
        StepExecutionError: A pull step failed.
        RuntimeError: A package could not be installed.
    """
    start = os.getcwd()
    path = (deployment.path or ".").replace("$STORAGE_BASE_PATH", storage_base_path or "")
    if deployment.pull_steps:
        outbox.use_journal()  # for the logs: the run itself has not begun
        logger = flow_run_logger(flow_run)
        output = await steps.run_steps(
            deployment.pull_steps,
            print_function=logger.info,
            deployment=deployment,
            flow_run=flow_run,
            logger=logger,
        )
        directory = str(output.get("directory") or ".")
        if os.path.abspath(os.path.join(start, directory)) == os.getcwd():
            directory = "."  # a step has made it the working directory already
    elif deployment.storage_document_id is not None:
        directory = await _copy_from_block(client, deployment, path)
    else:
        directory = path
    if not os.path.isdir(directory):
        raise FileNotFoundError(
            f"The code of the deployment {deployment.name!r} should be in {directory!r}, which is not a directory here."
        )
    if get_current_settings().runner.auto_install_dependencies:
        outbox.use_journal()
        place = await blocking(dependencies.install_dependencies, directory)
        if place is not None:
            flow_run_logger(flow_run).info("The packages that the code needs are in %s.", place)
    return directory


async def _copy_from_block(client: PrefectClient, deployment: DeploymentResponse, path: str) -> str:
    assert deployment.storage_document_id is not None
    block = await blocks_core.Block.aload_from_ref(deployment.storage_document_id, client=client)
    code = storage.BlockStorageAdapter(block)  # pyright: ignore[reportArgumentType]  # which it checks
    await code.pull_code()
    return os.path.join(code.destination, path)
