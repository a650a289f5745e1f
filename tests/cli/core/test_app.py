"""Command resolution, global options, errors and exit codes, and imports at start-up."""

import subprocess
import sys

import pytest

import prefect
from prefect.cli.core import app, registry


def test_help_lists_commands_without_importing_them():
    code = (
        "import sys; from prefect.cli.core import app; app.run(['--help']);"
        "print([m for m in sys.modules if m.startswith(('prefect.cli.', 'prefect.settings', 'pydantic', 'rich'))])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    for entry in registry.COMMANDS:
        assert entry.summary in " ".join(shown.split())
    loaded = ("core", "core.formats", "core.output", "core.errors", "core.registry", "core.command", "core.app")
    assert shown.splitlines()[-1] == str([f"prefect.cli.{name}" for name in loaded])


def test_version_command_builds_no_settings():
    code = (
        "import sys; from prefect.cli.core import app; app.run(['version']);"
        "print([m for m in sys.modules if m in ('pydantic', 'rich', 'tomllib', 'asyncio')])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown.splitlines()[-1] == "[]"


def test_every_registry_entry_has_a_command(run):
    for entry in registry.COMMANDS:
        for name in (entry.name, *entry.aliases):
            outcome = run(name, "--help")
            assert outcome.code == 0
            assert "--profile" in outcome.out
        assert entry.summary.endswith(".")


def test_group_without_command_shows_help(run):
    assert run() == run("--help")
    assert run("config") == run("config", "--help")
    assert run("config").code == 0


@pytest.mark.parametrize("flag", ["--version", "-v"])
def test_version_option_prints_version(run, flag: str):
    assert run(flag) == (0, prefect.__version__ + "\n", "")


def test_package_runs_as_module():
    shown = subprocess.run([sys.executable, "-m", "prefect", "--version"], capture_output=True, text=True, check=True)
    assert shown.stdout == prefect.__version__ + "\n"


def test_unknown_command_suggests_similar_name(run):
    assert run("confg", "view") == (
        1,
        "",
        "Error: There is no command 'confg'. Did you mean 'config'? See `prefect --help`.\n",
    )
    assert run("config", "viw") == (
        1,
        "",
        "Error: There is no command 'viw'. Did you mean 'view'? See `prefect config --help`.\n",
    )
    assert "Did you mean" not in run("zzz").err


def test_unknown_option_error_is_one_line(run):
    outcome = run("config", "view", "--show-default")
    assert outcome.code == 1
    assert outcome.err.count("\n") == 1
    assert "--show-defaults" in outcome.err


def test_planned_command_fails_with_its_name(run):
    assert run("cloud") == (1, "", "Error: `prefect cloud` is not implemented yet.\n")


@pytest.mark.parametrize(
    ("args", "rest", "profile", "prompt"),
    [
        (["-p", "a", "config", "view"], ["config", "view"], "a", None),
        (["config", "view", "--profile", "a"], ["config", "view"], "a", None),
        (["--profile=a", "--no-prompt", "x", "-p", "b"], ["x", "-p", "b"], "a", False),
        (["x", "--prompt", "--", "--profile", "a"], ["x", "--", "--profile", "a"], None, True),
    ],
)
def test_extract_global_options(args, rest, profile, prompt):
    assert app.extract_global_options(args) == (rest, profile, prompt)


def test_profile_option_applies_to_one_command(run, monkeypatch):
    monkeypatch.setenv("PREFECT_API_URL", "http://elsewhere/api")
    shown = run("config", "view", "--profile", "local", "-o", "json").json
    assert shown["profile"] == "local"
    assert {"name": "PREFECT_API_URL", "value": "http://127.0.0.1:4200/api", "source": "profile"} in shown["settings"]
    assert run("-p", "local", "version", "-o", "json").json["server_type"] == "server"


def test_profile_option_fails_for_unknown_profile(run):
    outcome = run("--profile", "nope", "config", "view")
    assert outcome[:2] == (1, "")
    assert outcome.err.startswith("Error: There is no profile 'nope'.")
    assert run("config", "view", "--profile").code == 1


def test_invalid_setting_error_is_one_line(run, monkeypatch):
    monkeypatch.setenv("PREFECT_CLI_PROMPT", "perhaps")
    assert run("--prompt", "config", "view").code == 0
    monkeypatch.setenv("PREFECT_API_REQUEST_TIMEOUT", "soon")
    assert run("config", "view", "--show-defaults") == (
        1,
        "",
        "Error: PREFECT_API_REQUEST_TIMEOUT is 'soon' (from the environment), but it should be a valid number.\n",
    )


def fail_unexpectedly() -> None:
    raise ZeroDivisionError("by zero")


def test_traceback_is_printed_only_in_debug_mode(run, monkeypatch):
    monkeypatch.setattr("prefect.cli.environment.version.command.callback", lambda **_: fail_unexpectedly())
    outcome = run("version")
    assert (outcome.code, outcome.err.count("\n")) == (1, 1)
    assert outcome.err.startswith("Error: Unexpected ZeroDivisionError: by zero")
    monkeypatch.setenv("PREFECT_DEBUG_MODE", "1")
    assert "Traceback" in run("version").err


def test_interrupt_exits_with_130(run, monkeypatch):
    def interrupted(**_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("prefect.cli.environment.version.command.callback", interrupted)
    assert run("version") == (130, "", "\nError: Aborted.\n")  # newline after the echoed ^C


def test_closed_pipe_is_silent():
    code = "from prefect.cli import main; input(); main(['config', 'view', '--show-defaults'])"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdin and process.stdout and process.stderr
        process.stdout.close()
        process.stdin.write(b"\n")
        process.stdin.close()
        assert process.stderr.read() == b""
        assert process.wait() == 1


def test_planned_command_of_group_fails_with_its_name(run):
    assert run("experimental", "plugins").err == ("Error: `prefect experimental plugins` is not implemented yet.\n")
    assert "plugins" not in run("experimental", "--help").out


def test_group_aliases_are_shown_and_suggested(run):
    assert "pause (disable)" in run("automation", "--help").out
    assert "Did you mean 'disable'?" in run("automation", "disabel").err
