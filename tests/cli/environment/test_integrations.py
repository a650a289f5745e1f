"""`prefect integrations`, and the warning when the original has overwritten this package."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import prefect
from prefect.cli.core import app
from prefect.cli.environment import integrations


def call(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = app.run(["integrations", *arguments])
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def test_requirements_are_printed_for_pip_and_for_uv(capsys: pytest.CaptureFixture[str]):
    code, out, _ = call(capsys, "requirements", "prefect-shell", "sqlalchemy")
    lines = [line for line in out.splitlines() if not line.startswith("#")]
    assert (code, lines) == (0, ["pluperfect[compat]", "sqlalchemy>=1.4.31,<3"])
    assert "--no-deps prefect-shell prefect-sqlalchemy" in out
    code, out, _ = call(capsys, "requirements", "shell", "--uv")
    assert (code, out.splitlines()[-1]) == (0, "prefect; python_version < '3'")


def test_unknown_integration_is_one_clear_line(capsys: pytest.CaptureFixture[str]):
    code, out, err = call(capsys, "requirements", "nope")
    assert (code, out) == (1, "") and err.startswith("Error: There is no integration 'nope'. Known are: aws, azure,")


def test_integrations_are_listed(capsys: pytest.CaptureFixture[str]):
    code, out, _ = call(capsys, "ls")
    assert code == 0 and len(out.splitlines()) == 18
    assert "prefect-dask  part of this package: pip install 'pluperfect[dask]'" in out


@pytest.mark.parametrize("overwritten", ["__init__.py", "server/api/server.py"])
def test_overwritten_files_are_reported_at_import(overwritten: str, tmp_path: Path):
    """Either the package itself is the original's, or it lies among files of the original's."""
    package = tmp_path / "prefect"
    shutil.copytree(Path(prefect.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__", "*.mako"))
    (package / overwritten).parent.mkdir(parents=True, exist_ok=True)
    (package / overwritten).write_text("from prefect import _lazy\n")
    done = subprocess.run(
        [sys.executable, "-c", "import prefect"], cwd=tmp_path, env={}, capture_output=True, text=True, check=True
    )
    assert "has overwritten files of 'pluperfect'" in done.stderr and "pip uninstall" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_ls_reports_that_a_published_integration_has_replaced_the_included_one(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    metadata = tmp_path / "prefect_aws-9.9.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: prefect-aws\nVersion: 9.9\n")
    monkeypatch.syspath_prepend(tmp_path)
    code, out, err = call(capsys, "ls")
    assert (code, "prefect-aws" in out) == (0, True)
    assert "prefect-aws 9.9 has replaced this distribution's prefect_aws" in err
    assert "`pip uninstall prefect-aws`, then `pip install --force-reinstall --no-deps pluperfect`" in err


def test_ls_reports_how_files_that_are_gone_are_restored(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "prefect_partly").mkdir()
    (tmp_path / "prefect_partly" / "left.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(integrations, "_SHIPPED", ("nowhere", "partly"))
    printed = call(capsys, "ls")[2]
    for name in ("nowhere", "partly"):
        assert f"The files of prefect_{name} are gone: restore them with" in printed
