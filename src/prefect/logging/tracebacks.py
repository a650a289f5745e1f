"""Tracebacks as people see them: with their own code, and the frames of this package folded into one line.

`PREFECT_LOGGING_FULL_TRACEBACKS=true` shows all frames.
"""

from __future__ import annotations

import logging
import os
import sys
import traceback
from collections.abc import Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Any

from prefect._lazy import lazy

if TYPE_CHECKING:
    from prefect import settings
else:
    settings = lazy("prefect.settings")

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_FOLDED = "<frames of prefect>"

_shown: tuple[int, type[BaseException]] | None = None
"""The exception whose traceback the console showed last, by its id and type: keeping it would keep its frames."""


class _FoldedStack(traceback.StackSummary):
    """A stack some of whose entries stand for several frames of this package."""

    def format_frame_summary(self, frame_summary: traceback.FrameSummary, **kwargs: Any) -> str:
        if frame_summary.filename == _FOLDED:
            return f"  [{frame_summary.lineno} frames of prefect]\n"
        return super().format_frame_summary(frame_summary, **kwargs)


def format_exception(error: BaseException, trace: TracebackType | None) -> list[str]:
    """Return the lines of an exception's traceback, each with its line end."""
    described = traceback.TracebackException(type(error), error, trace, compact=True)
    if not settings.get_current_settings().logging.full_tracebacks:
        _fold(described)
    return list(described.format())


def _fold(described: traceback.TracebackException) -> None:
    """Fold the frames of this package in an exception, its causes and, for a group, its parts."""
    described.stack = _fold_stack(described.stack)
    others = (described.__cause__, described.__context__, *(getattr(described, "exceptions", None) or ()))
    for other in others:
        if other is not None:
            _fold(other)


def _fold_stack(stack: traceback.StackSummary) -> traceback.StackSummary:
    if all(_is_own(frame) for frame in stack):
        return stack  # an error of this package itself
    folded: list[traceback.FrameSummary] = []
    count = 0
    for frame in stack:
        if _is_own(frame):
            count += 1
            continue
        if count and folded:  # a traceback begins with its reader's code
            folded.append(_summarize_folded(count))
        count = 0
        folded.append(frame)
    if count:
        folded.append(_summarize_folded(count))
    return _make_stack(folded)


def _summarize_folded(count: int) -> traceback.FrameSummary:
    return traceback.FrameSummary(_FOLDED, count, "", lookup_line=False, line="")


def _make_stack(frames: Iterable[traceback.FrameSummary]) -> traceback.StackSummary:
    stack = _FoldedStack()
    stack.extend(frames)
    return stack


def _is_own(frame: traceback.FrameSummary) -> bool:
    return frame.filename.startswith(_PACKAGE)


class TracebackFormatter(logging.Formatter):
    """Formatter whose tracebacks have the frames of this package folded."""

    def formatException(self, ei: Any) -> str:
        """Return the traceback of an exception."""
        _, error, trace = ei
        return "" if error is None else "".join(format_exception(error, trace)).rstrip("\n")


def note_shown(record: logging.LogRecord) -> None:
    """Remember that the console showed the traceback of a record, so that it is not shown again at the end."""
    global _shown
    error = record.exc_info[1] if record.exc_info else None
    if error is not None:
        _shown = (id(error), type(error))
        if sys.excepthook is sys.__excepthook__:
            sys.excepthook = _show_uncaught


def _show_uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Show an exception that ends the process: on a terminal without its traceback, if the console showed that."""
    try:
        if sys.stderr.isatty() and _shown == (id(error), kind):
            lines = [*traceback.format_exception_only(error), "(Its traceback is above.)\n"]
        else:
            lines = format_exception(error, trace)
        sys.stderr.write("".join(lines))
    except Exception:  # whatever the user's exception or stream raises
        sys.__excepthook__(kind, error, trace)
