"""Lines that the engine logs about runs, such as "Finished in state Completed()".

A line reaches the handlers that a record of the run's logger would reach. While these are the handlers of the default
configuration it is formatted for them without a `LogRecord`. Hot path: a task logs one
line, for 14 us instead of 34. Whatever a program changes (a handler, a filter, a record factory, a secret to redact)
takes the record route.
"""

from __future__ import annotations

import logging
import sys
import time

from prefect.logging._identity import RunIdentity
from prefect.logging.filters import ObfuscateApiKeyFilter, secrets
from prefect.logging.handlers import APILogHandler, PrefectConsoleHandler
from prefect.logging.loggers import get_logger, run_fields, run_logger_name

_EMITS = {PrefectConsoleHandler: PrefectConsoleHandler.emit, APILogHandler: APILogHandler.emit}


def log_line(identity: RunIdentity, level: int, message: str, *args: object) -> None:
    """Log `message % args` about a run; only a record has the place of the code that logs it.

    Args:
        identity: The run.
        level: The level.
        message: The line; formatted only if the logger is enabled for the level.
        *args: The values of its placeholders.
    """
    if sys.is_finalizing():
        return  # a generator that was left open is closed by the interpreter, which has no modules left to log with
    name = run_logger_name(identity)
    logger = get_logger(name)
    if not logger.isEnabledFor(level):
        return
    if args:
        message = message % args  # a record keeps no argument, which a handler could hold for ever
    handlers = _find_line_handlers(logger)
    if handlers is None or logging.getLogRecordFactory() is not logging.LogRecord or secrets():
        caller = sys._getframe(1)  # pyright: ignore[reportPrivateUsage]  # as `logging` finds a record's place
        code = caller.f_code
        record = logger.makeRecord(name, level, code.co_filename, caller.f_lineno, message, (), None, code.co_name)
        record.__dict__.update(run_fields(identity))
        logger.handle(record)
        return
    created = time.time()
    for handler in handlers:
        if level >= handler.level:
            handler.emit_line(name, level, message, created, identity)


def _find_line_handlers(logger: logging.Logger) -> list[APILogHandler | PrefectConsoleHandler] | None:
    """Return the handlers of a logger and its parents, or None if one of them needs a record."""
    for known in logger.filters:
        if type(known) is not ObfuscateApiKeyFilter:
            return None
    found: list[APILogHandler | PrefectConsoleHandler] = []
    current: logging.Logger | None = logger
    while current is not None:
        for handler in current.handlers:
            kind = type(handler)
            if _EMITS.get(kind) is not kind.emit or handler.filters or not handler.can_emit_lines:  # pyright: ignore
                return None
            found.append(handler)  # pyright: ignore[reportArgumentType]
        current = current.parent if current.propagate else None
    return found
