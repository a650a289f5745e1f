"""Loggers of runs and of the package, and logging of `print` during a run."""

from __future__ import annotations

import builtins
import io
import logging
import sys
from collections.abc import Generator, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar, Token
from logging import LoggerAdapter as LoggingAdapter
from typing import TYPE_CHECKING, Any, Self

from prefect import _forks
from prefect._lazy import lazy
from prefect.exceptions import MissingContextError
from prefect.logging._identity import UNKNOWN_NAME, RunIdentity, run_identity

if TYPE_CHECKING:
    from uuid import UUID

    from prefect.logging import configuration
else:
    configuration = lazy("prefect.logging.configuration")

__all__ = [
    "LogEavesdropper",
    "PrefectLogAdapter",
    "disable_logger",
    "disable_run_logger",
    "flow_run_logger",
    "get_logger",
    "get_run_logger",
    "get_worker_logger",
    "patch_print",
    "print_as_log",
    "task_run_logger",
]

_FLOW_RUNS, _TASK_RUNS = "prefect.flow_runs", "prefect.task_runs"
_known: dict[str, logging.Logger] = {}


class PrefectLogAdapter(LoggingAdapter[logging.Logger]):
    """Logger adapter whose records carry the ids and names of a run.

    What a call passes as `extra` is added to them, rather than replaced by them.
    """

    def process(self, msg: str, kwargs: MutableMapping[str, Any]) -> tuple[str, MutableMapping[str, Any]]:
        """Return the message and its arguments, with the adapter's `extra`."""
        extra = kwargs.get("extra")
        kwargs["extra"] = {**(self.extra or {}), **extra} if extra else self.extra or {}
        return msg, kwargs

    def log(self, level: int, msg: object, *args: Any, **kwargs: Any) -> None:
        """Log `msg % args` at `level`. Hot path: a call without keywords takes two thirds of the time."""
        logger = self.logger
        if not logger.isEnabledFor(level):
            return
        if kwargs:
            super().log(level, msg, *args, **{**kwargs, "stacklevel": kwargs.get("stacklevel", 1) + 1})
            return
        path, line, function, _ = logger.findCaller(stacklevel=2)
        record = logger.makeRecord(logger.name, level, path, line, msg, args, None, function)
        record.__dict__.update(self.extra or {})
        logger.handle(record)

    def getChild(self, suffix: str, extra: dict[str, Any] | None = None) -> PrefectLogAdapter:
        """Return a child logger that carries the same run, and `extra`."""
        return PrefectLogAdapter(self.logger.getChild(suffix), extra={**(self.extra or {}), **(extra or {})})


def get_logger(name: str | None = None) -> logging.Logger:
    """Return the logger `prefect.<name>`, or `prefect` without a name.

    Its records go to the console, and to a run only if it is a run's logger: see `get_run_logger`.
    """
    configuration.ensure_logging_setup()
    name = name or "prefect"
    logger = _known.get(name)
    if logger is None:
        whole = name == "prefect" or name.startswith("prefect.")
        logger = _known[name] = logging.getLogger(name if whole else f"prefect.{name}")
        configuration.hide_secrets(logger)
    return logger


def get_run_logger(context: Any = None, **kwargs: Any) -> logging.Logger | LoggingAdapter[logging.Logger]:
    """Return the logger of the current task run or flow run, whose records are stored with the run.

    Args:
        context: The context of another run whose logger to return.
        **kwargs: More values that its records carry.

    Raises:
        MissingContextError: There is no current run.
    """
    if context is not None:
        return _context_logger(context, kwargs)
    identity = run_identity.get()
    if identity is not None:
        return identity_logger(identity, **kwargs)
    if logging.getLogger(_FLOW_RUNS).disabled and logging.getLogger(_TASK_RUNS).disabled:
        disabled_logger = logging.getLogger("null")
        disabled_logger.disabled = True
        return disabled_logger
    raise MissingContextError(
        "There is no current flow or task run to log for; call get_run_logger() inside of one, or use get_logger()."
    )


def identity_logger(identity: RunIdentity, **kwargs: Any) -> PrefectLogAdapter:
    """Return the logger of the task run or flow run that `identity` names."""
    return PrefectLogAdapter(get_logger(run_logger_name(identity)), extra={**run_fields(identity), **kwargs})


def run_logger_name(identity: RunIdentity) -> str:
    """Return the name of the logger of a task run or flow run."""
    return _FLOW_RUNS if identity.task_run_id is None else _TASK_RUNS


def run_fields(identity: RunIdentity) -> dict[str, Any]:
    """Return the ids and names that the log records of a run carry."""
    flow = {
        "flow_run_id": str(identity.flow_run_id) if identity.flow_run_id else None,
        "flow_run_name": identity.flow_run_name or UNKNOWN_NAME,
        "flow_name": identity.flow_name or UNKNOWN_NAME,
    }
    if identity.task_run_id is None:
        return {**flow, "deployment_name": identity.deployment_name}
    task = {
        "task_run_id": str(identity.task_run_id),
        "task_run_name": identity.task_run_name or UNKNOWN_NAME,
        "task_name": identity.task_name or UNKNOWN_NAME,
    }
    return {**task, **flow}


def flow_run_logger(
    flow_run: Any = None, flow: Any = None, flow_run_id: UUID | None = None, **kwargs: Any
) -> PrefectLogAdapter:
    """Return the logger of a flow run, for code outside the run.

    Args:
        flow_run: The run. Without one, give `flow_run_id`.
        flow: The flow, for its name.
        flow_run_id: The id of the run.
        **kwargs: More values that its records carry.

    Raises:
        ValueError: Neither the run nor its id is given.
    """
    if flow_run is None and flow_run_id is None:
        raise ValueError("flow_run_logger needs a run: pass either 'flow_run' or 'flow_run_id'.")
    identity = RunIdentity(
        flow_run_id=flow_run.id if flow_run else flow_run_id,
        flow_run_name=flow_run.name if flow_run else None,
        flow_name=flow.name if flow else None,
    )
    return identity_logger(identity, **kwargs)


def task_run_logger(
    task_run: Any, task: Any = None, flow_run: Any = None, flow: Any = None, **kwargs: Any
) -> LoggingAdapter[logging.Logger]:
    """Return the logger of a task run, for code outside the run.

    Args:
        task_run: The run.
        task: The task, for its name.
        flow_run: The flow run it belongs to, for its name. The current one when None.
        flow: The flow, for its name. The current one when None.
        **kwargs: More values that its records carry.
    """
    current = run_identity.get()
    same = current is not None and current.flow_run_id == task_run.flow_run_id
    identity = RunIdentity(
        flow_run_id=task_run.flow_run_id,
        flow_run_name=flow_run.name if flow_run else current.flow_run_name if current and same else None,
        flow_name=flow.name if flow else current.flow_name if current and same else None,
        task_run_id=task_run.id,
        task_run_name=task_run.name,
        task_name=task.name if task else None,
    )
    return identity_logger(identity, **kwargs)


def get_worker_logger(worker: Any, name: str | None = None) -> logging.Logger | LoggingAdapter[logging.Logger]:
    """Return the logger of a worker; its records carry the id of the worker on the server, if it has one.

    Args:
        worker: The worker.
        name: The logger's name. By default made of the worker's type and name.
    """
    logger = get_logger(name or f"workers.{worker.type}.{worker.name.lower()}")
    backend_id = getattr(worker, "backend_id", None)
    return PrefectLogAdapter(logger, extra={"worker_id": str(backend_id)}) if backend_id else logger


@contextmanager
def disable_logger(name: str) -> Generator[None, None, None]:
    """Silence the logger `name` inside the `with` block."""
    logger = logging.getLogger(name)
    before = logger.disabled
    logger.disabled = True
    try:
        yield
    finally:
        logger.disabled = before


@contextmanager
def disable_run_logger() -> Generator[None, None, None]:
    """Silence the run loggers inside the `with` block, where `get_run_logger` also works outside of a run.

    For tests of the plain function of a task or flow.
    """
    with disable_logger(_FLOW_RUNS), disable_logger(_TASK_RUNS):
        yield


class LogEavesdropper(logging.Handler):
    """Handler that captures the records of a logger inside a `with` block; `text()` returns them.

    Args:
        eavesdrop_on: The full name of the logger.
        level: The least level to listen to.
    """

    def __init__(self, eavesdrop_on: str, level: int = logging.NOTSET) -> None:
        super().__init__(level)
        self.eavesdrop_on = eavesdrop_on
        self.formatter = logging.Formatter("[%(levelname)s]: %(message)s")
        self._lines: list[str] = []

    def __enter__(self) -> Self:
        logging.getLogger(self.eavesdrop_on).addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        logging.getLogger(self.eavesdrop_on).removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Capture a record."""
        self._lines.append(self.format(record))

    def text(self) -> str:
        """Return the captured records, one a line."""
        return "\n".join(self._lines)


_log_prints: ContextVar[bool] = ContextVar("prefect_log_prints", default=False)
_print_lock = _forks.create_lock()
_print_users = 0
_builtin_print = builtins.print


def print_as_log(*args: Any, **kwargs: Any) -> None:
    """Log what a run prints as an INFO record; outside of a run, and into files, print as usual."""
    file = kwargs.get("file")
    identity = run_identity.get() if _log_prints.get() else None
    if identity is None or (file is not None and file is not sys.stdout and file is not sys.stderr):
        _builtin_print(*args, **kwargs)
        return
    buffer = io.StringIO()
    _builtin_print(*args, **{**kwargs, "file": buffer})
    # A handler that prints must not log again.
    token = _log_prints.set(False)
    try:
        identity_logger(identity).info(buffer.getvalue().rstrip(), stacklevel=2)
    finally:
        _log_prints.reset(token)


class patch_print:
    """Log what this thread or coroutine prints inside the `with` block.

    `builtins.print` is replaced for all threads while any block is active; the replacement logs only where the context
    of the call to `print` enables it.

    Args:
        enabled: False goes back to plain prints, for a run inside one that logs its prints.
    """

    def __init__(self, enabled: bool = True) -> None:
        self._enabled = enabled
        self._token: Token[bool] | None = None

    def __enter__(self) -> None:
        if self._enabled:
            _use_print(1)
        self._token = _log_prints.set(self._enabled)

    def __exit__(self, *_: object) -> None:
        if self._token is not None:
            try:
                _log_prints.reset(self._token)
            except ValueError:  # left in another context than entered: a generator that was closed elsewhere
                _log_prints.set(False)
        if self._enabled:
            _use_print(-1)


def print_capture(enabled: bool) -> patch_print | None:
    """Return the context manager that logs a run's prints, or None where nothing changes."""
    return patch_print(enabled) if enabled or _log_prints.get() else None


def _use_print(change: int) -> None:
    global _print_users, _builtin_print
    with _print_lock:
        # A run that still continues counts as a user; the program may have restored `print` since then.
        restored = builtins.print is _builtin_print
        if builtins.print is not print_as_log and (_print_users == 0 or (change > 0 and restored)):
            _builtin_print = builtins.print
            builtins.print = print_as_log
        _print_users += change
        # Other code may have replaced `print` since then: it must restore it itself.
        if _print_users == 0 and builtins.print is print_as_log:
            builtins.print = _builtin_print


def _context_logger(context: Any, kwargs: dict[str, Any]) -> LoggingAdapter[logging.Logger]:
    if getattr(context, "task_run", None) is not None:
        return task_run_logger(context.task_run, context.task, **kwargs)
    if getattr(context, "flow_run", None) is not None:
        return flow_run_logger(context.flow_run, context.flow, **kwargs)
    raise TypeError(f"A run's context was expected to get its logger, not {type(context).__name__}.")
