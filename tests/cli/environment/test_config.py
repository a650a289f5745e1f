"""`prefect config`."""

from pathlib import Path

import pytest

from prefect.settings.legacy import all_leaves


@pytest.fixture
def profiles(home: Path) -> Path:
    home.mkdir()
    path = home / "profiles.toml"
    path.write_text('active = "mine"\n[profiles.mine]\nPREFECT_API_KEY = "secret"\n')
    return path


def test_view_shows_sources(run, profiles, home, monkeypatch):
    Path("prefect.toml").write_text("[tasks]\ndefault_retries = 3\n")
    Path("pyproject.toml").write_text("[tool.prefect.flows]\ndefault_retries = 2\n")
    Path(".env").write_text("PREFECT_API_URL=http://h/api\n")
    monkeypatch.setenv("PREFECT_DEBUG_MODE", "true")
    assert run("config", "view").out.splitlines() == [
        "PREFECT_PROFILE='mine'",
        "PREFECT_API_KEY='********' (from profile)",
        "PREFECT_API_URL='http://h/api' (from .env file)",
        "PREFECT_DEBUG_MODE='true' (from env)",
        "PREFECT_FLOWS_DEFAULT_RETRIES='2' (from pyproject.toml)",
        f"PREFECT_HOME='{home}' (from env)",
        "PREFECT_TASKS_DEFAULT_RETRIES='3' (from prefect.toml)",
    ]
    assert "PREFECT_API_KEY='secret'\n" in run("config", "view", "--show-secrets", "--hide-sources").out
    shown = run("config", "view", "-o", "json").json
    assert shown["ui_url"] == "http://h"
    assert shown["settings"][0] == {"name": "PREFECT_API_KEY", "value": "********", "source": "profile"}


def test_view_shows_defaults(run):
    shown = run("config", "view", "--show-defaults").out
    assert "PREFECT_TASKS_DEFAULT_RETRIES='0' (from defaults)\n" in shown
    assert "PREFECT_API_KEY='None' (from defaults)\n" in shown
    assert shown.count("\n") == len(all_leaves()) + 1  # and the profile
    assert "PREFECT_SERVER_DATABASE_CONNECTION_URL='********'" in shown


def test_output_format_other_than_json_fails(run):
    assert run("config", "view", "-o", "yaml") == (1, "", "Error: Only 'json' output format is supported.\n")


def test_set_writes_profile(run, profiles):
    outcome = run("config", "set", "PREFECT_TASK_DEFAULT_RETRIES=3", "--settings", "PREFECT_API_KEY=k=1")
    assert outcome == (
        0,
        "Set 'PREFECT_TASK_DEFAULT_RETRIES' to '3'.\nSet 'PREFECT_API_KEY' to '********'.\nUpdated profile 'mine'.\n",
        "",
    )
    assert profiles.read_text() == (
        'active = "mine"\n[profiles.mine]\nPREFECT_API_KEY = "k=1"\nPREFECT_TASKS_DEFAULT_RETRIES = "3"\n'
    )


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("PREFECT_API_URRL=1", "There is no setting 'PREFECT_API_URRL'. Did you mean PREFECT_API_URL?"),
        ("PREFECT_API_URL", "'PREFECT_API_URL' is not of the form NAME=VALUE."),
        (
            "PREFECT_TASKS_DEFAULT_RETRIES=x",
            "PREFECT_TASKS_DEFAULT_RETRIES is 'x' (from the command line), but it should be a valid integer.",
        ),
        (
            "PREFECT_HOME=/x",
            "PREFECT_HOME locates the profiles file, so a profile cannot set it. Use an environment variable.",
        ),
    ],
)
def test_set_rejects_invalid_setting(run, profiles, text: str, error: str):
    before = profiles.read_text()
    assert run("config", "set", "PREFECT_DEBUG_MODE=1", text) == (1, "", f"Error: {error}\n")
    assert profiles.read_text() == before


def test_set_requires_a_setting(run):
    assert run("config", "set").code == 1


def test_set_warns_when_environment_takes_precedence(run, profiles, monkeypatch):
    monkeypatch.setenv("PREFECT_API_KEY", "x")
    assert "unset PREFECT_API_KEY" in run("config", "set", "PREFECT_API_KEY=y").err


def test_unset_removes_setting(run, profiles):
    assert run("config", "unset", "PREFECT_API_KEY", "-y") == (
        0,
        "Unset 'PREFECT_API_KEY'.\nUpdated profile 'mine'.\n",
        "",
    )
    assert run("config", "unset", "PREFECT_API_KEY") == (
        1,
        "",
        "Error: 'PREFECT_API_KEY' is not set in profile 'mine'.\n",
    )
    assert run("config", "unset", "FOO").err == "Error: There is no setting 'FOO'.\n"


def test_unset_asks_when_interactive(run, profiles, monkeypatch):
    monkeypatch.setattr("click.termui.visible_prompt_func", lambda _: "n")
    assert run("--prompt", "config", "unset", "PREFECT_API_KEY").code == 130
    assert "secret" in profiles.read_text()
    monkeypatch.setattr("click.termui.visible_prompt_func", lambda _: "y")
    assert run("--prompt", "config", "unset", "PREFECT_API_KEY").code == 0
    assert "secret" not in profiles.read_text()


def test_validate_warns_about_misspelled_variable(run, monkeypatch):
    assert run("config", "validate") == (0, "Configuration valid!\n", "")
    monkeypatch.setenv("PREFECT_API_URRL", "x")
    monkeypatch.setenv("PREFECT_SOMETHING_OF_MY_OWN", "x")
    assert run("config", "validate") == (
        0,
        "Configuration valid!\n",
        "PREFECT_API_URRL in the environment is not a setting. Did you mean PREFECT_API_URL?\n",
    )


def test_validate_reports_every_error(run, monkeypatch):
    monkeypatch.setenv("PREFECT_TASKS_DEFAULT_RETRIES", "-1")
    Path("prefect.toml").write_text("[worker]\nquery_seconds = 'often'\n")
    assert run("config", "validate") == (
        1,
        "",
        "Error: PREFECT_TASKS_DEFAULT_RETRIES is '-1' (from the environment), but it should be greater than or equal to"
        " 0.\nPREFECT_WORKER_QUERY_SECONDS is 'often' (from query_seconds of [worker] in prefect.toml), but it should"
        " be a valid number.\n",
    )
