"""Install the packages that steps require."""

from __future__ import annotations

import importlib
import importlib.util
import re
import shutil
import sys
from collections.abc import Iterable

from prefect.deployments.steps.processes import run_command
from prefect.logging.loggers import get_logger

logger = get_logger("deployments.steps")

# Integrations that are part of this distribution, with the extra that their libraries come with.
_OWN_INTEGRATIONS = {"prefect-aws": "aws", "prefect-docker": "docker"}


def require_packages(requirements: str | Iterable[str] | None) -> None:
    """Import packages, and install those that cannot be imported.

    Args:
        requirements: One or several, as pip has them: `s3fs>=2024`.

    Raises:
        RuntimeError: A package could not be installed, or must not be.
    """
    if isinstance(requirements, str):
        requirements = [requirements]
    missing = [requirement for requirement in requirements or () if not _is_installed(requirement)]
    if not missing:
        return
    logger.info("Installing %s, which the next step requires.", ", ".join(missing))
    install([_translate(requirement) for requirement in missing])
    importlib.invalidate_caches()


def install(arguments: list[str], directory: str | None = None, stream_output: bool = True) -> tuple[str, str]:
    """Run `pip install` for this interpreter, or `uv pip install` where pip is missing, and return what it printed.

    Raises:
        RuntimeError: It failed.
    """
    command = [sys.executable, "-m", "pip", "install"]
    if importlib.util.find_spec("pip") is None:
        uv = shutil.which("uv")
        if uv is None:
            raise RuntimeError("Packages cannot be installed: neither pip nor uv was found. Install one of them.")
        command = [uv, "pip", "install", "--python", sys.executable]
    result = run_command([*command, *arguments], directory=directory, stream_output=stream_output)
    if result.exit_code != 0:
        raise RuntimeError(
            f"{' '.join(arguments)} could not be installed, exit code {result.exit_code}: {result.stderr}"
        )
    return result.stdout, result.stderr


def _is_installed(requirement: str) -> bool:
    module = re.split(r"[\s\[<>=!~;@]", requirement.strip(), maxsplit=1)[0].replace("-", "_")
    try:
        importlib.import_module(module)
    except ImportError:
        return False
    return True


def _translate(requirement: str) -> str:
    name = re.split(r"[\s\[<>=!~;@]", requirement.strip(), maxsplit=1)[0].lower().replace("_", "-")
    if name in _OWN_INTEGRATIONS:
        return f"pluperfect[{_OWN_INTEGRATIONS[name]}]"
    if name == "prefect" or name.startswith("prefect-"):
        raise RuntimeError(
            f"A step requires {requirement!r}, which is not installed. It is not installed automatically, because it "
            "brings the distribution `prefect`, which would overwrite this one: install it without its dependencies."
        )
    return requirement
