"""Install the packages that the code of a deployment needs, before its flow is imported.

They go into a directory of this home, a new one for each set of requirements, which comes first on `sys.path`: the
environment of this interpreter stays as it is, and two runs with different requirements do not disturb each other.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import sys
import tempfile
import tomllib
from pathlib import Path

from prefect.deployments.steps import packages
from prefect.settings import get_current_settings

REQUIREMENTS_FILE = "requirements.txt"


def install_dependencies(directory: str | Path) -> Path | None:
    """Install what code needs, and make it importable; return where it is, or None if the code names no packages.

    The packages are those of `dependencies` in `pyproject.toml`, else those of `requirements.txt`.

    Args:
        directory: The directory of the code.

    Raises:
        RuntimeError: The requirements cannot be read, or not be installed.
    """
    code = Path(directory)
    arguments, text = _read_requirements(code)
    if not arguments:
        return None
    key = hashlib.sha256(f"{sys.version}\n{sys.platform}\n{text}".encode()).hexdigest()[:24]
    directory = get_current_settings().home / "dependencies" / key
    if not directory.is_dir():
        _install_into(directory, arguments, code)
    sys.path.insert(0, str(directory))
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(directory), os.environ.get("PYTHONPATH"))))
    return directory


def _read_requirements(code: Path) -> tuple[list[str], str]:
    """Return the arguments of `pip install` for code, and the text that they depend on."""
    project = code / "pyproject.toml"
    if project.is_file():
        text = project.read_text(encoding="utf-8")
        try:
            found = tomllib.loads(text).get("project", {}).get("dependencies") or []
        except tomllib.TOMLDecodeError as error:
            raise RuntimeError(f"The dependencies in {str(project)!r} cannot be read: {error}.") from error
        requirements = [str(one) for one in found if not _is_this_distribution(str(one))]
        return requirements, "\n".join(requirements)
    if (code / REQUIREMENTS_FILE).is_file():
        files = sorted(code.glob("*requirements*.txt"))  # it may include others
        return ["-r", REQUIREMENTS_FILE], "\n".join(file.read_text(encoding="utf-8") for file in files)
    return [], ""


def _is_this_distribution(requirement: str) -> bool:
    return re.split(r"[\s\[<>=!~;@]", requirement.strip(), maxsplit=1)[0].lower() in ("prefect", "pluperfect")


def _install_into(directory: Path, arguments: list[str], code: Path) -> None:
    directory.parent.mkdir(parents=True, exist_ok=True)
    unfinished = tempfile.mkdtemp(prefix="unfinished-", dir=directory.parent)
    try:
        packages.install(["--target", unfinished, *arguments], directory=str(code), stream_output=False)
        if (Path(unfinished) / "prefect").exists():
            raise RuntimeError(
                f"The dependencies of the code in {str(code)!r} bring the distribution `prefect`, which would replace "
                "this one: remove it, and what depends on it, from them."
            )
        os.rename(unfinished, directory)
    except OSError:
        if not directory.is_dir():  # else another run was faster
            raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
