"""The default logging configuration.

It has the form of `logging.config.dictConfig`, so that each key of it can be overridden by an environment variable.
`logging.yml`, next to this file, has the same content for users to copy and change; a test compares the two.
"""

from __future__ import annotations

from typing import Any

_PREFIX = "%(asctime)s.%(msecs)03d | %(levelname)-7s | "
_CLOCK = "%H:%M:%S"

STYLES = {
    "log.web_url": "bright_blue",
    "log.local_url": "bright_blue",
    "log.info_level": "cyan",
    "log.warning_level": "yellow3",
    "log.error_level": "red3",
    "log.critical_level": "bright_red",
    "log.completed_state": "green",
    "log.cancelled_state": "yellow3",
    "log.failed_state": "red3",
    "log.crashed_state": "bright_red",
    "log.cached_state": "bright_blue",
    "log.flow_run_name": "magenta",
    "log.flow_name": "bold magenta",
}


def default_config(level: str, server_level: str, internal_level: str) -> dict[str, Any]:
    """Return a new copy of the default configuration.

    Args:
        level: The level of the loggers of this package for which no other level is set.
        server_level: The level of the server.
        internal_level: The level of the package's internals.
    """
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": _formatters(),
        "handlers": _handlers(),
        "loggers": _loggers(level, server_level, internal_level),
        # The root logger too, so that the console shows other packages' warnings in the same form.
        "root": {"level": "WARNING", "handlers": ["console"]},
    }


def _formatters() -> dict[str, Any]:
    return {
        "simple": {"format": "%(asctime)s.%(msecs)03d | %(message)s", "datefmt": _CLOCK},
        "standard": {
            "()": "prefect.logging.formatters.PrefectFormatter",
            "format": _PREFIX + "%(name)s - %(message)s",
            "flow_run_fmt": _PREFIX + "Flow run %(flow_run_name)r - %(message)s",
            "task_run_fmt": _PREFIX + "Task run %(task_run_name)r - %(message)s",
            "datefmt": _CLOCK,
        },
        "debug": {"format": _PREFIX + "%(threadName)-12s | %(name)s - %(message)s", "datefmt": _CLOCK},
        "json": {"class": "prefect.logging.formatters.JsonFormatter", "format": "default"},
    }


def _handlers() -> dict[str, Any]:
    return {
        "console": {
            "level": 0,
            "class": "prefect.logging.handlers.PrefectConsoleHandler",
            "formatter": "standard",
            "stream": "ext://sys.stderr",
            "styles": dict(STYLES),
        },
        "api": {"level": 0, "class": "prefect.logging.handlers.APILogHandler"},
        "debug": {
            "level": 0,
            "class": "prefect.logging.handlers._SafeStreamHandler",
            "formatter": "debug",
            "stream": "ext://sys.stderr",
        },
        "worker_api": {"level": 0, "class": "prefect.logging.handlers.WorkerAPILogHandler"},
    }


def _loggers(level: str, server_level: str, internal_level: str) -> dict[str, Any]:
    return {
        "prefect": {"level": level},
        # The configuration of the loggers named by PREFECT_LOGGING_EXTRA_LOGGERS.
        "prefect.extra": {"level": level, "handlers": ["api"], "propagate": False},
        "prefect.flow_runs": {"level": "NOTSET", "handlers": ["api"]},
        "prefect.task_runs": {"level": "NOTSET", "handlers": ["api"]},
        "prefect.workers": {"level": "NOTSET", "handlers": ["worker_api"]},
        "prefect.server": {"level": server_level},
        "prefect.client": {"level": level},
        "prefect.infrastructure": {"level": level},
        "prefect._internal": {"level": internal_level, "propagate": False, "handlers": ["debug"]},
        "uvicorn": {"level": server_level, "handlers": ["console"], "propagate": False},
        "fastapi": {"level": server_level, "handlers": ["console"], "propagate": False},
    }
