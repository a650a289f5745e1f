"""`prefect version`."""

import sys

import pytest

import prefect
from prefect.cli import app
from prefect.cli.environment import version


def test_version_prints_fields(run):
    outcome = run("version")
    assert outcome.code == 0
    lines = dict(line.split(":", 1) for line in outcome.out.splitlines())
    assert lines["Version"].strip() == prefect.__version__
    assert lines["Pluperfect"].strip() == prefect.__pluperfect_version__
    assert lines["Profile"].strip() == "ephemeral"
    assert lines["Server type"].strip() == "local"
    assert lines["  Database"].strip() == "sqlite"


def test_version_asks_the_metadata_of_packages_that_no_directory_names(run, monkeypatch):
    listed = run("version", "-o", "json").json
    monkeypatch.setattr(version, "_list_installed", dict)
    assert run("version", "-o", "json").json == listed


def test_version_prints_json(run, monkeypatch):
    monkeypatch.setenv("PREFECT_API_URL", "https://api.prefect.cloud/api/accounts/x")
    monkeypatch.setenv("PREFECT_API_DATABASE_CONNECTION_URL", "postgresql+asyncpg://u:p@h/d")
    shown = run("version", "-o", "json").json
    assert shown["server_type"] == "cloud"
    assert shown["server"] == {"Database": "postgresql"}


def test_version_lists_installed_integrations(run, monkeypatch, tmp_path):
    (tmp_path / "prefect_docker-0.6.0.dist-info").mkdir()
    monkeypatch.syspath_prepend(str(tmp_path))
    assert run("version", "-o", "json").json["integrations"] == {"prefect-docker": "0.6.0"}
    assert "integrations" not in run("version", "-o", "json", "--omit-integrations").json


def test_app_runs_the_command_line_of_the_process(monkeypatch, capsys, home):
    monkeypatch.setattr(sys, "argv", ["prefect", "--version"])
    with pytest.raises(SystemExit) as ended:
        app()
    assert (ended.value.code, capsys.readouterr().out.strip()) == (0, prefect.__version__)
