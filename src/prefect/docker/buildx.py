"""Build and push images with `docker buildx`, for platforms and caches that the engine's own builder does not have."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any, TextIO

from prefect.docker.engine import BuildError, PushError
from prefect.docker.names import IMAGE_LABELS


def buildx_build_image(
    context: Path,
    dockerfile: str = "Dockerfile",
    tag: str | None = None,
    pull: bool = False,
    platforms: list[str] | None = None,
    push: bool = False,
    stream_progress_to: TextIO | None = None,
    **kwargs: Any,
) -> str:
    """Build an image for several platforms, and return its id.

    Args: as for `build_image`, but with several `platforms`; `push` says whether to push it as well, and others are
    options of the command: `cache_from=["x"]` is `--cache-from x`.

    Raises:
        BuildError: The build failed, or docker is not installed.
    """
    with tempfile.TemporaryDirectory() as directory:
        id_file = Path(directory) / "id"
        command = ["buildx", "build", str(context), "--file", str(context / dockerfile), "--iidfile", str(id_file)]
        command += ["--push"] if push else ["--load"]
        command += ["--tag", tag] if tag else []
        command += ["--pull"] if pull else []
        command += ["--platform", ",".join(platforms)] if platforms else []
        for name, value in {**IMAGE_LABELS, **kwargs.pop("labels", {})}.items():
            command += ["--label", f"{name}={value}"]
        for name, value in kwargs.items():
            command += _to_options(name, value)
        _run(command, BuildError, stream_progress_to)
        return id_file.read_text().strip()


def buildx_push_image(name: str, tag: str | None = None, stream_progress_to: TextIO | None = None, **_: Any) -> None:
    """Push an image.

    Raises:
        PushError: The registry refuses it.
    """
    _run(["push", f"{name}:{tag}" if tag else name], PushError, stream_progress_to)


def _to_options(name: str, value: Any) -> list[str]:
    option = "--build-arg" if name == "buildargs" else f"--{name.replace('_', '-')}"
    if value is None or value is False:
        return []
    if value is True:
        return [option]
    values = [f"{key}={item}" for key, item in value.items()] if isinstance(value, dict) else value
    return [word for item in (values if isinstance(values, list | tuple) else [values]) for word in (option, str(item))]


def _run(command: list[str], failure: type[Exception], output: TextIO | None) -> None:
    program = shutil.which("docker")
    if program is None:
        raise failure("docker was not found: install it, or use the build backend 'docker-py'.")
    process = subprocess.Popen(
        [program, *command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    lines: list[str] = []
    with process:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line)
            if output is not None:
                output.write(line)
    if process.returncode != 0:
        raise failure(f"docker {command[0]} failed: {''.join(lines[-5:]).strip()}")
