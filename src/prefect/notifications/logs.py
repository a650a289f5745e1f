"""Capture the log records of libraries while they send, because they contain addresses and tokens."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_LOGGERS = ("apprise", "httpx", "urllib3.connectionpool")
"""The loggers whose records have the addresses of requests."""

_captured: ContextVar[list[str] | None] = ContextVar("prefect_captured_logs", default=None)


class _Capture(logging.Filter):
    """Withhold the records of a context that captures them."""

    def filter(self, record: logging.LogRecord) -> bool:
        lines = _captured.get()
        if lines is None:
            return True
        if record.levelno >= logging.WARNING:
            lines.append(record.getMessage())
        return False


_filter = _Capture()


@contextmanager
def capture_logs() -> Iterator[list[str]]:
    """Withhold the records of this thread or task in the `with` block; the list has the messages of its warnings."""
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_filter)  # once: a filter that is there is not added again
    lines: list[str] = []
    token = _captured.set(lines)
    try:
        yield lines
    finally:
        _captured.reset(token)
