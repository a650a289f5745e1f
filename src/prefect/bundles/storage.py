"""Uploading a bundle into the storage of its work pool, by the command of the pool's upload step."""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from prefect import _io
from prefect.bundles.creation import BundleCreationResult, BundleError, SerializedBundle
from prefect.bundles.launchers import convert_step_to_command
from prefect.bundles.upload import copy_to_directory
from prefect.settings import get_current_settings

P = ParamSpec("P")
R = TypeVar("R")

UPLOAD_TIMEOUT_SECONDS = 20 * 60.0
"""How long an upload may take: after half an hour the run is due, bundle or not."""


def upload_bundle_to_storage(
    bundle: SerializedBundle,
    key: str,
    upload_command: list[str],
    zip_path: Path | None = None,
    upload_step: dict[str, Any] | None = None,
) -> None:
    """Upload a bundle and the zip of its files, and delete the zip.

    Args:
        bundle: The bundle.
        key: Where it goes in the storage.
        upload_command: The command of the upload step, without the file to upload.
        zip_path: The zip of its files.
        upload_step: The step of the command, needed for the zip, which has a key of its own.

    Raises:
        BundleError: The command failed; with what it has printed last.
    """
    files_key = bundle.get("files_key")
    if zip_path is not None and files_key and upload_step is None:
        raise ValueError("`upload_step` is needed to upload the files of a bundle.")
    with tempfile.TemporaryDirectory(prefix="prefect-bundle-") as place:
        directory = Path(place)
        write_bundle({"bundle": bundle, "zip_path": zip_path}, key, directory)
        if (
            zip_path is not None and files_key and upload_step is not None
        ):  # first: a bundle is complete when it is there
            _run_step([*convert_step_to_command(upload_step, files_key, quiet=True), files_key], directory)
        _run_step([*upload_command, key], directory)


def _as_async(function: Callable[P, R]) -> Callable[P, Coroutine[Any, Any, R]]:
    @functools.wraps(function)
    async def call(*args: P.args, **kwargs: P.kwargs) -> R:
        return await _io.blocking(function, *args, **kwargs)

    return call


aupload_bundle_to_storage = _as_async(upload_bundle_to_storage)


def write_bundle(created: BundleCreationResult, key: str, directory: Path) -> None:
    """Write a bundle, and the zip of its files, into a directory under their keys; delete the zip.

    Only this user can read them.
    """
    zip_path, files_key = created["zip_path"], created["bundle"].get("files_key")
    try:
        if zip_path is not None and files_key:
            copy_to_directory(zip_path, directory, files_key)
        _write_private(directory / key, json.dumps(created["bundle"]))
    finally:
        if zip_path is not None:
            zip_path.unlink(missing_ok=True)


def _write_private(target: Path, text: str) -> None:
    target.touch(mode=0o600)
    target.write_text(text, encoding="utf-8")


def _run_step(command: list[str], directory: Path) -> None:
    environment = {
        **os.environ,
        **get_current_settings().to_environment_variables(exclude_unset=True, include_secrets=True),
    }
    program = sys.executable if command[0] == "python" else shutil.which(command[0]) or command[0]
    try:
        done = subprocess.run(
            [program, *command[1:]],
            cwd=directory,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=UPLOAD_TIMEOUT_SECONDS,
        )
    except OSError as error:
        raise BundleError(
            f"The bundle could not be uploaded: {command[0]!r} cannot be run: {error.strerror}."
        ) from error
    except subprocess.TimeoutExpired as error:
        raise BundleError(f"The bundle could not be uploaded within {UPLOAD_TIMEOUT_SECONDS:.0f} seconds.") from error
    if done.returncode != 0:
        lines = done.stdout.strip().splitlines()
        raise BundleError(f"The bundle could not be uploaded: {lines[-1] if lines else f'exit code {done.returncode}'}")


__all__ = ["aupload_bundle_to_storage", "upload_bundle_to_storage", "write_bundle"]
