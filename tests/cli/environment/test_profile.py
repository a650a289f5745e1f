"""`prefect profile`."""

import tomllib
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def saved(home: Path):
    def saved() -> dict[str, Any]:
        return tomllib.loads((home / "profiles.toml").read_text())

    return saved


def test_profile_ls(run):
    assert run("profile", "ls").out.splitlines() == ["* ephemeral", "  local", "  test", "  cloud"]
    run("profile", "create", "mine")
    assert run("profiles", "ls", "-o", "json").json[-1] == {"name": "mine", "active": False}


def test_profile_create(run, saved):
    assert run("profile", "create", "mine").code == 0
    assert saved()["profiles"] == {"mine": {}}
    assert run("profile", "create", "mine") == (
        1,
        "",
        "Error: There is already a profile 'mine'; `prefect profile delete 'mine'` removes it.\n",
    )
    assert run("profile", "create", "--name", "copy", "--from", "local").code == 0
    assert saved()["profiles"]["copy"] == {"PREFECT_API_URL": "http://127.0.0.1:4200/api"}
    assert run("profile", "create", "x", "--from", "nope").code == 1
    assert "x" not in saved()["profiles"]


def test_profile_use(run, saved, home, monkeypatch):
    run("profile", "create", "mine")
    assert run("profile", "use", "mine") == (
        0,
        f"Profile 'mine' is now active.\nRuns are recorded in {home}.\n",
        "",
    )
    assert saved()["active"] == "mine"
    assert run("profile", "use", "local").out.endswith("Runs go to the server at http://127.0.0.1:4200/api.\n")
    assert run("version", "-o", "json").json["profile"] == "local"
    assert run("profile", "use", "nope").code == 1
    assert saved()["active"] == "local"
    monkeypatch.setenv("PREFECT_PROFILE", "mine")
    assert "PREFECT_PROFILE is 'mine' in the environment, which takes precedence." in run("profile", "use", "local").err


def test_profile_inspect(run):
    assert run("profile", "inspect", "local").out == "PREFECT_API_URL='http://127.0.0.1:4200/api'\n"
    assert run("profile", "inspect", "-o", "json").json == {"PREFECT_SERVER_EPHEMERAL_ENABLED": "true"}
    assert "'ephemeral'" in run("profile", "inspect").err
    assert run("profile", "inspect", "cloud").out == "Profile 'cloud' is empty.\n"
    assert run("profile", "inspect", "nope").code == 1
    assert "sqlite" not in run("profile", "inspect", "test").out  # a database URL may contain a password


def test_profile_delete(run, saved):
    run("profile", "create", "mine")
    run("profile", "create", "other")
    run("profile", "use", "mine")
    assert run("profile", "delete", "mine") == (
        1,
        "",
        "Error: Profile 'mine' is active. Activate another one with `prefect profile use` before you delete it.\n",
    )
    assert run("profile", "delete", "other") == (0, "Deleted profile 'other'.\n", "")
    assert set(saved()["profiles"]) == {"mine"}
    assert run("profile", "delete", "other").err == "Error: There is no profile 'other'.\n"
    assert "is built in" in run("profile", "delete", "local").err


def test_profile_rename(run, saved, monkeypatch):
    run("profile", "create", "mine")
    run("profile", "create", "other")
    run("profile", "use", "mine")
    monkeypatch.setenv("PREFECT_PROFILE", "mine")
    outcome = run("profile", "rename", "mine", "yours")
    assert outcome == (
        0,
        "Renamed profile 'mine' to 'yours'.\n",
        "PREFECT_PROFILE is still 'mine' in the environment.\n",
    )
    assert saved()["active"] == "yours"
    monkeypatch.delenv("PREFECT_PROFILE")
    assert run("profile", "rename", "yours", "other").err == "Error: There is already a profile 'other'.\n"
    assert run("profile", "rename", "nope", "x").code == 1


def test_profile_populate_defaults(run, saved):
    run("profile", "create", "local")
    assert run("profile", "populate-defaults").code == 0
    assert set(saved()["profiles"]) == {"local", "ephemeral", "test", "cloud"}
    assert run("profile", "populate-defaults").out == "All built-in profiles are already in the file.\n"
