"""Logging: loggers that carry their run's ids, the console handler, and the handler that journals log records.

A logger obtained here works like any logger of the standard library. Logging is set up once, when the first logger is
requested or the first run starts, never at import. The package reads the identity of the current run from
`prefect.logging._identity`; it must not import flows, tasks, contexts or the engine, and emitting a record must never
fail or delay its caller.
"""

from typing import TYPE_CHECKING

from prefect._lazy import exports

if TYPE_CHECKING:
    from prefect.logging.loggers import LogEavesdropper, disable_run_logger, get_logger, get_run_logger

__all__ = ["LogEavesdropper", "disable_run_logger", "get_logger", "get_run_logger"]

_EXPORTS = {
    "prefect.logging.loggers": "LogEavesdropper disable_run_logger get_logger get_run_logger",
}

__getattr__, __dir__ = exports(__name__, _EXPORTS)
