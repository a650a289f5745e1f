"""Format log records: console lines that name their run, or JSON objects."""

from __future__ import annotations

import logging
import re
import time
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from prefect._lazy import lazy_modules
from prefect.logging.tracebacks import TracebackFormatter

if TYPE_CHECKING:
    import traceback

    from prefect import serializers
else:
    serializers, traceback = lazy_modules("prefect.serializers", "traceback")

ExceptionInfoType: TypeAlias = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]

_INDENT = 1  # orjson.OPT_INDENT_2, without importing orjson


def format_exception_info(exc_info: ExceptionInfoType) -> dict[str, Any]:
    """Return an exception's type, message and traceback as strings; an empty dict when there is none."""
    kind, error, trace = exc_info
    if kind is None:
        return {}
    return {
        "type": kind.__name__,
        "message": str(error),
        "traceback": "".join(traceback.format_tb(trace)) if trace else None,
    }


class JsonFormatter(logging.Formatter):
    """Formatter that writes one JSON object a record: its attributes, and the level's name as `severity`.

    Args:
        fmt: `default` for one line, `pretty` for indented lines.
        dmft: Ignored: `logging.config` passes it.
        style: Ignored: `logging.config` passes it.

    Raises:
        ValueError: `fmt` is something else.
    """

    def __init__(self, fmt: Literal["pretty", "default"], dmft: str, style: str) -> None:
        super().__init__()
        if fmt not in ("pretty", "default"):
            raise ValueError(f"A JSON log format is either 'pretty' or 'default', not {fmt!r}.")
        options: dict[str, Any] = {"option": _INDENT if fmt == "pretty" else 0}
        self.serializer = serializers.JSONSerializer(jsonlib="orjson", dumps_kwargs=options)

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as JSON. An attribute that JSON cannot hold is replaced by the name of its type."""
        fields = dict(record.__dict__)
        fields["severity"] = record.levelname
        if record.exc_info and record.exc_info[0] is not None:
            fields["exc_info"] = format_exception_info(record.exc_info)
        try:
            return self.serializer.dumps(fields).decode()
        except Exception:  # any value of the user's, any error of its encoder
            return self.serializer.dumps({name: self._encodable(value) for name, value in fields.items()}).decode()

    def _encodable(self, value: Any) -> Any:
        try:
            self.serializer.dumps(value)
        except Exception:  # as above
            return f"<non-serializable: {type(value).__name__}>"
        return value


class PrefectFormatter(TracebackFormatter):
    """Formatter with separate formats for the records of flow runs and of task runs.

    Args:
        format: The format of all other records.
        datefmt: The format of `%(asctime)s`, as for `time.strftime`.
        style: The style of the formats, as for `logging.Formatter`.
        validate: Whether to reject formats that do not fit the style.
        defaults: Values of fields that a record may lack.
        task_run_fmt: The format of what a task run logs. Uses `format` when None.
        flow_run_fmt: The format of what a flow run logs. Uses `format` when None.
    """

    def __init__(
        self,
        format: str | None = None,
        datefmt: str | None = None,
        style: Literal["%", "{", "$"] = "%",
        validate: bool = True,
        *,
        defaults: dict[str, Any] | None = None,
        task_run_fmt: str | None = None,
        flow_run_fmt: str | None = None,
    ) -> None:
        super().__init__(format, datefmt, style, validate, defaults=defaults)
        self.flow_run_fmt = flow_run_fmt
        self.task_run_fmt = task_run_fmt
        make = type(self._style)
        self._of_runs: dict[str, tuple[str, logging.PercentStyle]] = {}
        for logger, field, text in (
            ("prefect.flow_runs", "flow_run_name", flow_run_fmt),
            ("prefect.task_runs", "task_run_name", task_run_fmt),
        ):
            if text:
                run_style = make(text, defaults=defaults)
                if validate:
                    run_style.validate()
                self._of_runs[logger] = (field, run_style)
        self._second: tuple[int, str | None, str] = (-1, None, "")
        styles = [self._style, *(run_style for _, run_style in self._of_runs.values())]
        self.can_format_lines = datefmt is not None and all(map(_is_line_style, styles))

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as text, with its traceback under the line if it has one."""
        if record.exc_info or record.exc_text or record.stack_info:
            return super().format(record)
        record.message = record.getMessage()
        record.asctime = self.formatTime(record, self.datefmt)
        return self.formatMessage(record)

    def format_line(self, name: str, level: int, message: str, created: float, fields: dict[str, Any]) -> str:
        """Return a line of a run as text. Hot path: only where `can_format_lines`, and without a record.

        Args:
            name: The logger's name.
            level: The line's level.
            message: The line.
            created: When it was logged, in seconds since the epoch.
            fields: The ids and names of the run; added to.
        """
        fields["name"] = name
        fields["levelno"] = level
        fields["levelname"] = logging.getLevelName(level)
        fields["message"] = message
        fields["created"] = created
        fields["msecs"] = float(int(created % 1 * 1000))
        fields["asctime"] = self._format_seconds(created, self.datefmt) if self.datefmt else ""
        of_run = self._of_runs.get(name)
        return ((of_run[1] if of_run is not None else self._style)._fmt or "") % fields

    def formatMessage(self, record: logging.LogRecord) -> str:
        """Return the record's line in the format of its kind of run."""
        of_run = self._of_runs.get(record.name)
        if of_run is not None:
            field, style = of_run
            # A record put to a run's logger by hand may not name a run.
            if field in record.__dict__ or "%" + f"({field})" not in (style._fmt or ""):
                return style.format(record)
        return self._style.format(record)

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:
        """Return the record's time of day; the default format has milliseconds."""
        return self._format_seconds(record.created, datefmt) if datefmt else super().formatTime(record, None)

    def _format_seconds(self, created: float, datefmt: str) -> str:
        """Return a time of day, formatted once a second: a busy run logs thousands of lines in one."""
        second = int(created)
        known_second, known_format, text = self._second
        if known_second != second or known_format != datefmt:
            text = time.strftime(datefmt, self.converter(created))
            self._second = (second, datefmt, text)
        return text


_LINE_FIELDS = frozenset(
    (
        *("name", "levelno", "levelname", "message", "created", "msecs", "asctime"),
        *("flow_run_id", "flow_run_name", "flow_name", "task_run_id", "task_run_name", "task_name"),
    )
)


def _is_line_style(style: logging.PercentStyle) -> bool:
    """Return whether a style uses only fields that a line has."""
    text = style._fmt or ""
    fields = re.findall(r"%\((\w+)\)", text)
    return (
        type(style) is logging.PercentStyle
        and not getattr(style, "_defaults", None)
        and _LINE_FIELDS.issuperset(fields)
    )
