"""Defaults, overrides, files: what they make of the loggers, and that both ways of applying them agree."""

import io
import json
import logging
import logging.config
import logging.handlers
import os
import subprocess
import sys
from pathlib import Path

import pytest
from _pytest.logging import LogCaptureHandler

from prefect.logging import configuration
from prefect.logging.configuration import (
    DEFAULT_LOGGING_SETTINGS_PATH,
    PROCESS_LOGGING_CONFIG,
    ensure_logging_setup,
    load_logging_config,
    setup_logging,
    to_envvar,
)
from prefect.logging.handlers import APILogHandler, PrefectConsoleHandler, WorkerAPILogHandler
from prefect.logging.loggers import get_logger
from prefect.settings import temporary_settings


def tree() -> dict:
    """Everything that a configuration changes about the loggers."""

    def describe(handler: logging.Handler) -> tuple:
        form = handler.formatter
        formats = form and (form._fmt, form.datefmt, getattr(form, "flow_run_fmt", 0), getattr(form, "task_run_fmt", 0))
        return type(handler), handler.name, handler.level, formats, getattr(handler, "_styles", None)

    names = ["", *PROCESS_LOGGING_CONFIG["loggers"]]
    found = {name: logging.getLogger(name) for name in names}
    return {n: (lg.level, lg.propagate, [describe(h) for h in lg.handlers]) for n, lg in found.items()}


def test_default_configuration(setup):
    config = setup()
    assert config == PROCESS_LOGGING_CONFIG and config["incremental"] is False
    assert [type(h) for h in logging.root.handlers] == [PrefectConsoleHandler] and logging.root.level == logging.WARNING
    assert [type(h) for h in logging.getLogger("prefect.flow_runs").handlers] == [APILogHandler]
    assert [type(h) for h in logging.getLogger("prefect.task_runs").handlers] == [APILogHandler]
    assert [type(h) for h in logging.getLogger("prefect.workers").handlers] == [WorkerAPILogHandler]
    assert logging.getLogger("prefect.task_runs").getEffectiveLevel() == logging.INFO


def test_direct_configuration_equals_dict_config(setup, monkeypatch):
    setup()
    direct = tree()
    logging.root.handlers = []
    monkeypatch.setattr(configuration, "_is_own", lambda config: False)
    PROCESS_LOGGING_CONFIG.clear()
    setup_logging()
    assert tree() == direct


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"logging.level": "DEBUG", "server.logging_level": "CRITICAL", "internal.logging_level": "INFO"},
        {"debug_mode": True},
    ],
)
def test_packaged_file_equals_the_defaults(settings):
    with temporary_settings(settings):
        assert load_logging_config(DEFAULT_LOGGING_SETTINGS_PATH) == configuration._default_config()


def test_second_setup_changes_levels_only(setup):
    setup()
    console = logging.root.handlers[0]
    with temporary_settings({"logging.level": "ERROR"}):
        assert setup_logging()["incremental"] is True
    assert logging.root.handlers == [console]
    assert logging.getLogger("prefect").level == logging.ERROR
    setup_logging(incremental=False)
    assert logging.root.handlers != [console] and logging.getLogger("prefect").level == logging.INFO


class OwnHandler(logging.Handler):
    """A program's handler, of which nobody knows what it does."""


@pytest.mark.parametrize(
    "make",
    [
        logging.NullHandler,
        lambda: logging.StreamHandler(io.StringIO()),
        lambda: logging.FileHandler(os.devnull),
        lambda: logging.handlers.MemoryHandler(1),
        LogCaptureHandler,
    ],
    ids=["null", "text", "file", "memory", "pytest"],
)
def test_console_is_added_to_root_handlers_that_show_nothing(monkeypatch, stderr, make):
    foreign = make()
    logging.root.handlers = [foreign]
    logging.root.setLevel(logging.INFO)
    monkeypatch.setattr(sys, "stderr", stderr)

    setup_logging()
    get_logger("x").warning("shown")
    setup_logging(incremental=False)
    get_logger("x").warning("shown again")

    assert [line.rpartition(" - ")[2] for line in stderr.getvalue().splitlines()] == ["shown", "shown again"]
    assert foreign in logging.root.handlers and logging.root.level == logging.INFO
    foreign.close()


@pytest.mark.parametrize("make", [logging.StreamHandler, lambda: logging.StreamHandler(sys.stdout), OwnHandler])
def test_setup_keeps_root_handlers_that_show_records(make):
    foreign = make()
    logging.root.handlers, level = [foreign], logging.root.level
    assert "root" not in setup_logging()
    setup_logging()
    assert logging.root.handlers == [foreign] and logging.root.level == level


@pytest.mark.parametrize(
    ("variable", "value", "keys", "expected"),
    [
        ("LOGGERS_PREFECT_FLOW_RUNS_LEVEL", "error", ("loggers", "prefect.flow_runs", "level"), "ERROR"),
        ("HANDLERS_CONSOLE_LEVEL", "30", ("handlers", "console", "level"), 30),
        ("FORMATTERS_STANDARD_DATEFMT", "%H", ("formatters", "standard", "datefmt"), "%H"),
        ("LOGGERS_UVICORN_PROPAGATE", "true", ("loggers", "uvicorn", "propagate"), True),
        ("ROOT_HANDLERS", "[console, debug]", ("root", "handlers"), ["console", "debug"]),
        ("HANDLERS_CONSOLE_STYLES_LOG_WEB_URL", "red", ("handlers", "console", "styles", "log.web_url"), "red"),
    ],
)
def test_environment_overrides_any_key(setup, monkeypatch, variable, value, keys, expected):
    monkeypatch.setenv(f"PREFECT_LOGGING_{variable}", value)
    found = setup()
    for key in keys:
        found = found[key]
    assert found == expected


def test_environment_overrides_are_applied(setup, monkeypatch, stderr):
    monkeypatch.setenv("PREFECT_LOGGING_LOGGERS_PREFECT_FLOW_RUNS_LEVEL", "ERROR")
    monkeypatch.setenv("PREFECT_LOGGING_FORMATTERS_STANDARD_FORMAT", "mine %(message)s")
    setup()
    get_logger("flow_runs").warning("not this")
    get_logger("x").warning("this")
    assert stderr.getvalue() == "mine this\n"


def test_settings_are_not_configuration_overrides():
    from prefect.settings.models.logging import LoggingSettings

    names = set(LoggingSettings().to_environment_variables(include_aliases=True))
    known = {f"PREFECT_LOGGING_{name}" for name in ("EXTRA_LOGGERS", "SERVER_LEVEL", "INTERNAL_LEVEL")}
    assert names | known == configuration._SETTINGS


@pytest.mark.parametrize("name", ["PREFECT_LOGGING_CONFIG_PATH", "PREFECT_LOGGING_SETTINGS_PATH"])
def test_configuration_file_replaces_the_defaults(setup, monkeypatch, tmp_path, stderr, name):
    path = tmp_path / "mine.yml"
    path.write_text(
        "version: 1\n"
        "disable_existing_loggers: false\n"
        "formatters: {plain: {format: '${PREFECT_LOGGING_LEVEL} ${UNKNOWN} $$ %(message)s'}}\n"
        "handlers: {console: {class: prefect.logging.handlers.PrefectConsoleHandler, formatter: plain}}\n"
        "loggers: {prefect.flow_runs: {level: INFO, handlers: [console], propagate: false}}\n"
    )
    monkeypatch.setenv(name, str(path))
    setup()
    logging.getLogger("prefect.flow_runs").info("hello")
    assert stderr.getvalue() == "INFO ${UNKNOWN} $ hello\n"


def test_configuration_file_in_the_home_is_found(setup, home, stderr):
    home.mkdir()
    (home / "logging.yml").write_text(
        DEFAULT_LOGGING_SETTINGS_PATH.read_text().replace("%(name)s - %(message)s", "mine - %(message)s")
    )
    setup()
    get_logger("x").info("hello")
    assert stderr.getvalue().endswith("| INFO    | mine - hello\n")


def test_invalid_configuration_file_falls_back_to_the_defaults(home, capsys):
    home.mkdir()
    (home / "logging.yml").write_text("version: 1\nloggers: [")
    logging.root.handlers = []
    ensure_logging_setup()
    assert capsys.readouterr().err.startswith("The logging configuration could not be applied, the defaults are used: ")
    assert [type(h) for h in logging.root.handlers] == [PrefectConsoleHandler]
    with pytest.raises(ValueError, match="is not YAML"):
        setup_logging()


def test_load_logging_config_raises_when_the_file_is_missing(tmp_path):
    with pytest.raises(FileNotFoundError):
        load_logging_config(tmp_path / "none.yml")


def test_load_logging_config_raises_when_not_a_mapping(tmp_path):
    (tmp_path / "list.yml").write_text("[1, 2]")
    with pytest.raises(ValueError, match="must be a mapping"):
        load_logging_config(tmp_path / "list.yml")


def test_extra_loggers_have_the_handlers_of_runs(setup, monkeypatch):
    monkeypatch.setenv("PREFECT_LOGGING_EXTRA_LOGGERS", "extra_one, extra_two")
    setup()
    for name in ("extra_one", "extra_two"):
        logger = logging.getLogger(name)
        assert [type(h) for h in logger.handlers] == [APILogHandler] and logger.propagate and logger.level == 0


@pytest.mark.parametrize(("name", "part"), [("prefect.flow_runs-x", "prefect_flow_runs_x"), ("a  b", "a_b"), ("", "")])
def test_to_envvar(name, part):
    assert to_envvar(name) == part


def test_ensure_logging_setup_is_idempotent(setup):
    setup()
    console = logging.root.handlers[0]
    ensure_logging_setup()
    assert logging.root.handlers == [console]


SCRIPT = """
import json, sys
import prefect.logging
from prefect.logging import _identity
before = "logging" in sys.modules
from prefect.settings import get_current_settings
get_current_settings().logging.to_api.enabled  # pydantic imports some of the modules below
others = set(sys.modules)
from prefect.logging.configuration import setup_logging
config = setup_logging()
from prefect.logging.loggers import flow_run_logger
import uuid
flow_run_logger(flow_run_id=uuid.uuid4()).info("a line at https://example.com")
heavy = ["yaml", "rich", "logging.config", "socket", "asyncio", "sqlite3", "jinja2", "httpx"]
print(json.dumps([before, [name for name in heavy if name in set(sys.modules) - others], "root" in config]))
"""


def test_default_setup_imports_nothing_heavy(home, tmp_path):
    environment = {**os.environ, "PREFECT_HOME": str(home), "PYTHONPATH": str(Path(configuration.__file__).parents[2])}
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, env=environment, check=True)
    assert json.loads(done.stdout) == [False, [], True]
    assert done.stderr.endswith("| INFO    | Flow run '<unknown>' - a line at https://example.com\n")
