"""Log handlers for the console and for the journal, from which records are read with their run.

A handler here never fails its caller: a record that cannot be written is reported in one line on stderr, once for each
place in the code that logs. The only exception is the one that the user enables with
PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW=error.
"""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Callable
from datetime import datetime
from logging import StreamHandler
from typing import TYPE_CHECKING, Any, ClassVar, Self, TextIO, cast

from prefect._lazy import lazy_from
from prefect.exceptions import MissingContextError
from prefect.logging import _ansi
from prefect.logging._identity import UNKNOWN_NAME, RunIdentity, run_identity
from prefect.logging.filters import redact
from prefect.logging.formatters import PrefectFormatter
from prefect.logging.highlighters import PrefectConsoleHighlighter, RegexHighlighter
from prefect.logging.tracebacks import TracebackFormatter, note_shown
from prefect.types import UTC, new_id

if TYPE_CHECKING:
    import threading

    from rich.console import Console
    from rich.highlighter import Highlighter

    from prefect import _io, journal, settings
else:
    _io, journal, settings = lazy_from("prefect", "_io", "journal", "settings")

_TRUNCATED = "... [truncated]"
_RECORD_OVERHEAD_BYTES = 300  # bytes of a log record besides its message
_MAX_REPORTS = 1000
_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

_sink: Callable[[dict[str, Any]], None] | None = None
_reported: set[tuple[str, int, str]] = set()
_warned: dict[Any, Any] = {}  # the places that were warned, as `warnings` keeps them
_fromtimestamp = datetime.fromtimestamp


def set_api_log_sink(sink: Callable[[dict[str, Any]], None] | None) -> None:
    """Send the log records of runs to `sink` instead of the journal; None restores the journal.

    For a process whose records another process writes. `sink` is called with what `emit_api_log` takes.
    """
    global _sink
    _sink = sink


def emit_api_log(log: dict[str, Any]) -> None:
    """Append a log record: `name`, `level` (a number), `message`, `timestamp`, `flow_run_id`, `task_run_id`."""
    if _sink is not None:
        _sink(log)
        return
    journal.append({"kind": "log", "id": new_id(), **log})


class _QuietHandler(logging.Handler):
    """Handler that reports its failures in one line on stderr and never fails its caller."""

    def handleError(self, record: logging.LogRecord) -> None:
        """Report the current exception, once for each place that logs."""
        kind, error, _ = sys.exc_info()
        place = (record.pathname, record.lineno, str(kind))
        if not logging.raiseExceptions or place in _reported or len(_reported) >= _MAX_REPORTS:
            return
        _reported.add(place)
        where = f"{record.pathname}:{record.lineno}"
        name = kind.__name__ if kind else "unknown error"
        try:
            sys.stderr.write(f"A log record of {record.name!r} ({where}) was not written: {name}: {error}\n")
        except Exception:  # nowhere is left to report to
            return


class _SafeStreamHandler(_QuietHandler, StreamHandler[TextIO]):
    """Stream handler that follows `sys.stderr` when that is replaced, unless it has another stream.

    The name appears in logging configurations.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        logging.Handler.__init__(self)
        self._stream = None if stream is sys.stderr else stream

    @property
    def stream(self) -> TextIO:  # pyright: ignore[reportIncompatibleVariableOverride]  # an attribute there
        """The stream that lines are written to."""
        return self._stream or sys.stderr

    @stream.setter
    def stream(self, stream: TextIO | None) -> None:  # pyright: ignore[reportIncompatibleVariableOverride]
        self._stream = None if stream is sys.stderr else stream

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record as one line or more, with secrets redacted."""
        try:
            self._write(self.stream, redact(self.format(record)))
        except Exception:  # whatever the user's objects or stream raise
            self.handleError(record)

    def _write(self, stream: TextIO, text: str) -> None:
        try:
            stream.write(text + self.terminator)
        except UnicodeEncodeError as error:
            stream.write(text.encode(error.encoding, "backslashreplace").decode(error.encoding) + self.terminator)
        if not (getattr(stream, "line_buffering", False) or getattr(stream, "write_through", False)):
            self.flush()


class PrefectConsoleHandler(_SafeStreamHandler):
    """Console handler, with colours on a terminal.

    Colours are off with PREFECT_LOGGING_COLORS=false. PREFECT_LOGGING_MARKUP=true renders rich's markup in messages,
    such as `[bold]...[/bold]`.

    Args:
        stream: Where to write. Follows `sys.stderr` when None.
        highlighter: What to mark. A class that overrides `highlight` is rendered by rich.
        styles: The styles of what is marked, by name.
        level: The least level that is written.
    """

    def __init__(
        self,
        stream: TextIO | None = None,
        highlighter: type[Highlighter | RegexHighlighter] = PrefectConsoleHighlighter,
        styles: dict[str, str] | None = None,
        level: int | str = logging.NOTSET,
    ) -> None:
        super().__init__(stream)
        self.setLevel(level)
        current = settings.get_current_settings().logging
        self._colors = bool(current.colors)
        self._markup = bool(current.markup)
        self._highlighter = highlighter
        self._styles = dict(styles or {})
        own = issubclass(highlighter, RegexHighlighter) and highlighter.highlight is RegexHighlighter.highlight
        self._by_rich = self._markup or (
            self._colors and not (own and highlighter.__call__ is RegexHighlighter.__call__)
        )
        self._painter: tuple[TextIO | None, _ansi.Painter | None] = (None, None)
        self._console: tuple[TextIO, Console] | None = None

    @property
    def console(self) -> Console:
        """The rich console on the same stream, made at first use."""
        stream = self.stream
        if self._console is None or self._console[0] is not stream:
            from rich.console import Console
            from rich.theme import Theme

            self._console = (
                stream,
                Console(
                    highlighter=self._highlighter() if self._colors else None,  # pyright: ignore[reportArgumentType]
                    theme=Theme(self._styles, inherit=False),
                    file=stream,
                    markup=self._markup,
                    no_color=None if self._colors else True,
                ),
            )
        return self._console[1]

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record as one line or more, with secrets redacted."""
        try:
            text = redact(self.format(record))
            if self._by_rich:
                self._print(text)
                note_shown(record)
                return
            stream = self._stream or sys.stderr
            painter = self._painter[1] if self._painter[0] is stream else self._paint_for(stream)
            self._write(stream, painter.paint(text) if painter else text)
            note_shown(record)
        except Exception:  # whatever the user's objects or stream raise
            self.handleError(record)

    @property
    def can_emit_lines(self) -> bool:
        """Whether `emit_line` writes the same text as `emit`."""
        formatter = self.formatter
        return type(formatter) is PrefectFormatter and formatter.can_format_lines and not self._by_rich

    def emit_line(self, name: str, level: int, message: str, created: float, identity: RunIdentity) -> None:
        """Write a line of a run. Hot path: only where `can_emit_lines`."""
        formatter = cast("PrefectFormatter", self.formatter)
        fields = {
            "flow_run_id": identity.flow_run_id,
            "flow_run_name": identity.flow_run_name or UNKNOWN_NAME,
            "flow_name": identity.flow_name or UNKNOWN_NAME,
            "task_run_id": identity.task_run_id,
            "task_run_name": identity.task_run_name or UNKNOWN_NAME,
            "task_name": identity.task_name or UNKNOWN_NAME,
        }
        try:
            text = formatter.format_line(name, level, message, created, fields)
            stream = self._stream or sys.stderr
            painter = self._painter[1] if self._painter[0] is stream else self._paint_for(stream)
            with cast("threading.RLock", self.lock):
                self._write(stream, painter.paint(text) if painter else text)
        except Exception:  # whatever the user's stream raises
            self.handleError(logging.LogRecord(name, level, __file__, 0, message, (), None))

    def _paint_for(self, stream: TextIO) -> _ansi.Painter | None:
        depth = _ansi.color_depth(stream) if self._colors else 0
        painter = None
        if depth:
            patterns, prefix = self._highlighter.highlights, self._highlighter.base_style  # pyright: ignore
            painter = _ansi.Painter(patterns, prefix, self._styles, depth)
        self._painter = (stream, painter)
        return painter

    def _print(self, text: str) -> None:
        from rich.errors import MarkupError

        try:
            self.console.print(text, soft_wrap=True)
        except MarkupError:  # text that happens to look like markup
            self.console.print(text, soft_wrap=True, markup=False)


_TRACEBACK_FORMATTER = TracebackFormatter()


class APILogHandler(_QuietHandler):
    """Handler that appends the log records of runs to the journal.

    PREFECT_LOGGING_TO_API_ENABLED=false turns it off, and so does `extra={"send_to_api": False}` for one record.
    """

    def handle(self, record: logging.LogRecord) -> Any:
        """Filter and emit the record without the lock of other handlers: the journal is safe from every thread."""
        passed = self.filter(record)
        if passed:
            self.emit(passed if isinstance(passed, logging.LogRecord) else record)
        return passed

    def emit(self, record: logging.LogRecord) -> None:
        """Append a record to the journal, once however many handlers of this kind it passes.

        Raises:
            MissingContextError: It belongs to no flow run, and PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW is `error`.
        """
        try:
            fields = record.__dict__
            if "_recorded" in fields or not fields.get("send_to_api", True):
                return
            to_api = settings.get_current_settings().logging.to_api
            if not to_api.enabled:
                return
            log = self.prepare(record)
            if not self._has_owner(record, log, to_api.when_missing_flow):
                return
            if len(log["message"]) * 4 > to_api.max_log_size - _RECORD_OVERHEAD_BYTES:
                self._shorten(log, to_api.max_log_size - _RECORD_OVERHEAD_BYTES)
            self._record(log)
            fields["_recorded"] = True
        except MissingContextError:
            raise
        except Exception:  # a message's arguments are the user's objects, and so is a sink
            self.handleError(record)

    can_emit_lines = True

    def emit_line(self, name: str, level: int, message: str, created: float, identity: RunIdentity) -> None:
        """Append a line of a run to the journal. Hot path."""
        try:
            to_api = settings.get_current_settings().logging.to_api
            if to_api.enabled:
                log = {
                    "name": name,
                    "level": level,
                    "message": message,
                    "timestamp": _fromtimestamp(created, UTC),
                    "flow_run_id": identity.flow_run_id,
                    "task_run_id": identity.task_run_id,
                }
                if len(message) * 4 > to_api.max_log_size - _RECORD_OVERHEAD_BYTES:
                    self._shorten(log, to_api.max_log_size - _RECORD_OVERHEAD_BYTES)
                emit_api_log(log)
        except Exception:  # a sink that another process has closed
            self.handleError(logging.LogRecord(name, level, __file__, 0, message, (), None))

    def prepare(self, record: logging.LogRecord) -> dict[str, Any]:
        """Return a record as `emit_api_log` takes it, with its run ids, by default the ids of the current run."""
        fields = record.__dict__
        flow_run_id, task_run_id = fields.get("flow_run_id"), fields.get("task_run_id")
        if flow_run_id is None and task_run_id is None and (identity := run_identity.get()) is not None:
            flow_run_id, task_run_id = identity.flow_run_id, identity.task_run_id
        plain = self.formatter is None and not (record.exc_info or record.exc_text or record.stack_info)
        return {
            "name": record.name,
            "level": record.levelno,
            "message": redact(record.getMessage() if plain else self.format(record)),
            "timestamp": _fromtimestamp(record.created, UTC),
            "flow_run_id": flow_run_id,
            "task_run_id": task_run_id,
        }

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as text; without a formatter its message, and the traceback if it has one."""
        return (self.formatter or _TRACEBACK_FORMATTER).format(record)

    def flush(self) -> None:
        """Wait until all log records are on disk."""
        if _sink is None and "prefect.journal" in sys.modules:
            journal.flush()

    @classmethod
    async def aflush(cls) -> None:
        """Wait until all log records are on disk."""
        if _sink is None:
            await _io.blocking(journal.flush)

    def _record(self, log: dict[str, Any]) -> None:
        emit_api_log(log)

    def _has_owner(self, record: logging.LogRecord, log: dict[str, Any], reaction: str) -> bool:
        """Return whether a record belongs to a run; warn about one of no flow run, or raise, as the setting says."""
        if log["flow_run_id"] is not None:
            return True
        self._react(record, reaction, log["task_run_id"])
        return log["task_run_id"] is not None

    def _react(self, record: logging.LogRecord, reaction: str, task_run_id: Any) -> None:
        if record.pathname.startswith(_PACKAGE):
            return  # what the engine says about a task run
        text = f"Logger {record.name!r} attempted to send logs to the API without a flow run id: " + (
            "it was used outside of a flow or task run, so its record is not kept."
            if task_run_id is None
            else "its task runs outside of a flow, so its record is kept with the task run only."
        )
        if reaction == "error":
            raise MissingContextError(text)
        if reaction == "warn":
            text += " Set PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW=ignore to hide this warning."
            warnings.warn_explicit(text, UserWarning, record.pathname, record.lineno, registry=_warned)

    def _shorten(self, log: dict[str, Any], max_bytes: int) -> None:
        encoded = log["message"].encode("utf-8", "backslashreplace")
        if len(encoded) > max_bytes:
            kept = encoded[: max(max_bytes - len(_TRUNCATED), 0)].decode("utf-8", "ignore")
            log["message"] = kept + _TRUNCATED


class APILogWorker:
    """The journal's writer under the name that programs know for the delivery of logs; one a process."""

    _instance: ClassVar[Self | None] = None

    @classmethod
    def instance(cls, *args: Any) -> Self:
        """Return the instance of this process."""
        if cls._instance is None:
            cls._instance = cls()
        return cls._instance

    @property
    def max_batch_size(self) -> int:
        """The bytes of logs in a batch."""
        to_api = settings.get_current_settings().logging.to_api
        return max(to_api.batch_size - to_api.max_log_size, to_api.max_log_size)

    @property
    def min_interval(self) -> float | None:
        """The seconds between two batches."""
        return settings.get_current_settings().logging.to_api.batch_interval

    def start(self) -> None:
        """Do nothing: the journal starts with the first run."""

    def send(self, item: dict[str, Any]) -> None:
        """Append a log record. See `emit_api_log`."""
        emit_api_log(item)

    def drain(self, at_exit: bool = False) -> bool:
        """Wait until all log records are on disk and return whether they are."""
        return journal.flush()

    def wait_until_empty(self) -> None:
        """Wait until all log records are on disk."""
        journal.flush()

    @classmethod
    def drain_all(cls, timeout: float | None = None, at_exit: bool = True) -> tuple[set[Any], set[Any]]:
        """Wait up to `timeout` seconds until all log records are on disk. Return two empty sets: nothing is left."""
        journal.flush(timeout)
        return set(), set()


class WorkerAPILogHandler(APILogHandler):
    """Handler that appends the log records of a worker that is registered with a server."""

    def emit(self, record: logging.LogRecord) -> None:
        """Append a record to the journal if it carries a `worker_id`."""
        if record.__dict__.get("worker_id"):
            super().emit(record)

    def prepare(self, record: logging.LogRecord) -> dict[str, Any]:
        """Return a record as `emit_api_log` takes it, with the worker's id."""
        log = super().prepare(record)
        log["worker_id"] = record.__dict__["worker_id"]
        return log

    def _has_owner(self, record: logging.LogRecord, log: dict[str, Any], reaction: str) -> bool:
        return True
