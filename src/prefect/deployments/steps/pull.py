"""Steps that fetch code and say in which directory it is."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefect._backoff import exponential_backoff
from prefect._io import sleep, twin
from prefect._lazy import lazy
from prefect.logging.loggers import get_logger

if TYPE_CHECKING:
    from prefect.blocks.core import Block
    from prefect.runner import storage
else:
    storage = lazy("prefect.runner.storage")

CLONE_ATTEMPTS = 3
FIRST_RETRY_DELAY_SECONDS = 1.0

logger = get_logger("deployment")


def set_working_directory(directory: str) -> dict[str, str]:
    """Make a directory the working directory.

    Args:
        directory: The directory.

    Returns:
        `directory`, as it was passed.

    Raises:
        FileNotFoundError: There is no such directory.
    """
    try:
        os.chdir(directory)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise FileNotFoundError(f"There is no directory {directory!r} on this machine.") from error
    return {"directory": directory}


async def agit_clone(
    repository: str,
    branch: str | None = None,
    commit_sha: str | None = None,
    include_submodules: bool = False,
    access_token: str | None = None,
    credentials: Block | None = None,
    directories: list[str] | None = None,
    clone_directory_name: str | None = None,
) -> dict[str, str]:
    """Clone a git repository, or update the clone that is there. It is tried three times.

    Args:
        repository: The URL of the repository.
        branch: The branch or tag; the default branch if None.
        commit_sha: The commit, instead of a branch.
        include_submodules: Whether to clone submodules.
        access_token: A token for a private repository; in a file it should be `{{ prefect.blocks.secret.<name> }}`.
        credentials: A credentials block, instead of a token.
        directories: The only directories to check out.
        clone_directory_name: The name of the clone's directory; that of the repository, with the branch, if None.

    Returns:
        `directory`, relative to the working directory.

    Raises:
        ValueError: The inputs contradict each other.
        RuntimeError: git failed.
    """
    if access_token and credentials:
        raise ValueError("Please provide either an access token or credentials but not both.")
    code = storage.GitRepository(
        url=repository,
        credentials={"access_token": access_token} if access_token else credentials,
        name=clone_directory_name,
        branch=branch,
        commit_sha=commit_sha,
        include_submodules=include_submodules,
        directories=directories,
    )
    for delay in exponential_backoff(FIRST_RETRY_DELAY_SECONDS)(CLONE_ATTEMPTS - 1):
        try:
            await code.pull_code()
            break
        except RuntimeError as error:
            logger.warning("%s will be cloned again in %g seconds: %s", code, delay, error)
            await sleep(delay)
    else:
        await code.pull_code()
    return {"directory": _relative(code.destination)}


git_clone = twin(agit_clone)


async def pull_from_remote_storage(url: str, **settings: Any) -> dict[str, Any]:
    """Copy a directory from a store that fsspec knows.

    Args:
        url: The URL of the directory, such as `s3://bucket/folder`.
        settings: Passed to the fsspec file system.

    Returns:
        `directory`, relative to the working directory.
    """
    code = storage.RemoteStorage(url, **settings)
    await code.pull_code()
    logger.info("Pulled code from %s", url)
    return {"directory": _relative(code.destination)}


async def pull_with_block(block_document_name: str, block_type_slug: str) -> dict[str, Any]:
    """Copy a directory from a block.

    Args:
        block_document_name: The name of the block.
        block_type_slug: Its type, such as `local-file-system`.

    Returns:
        `directory`, relative to the working directory.

    Raises:
        ValueError: There is no such block, or it cannot copy directories.
    """
    from prefect.blocks.core import Block

    name = f"{block_type_slug}/{block_document_name}"
    try:
        block = await Block.aload(name)
    except Exception as error:
        raise ValueError(f"Unable to load block {name!r}: {error}") from error
    code = storage.BlockStorageAdapter(block)  # pyright: ignore[reportArgumentType]  # which it checks
    await code.pull_code()
    logger.info("Pulled code from the block %s", name)
    return {"directory": _relative(code.destination)}


def _relative(path: Path) -> str:
    return os.path.relpath(path, Path.cwd())
