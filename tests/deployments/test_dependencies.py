"""Packages that the code of a deployment needs are installed before its flow runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from prefect.deployments import dependencies
from prefect.deployments.steps import packages

BACKEND = """
import pathlib, zipfile

METADATA = "Metadata-Version: 2.1\\nName: greeter-of-tests\\nVersion: 1.0\\n"
WHEEL = "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"

def build_wheel(directory, config_settings=None, metadata_directory=None):
    name = "greeter_of_tests-1.0-py3-none-any.whl"
    with zipfile.ZipFile(pathlib.Path(directory) / name, "w") as wheel:
        wheel.writestr("greeter_of_tests.py", "GREETING = 'installed'")
        for file, text in (("METADATA", METADATA), ("WHEEL", WHEEL), ("RECORD", "")):
            wheel.writestr("greeter_of_tests-1.0.dist-info/" + file, text)
    return name
"""
"""Builds a wheel without any tool that would have to be installed."""


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What was asked to be installed: each makes one module."""
    calls: list[list[str]] = []

    def install(arguments: list[str], directory: str | None = None, stream_output: bool = True) -> None:
        calls.append(arguments[2:])
        (Path(arguments[1]) / "needed.py").touch()

    monkeypatch.setattr(packages, "install", install)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setenv("PYTHONPATH", "before")
    return calls


def test_requirements_are_installed_once(installed: list[list[str]], tmp_path: Path) -> None:
    project = tmp_path / "pyproject.toml"
    project.write_text('[project]\ndependencies = ["needed>=1", "prefect>=3.4"]')
    (tmp_path / "requirements.txt").write_text("other")
    places = [dependencies.install_dependencies(tmp_path) for _ in range(2)]
    assert installed == [["needed>=1"]]
    assert places[0] == places[1] and places[0] is not None
    assert sys.path[0] == str(places[0])
    assert os.environ["PYTHONPATH"].split(os.pathsep)[0] == str(places[0])
    assert os.listdir(places[0]) == ["needed.py"]
    project.unlink()
    assert dependencies.install_dependencies(tmp_path) != places[0]
    assert installed[1:] == [["-r", "requirements.txt"]]
    assert len(os.listdir(places[0].parent)) == 2


@pytest.mark.parametrize("text", [None, "", "[tool.other]", "[project]\ndependencies = ['prefect']"])
def test_code_without_requirements_needs_nothing(text: str | None, installed: list[list[str]], tmp_path: Path) -> None:
    if text is not None:
        (tmp_path / "pyproject.toml").write_text(text)
    assert dependencies.install_dependencies(tmp_path) is None
    assert installed == []


def test_failed_installation_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(arguments: list[str], **_: object) -> None:
        (Path(arguments[1]) / "half.py").touch()
        raise RuntimeError("no such package")

    monkeypatch.setattr(packages, "install", fail)
    (tmp_path / "requirements.txt").write_text("needed")
    with pytest.raises(RuntimeError, match="no such package"):
        dependencies.install_dependencies(tmp_path)
    assert os.listdir(dependencies.get_current_settings().home / "dependencies") == []


def test_distribution_that_would_replace_this_one_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "install", lambda arguments, **_: (Path(arguments[1]) / "prefect").mkdir())
    (tmp_path / "requirements.txt").write_text("prefect-email")
    with pytest.raises(RuntimeError, match="which would replace this one"):
        dependencies.install_dependencies(tmp_path)


def test_invalid_project_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[project")
    with pytest.raises(RuntimeError, match=r"pyproject.toml' cannot be read: Expected"):
        dependencies.install_dependencies(tmp_path)


def test_run_of_a_deployment_imports_what_was_installed(tmp_path: Path) -> None:
    """With a package from a directory, and no server."""
    package = tmp_path / "package"
    package.mkdir()
    (package / "backend.py").write_text(BACKEND)
    (package / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        '[project]\nname = "greeter-of-tests"\nversion = "1.0"'
    )
    code = tmp_path / "code"
    code.mkdir()
    (code / "requirements.txt").write_text(f"greeter-of-tests @ {package.as_uri()}")
    (code / "flows.py").write_text(
        "import greeter_of_tests\nfrom prefect import flow\n\n@flow\ndef work():\n"
        "    open('result', 'w').write(greeter_of_tests.GREETING)\n"
    )
    program = f"""
import asyncio, os, sys, json
from prefect import get_client

async def main():
    async with get_client() as client:
        flow_id = await client.create_flow_from_name("work")
        deployment = await client.create_deployment(flow_id, "d", entrypoint="flows.py:work", path={str(code)!r})
        run = await client.create_flow_run_from_deployment(deployment)
        print(json.dumps(str(run.id)))

asyncio.run(main())
"""
    environment = {
        **os.environ,
        "PREFECT_HOME": str(tmp_path / "home"),
        "PREFECT_RUNNER_AUTO_INSTALL_DEPENDENCIES": "true",
        "PIP_NO_INDEX": "1",
    }
    created = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    environment["PREFECT__FLOW_RUN_ID"] = json.loads(created.stdout)
    ended = subprocess.run(
        [sys.executable, "-m", "prefect.engine"], env=environment, capture_output=True, text=True, cwd=tmp_path
    )
    assert ended.returncode == 0, ended.stderr
    assert (code / "result").read_text() == "installed"
