"""Logging belongs to the process: each test of it starts with none set up and puts back what there was."""

import builtins
import io
import logging
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from prefect.logging import _defaults, configuration, handlers, loggers

NAMES = ("", *_defaults.default_config("INFO", "INFO", "INFO")["loggers"])


class Terminal(io.StringIO):
    """A stderr that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def process_logging(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    before = {name: _look(logging.getLogger(name)) for name in NAMES}
    config = dict(configuration.PROCESS_LOGGING_CONFIG)
    names = set(logging.root.manager.loggerDict)
    configuration.PROCESS_LOGGING_CONFIG.clear()
    loggers._known.clear()
    monkeypatch.setattr(handlers, "_reported", set())
    for name in NAMES:
        logger = logging.getLogger(name)
        logger.filters = []
        if name:
            logger.handlers, logger.propagate, logger.disabled = [], True, False
            logger.setLevel(logging.NOTSET)
    yield
    handlers.set_api_log_sink(None)
    assert builtins.print is not loggers.print_as_log
    for name, (level, propagate, disabled, found, filters) in before.items():
        logger = logging.getLogger(name)
        logger.setLevel(level)
        logger.propagate, logger.disabled, logger.handlers, logger.filters = propagate, disabled, found, filters
    for name in set(logging.root.manager.loggerDict) - names:
        logging.getLogger(name).handlers.clear()
    configuration.PROCESS_LOGGING_CONFIG.clear()
    configuration.PROCESS_LOGGING_CONFIG.update(config)


def _look(logger: logging.Logger) -> tuple[Any, ...]:
    return logger.level, logger.propagate, logger.disabled, list(logger.handlers), list(logger.filters)


@pytest.fixture
def stderr() -> io.StringIO:
    """What is written to stderr once `setup` was called; it is not a terminal."""
    return io.StringIO()


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """What is written to stderr once `setup` was called; it is a terminal of 256 colours."""
    for name in ("NO_COLOR", "FORCE_COLOR", "COLORTERM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    return Terminal()


@pytest.fixture
def setup(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, Any]]:
    """Set up logging as in a process whose root logger has no handlers; pytest's own are back after the test.

    A fixture cannot do that itself: pytest replaces stderr and the root logger's handlers when a test begins.
    """

    def set_up(**options: Any) -> dict[str, Any]:
        logging.root.handlers = []
        for name in ("stderr", "terminal"):
            if name in request.fixturenames:
                monkeypatch.setattr(sys, "stderr", request.getfixturevalue(name))
        return configuration.setup_logging(**options)

    return set_up


@pytest.fixture
def recorded() -> list[dict[str, Any]]:
    """The records that would have gone to the journal."""
    records: list[dict[str, Any]] = []
    handlers.set_api_log_sink(records.append)
    return records
