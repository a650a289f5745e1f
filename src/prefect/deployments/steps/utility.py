"""Steps that run commands."""

from __future__ import annotations

import os
import shlex
import string
import sys
from collections.abc import Iterable
from typing import Any, TypedDict

from prefect._io import blocking
from prefect.deployments.steps import packages, processes


class RunShellScriptResult(TypedDict):
    """The output of a script.

    Attributes:
        stdout: Its output.
        stderr: Its error output.
    """

    stdout: str
    stderr: str


async def run_shell_script(
    script: str,
    directory: str | None = None,
    env: dict[str, str] | None = None,
    stream_output: bool = True,
    expand_env_vars: bool = False,
    shell: bool = False,
) -> RunShellScriptResult:
    """Run commands and return what they printed.

    Args:
        script: The commands, one a line. Without `shell` a line is a program with its arguments: no pipes, variables or
            redirections.
        directory: Their working directory.
        env: Environment variables, added to those of this process.
        stream_output: Whether to show their output while they run.
        expand_env_vars: Whether to fill `$NAME` and `${NAME}` in the script.
        shell: Whether a shell runs the script, which ends at the first line that fails.

    Raises:
        RuntimeError: A command failed.
        FileNotFoundError: There is no such program or directory.
    """
    environment = {**os.environ, **{name: str(value) for name, value in (env or {}).items()}}
    if expand_env_vars:
        script = string.Template(script).safe_substitute(environment)
    outputs: list[processes.CommandResult] = []
    for command in _split_script(script, shell):
        result = await blocking(processes.run_command, command, directory, environment, stream_output)
        if result.exit_code != 0:
            reason = f": {result.stderr}" if result.stderr else f", from {shlex.join(command)!r}"
            raise RuntimeError(f"`run_shell_script` failed with error code {result.exit_code}{reason}")
        outputs.append(result)
    return {
        "stdout": "\n".join(result.stdout for result in outputs if result.stdout),
        "stderr": "\n".join(result.stderr for result in outputs if result.stderr),
    }


async def pip_install_requirements(
    directory: str | None = None, requirements_file: str = "requirements.txt", stream_output: bool = True
) -> dict[str, Any]:
    """Install the packages of a requirements file into this environment, with pip or uv.

    Args:
        directory: The directory of the file; the working directory if None.
        requirements_file: The file.
        stream_output: Whether to show the installer's output.

    Raises:
        RuntimeError: There is no such file, or a package could not be installed.
    """
    stdout, stderr = await blocking(packages.install, ["-r", requirements_file], directory, stream_output)
    return {"stdout": stdout, "stderr": stderr}


def _split_script(script: str, shell: bool) -> Iterable[list[str]]:
    if not shell:
        lines = (line.strip() for line in script.splitlines())
        return (shlex.split(line, posix=sys.platform != "win32") for line in lines if line)
    if sys.platform == "win32":
        return [["cmd", "/c", line] for line in script.splitlines() if line.strip()]
    return [["/bin/sh", "-e", "-c", script]] if script.strip() else []
