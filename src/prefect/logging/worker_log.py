"""The log of a worker: what the worker itself logs and prints. What its runs log is with the runs.

A line waits in memory until the server has said the worker's id, and is then recorded in the journal as any other log.
"""

from __future__ import annotations

import logging
import re
from collections import deque
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any
from uuid import UUID

from prefect import _forks
from prefect.logging.filters import MASK
from prefect.logging.handlers import APILogHandler, emit_api_log
from prefect.logging.loggers import get_logger

MAX_WAITING_LINES = 500
"""Lines that wait until the worker's id is known; beyond these the oldest are dropped."""

PROGRAM_LOGGER = "prefect.worker"
"""The logger under which the start and the end of a worker are in its log; the web page separates its starts by it."""

_EXCLUDED_LOGGERS = ("prefect.flow_runs", "prefect.task_runs", "prefect.outbox", "prefect.journal")
"""Lines of runs are in the logs of the runs; a line about the delivery of lines would cause another one."""

_QUOTED_VALUE = re.compile(r"input_value=.*, input_type=")
"""Matches the value in a message of pydantic, which may be a job variable or a parameter of a run."""

_current: ContextVar[WorkerLog | None] = ContextVar("prefect_worker_log", default=None)


class WorkerLog:
    """The log of one worker."""

    def __init__(self) -> None:
        self._worker_id: str | None = None
        self._waiting: deque[dict[str, Any]] = deque(maxlen=MAX_WAITING_LINES)
        self._lock = _forks.create_lock()

    @contextmanager
    def record_lines(self) -> Generator[None]:
        """Record what the loggers of this package write in this context, and in tasks that the block starts."""
        handler = _WorkerLogHandler(self)
        handler.addFilter(self._is_line)
        package = get_logger()
        package.addHandler(handler)
        token = _current.set(self)
        try:
            yield
        finally:
            _current.reset(token)
            package.removeHandler(handler)

    def _is_line(self, record: logging.LogRecord) -> bool:
        """Return whether a record is of the worker: others of the process are not."""
        return _current.get() is self and not record.name.startswith(_EXCLUDED_LOGGERS)

    def add_announcement(self, text: str) -> None:
        """Record a line that the worker prints, not logs, such as that it has started."""
        logger = get_logger(PROGRAM_LOGGER)
        if logger.isEnabledFor(logging.INFO):
            _WorkerLogHandler(self).emit(logger.makeRecord(PROGRAM_LOGGER, logging.INFO, __file__, 0, text, (), None))

    def add(self, line: dict[str, Any]) -> None:
        """Record a line, as `emit_api_log` takes it, or let it wait until the worker's id is known."""
        with self._lock:
            if self._worker_id is None:
                self._waiting.append(line)
            else:
                emit_api_log({**line, "worker_id": self._worker_id})

    def identify(self, worker_id: UUID | None) -> None:
        """Record the lines that wait under the id that the server has given the worker.

        Args:
            worker_id: The id; None for a server that keeps no logs of workers, whose lines are dropped.
        """
        with self._lock:
            self._worker_id = str(worker_id) if worker_id else None
            lines = list(self._waiting)
            self._waiting.clear()
        if worker_id is not None:
            for line in lines:
                self.add(line)


class _WorkerLogHandler(APILogHandler):
    """Handler that adds the records of a worker's context to its log."""

    def __init__(self, log: WorkerLog) -> None:
        super().__init__()
        self._log = log

    def _has_owner(self, record: logging.LogRecord, log: dict[str, Any], reaction: str) -> bool:
        return True

    def prepare(self, record: logging.LogRecord) -> dict[str, Any]:
        """Return a record as `emit_api_log` takes it, without the values that a validation error quotes."""
        log = super().prepare(record)
        log["message"] = _QUOTED_VALUE.sub(f"input_value={MASK}, input_type=", log["message"])
        return log

    def _record(self, log: dict[str, Any]) -> None:
        self._log.add(log)
