"""Exit statuses of a process that was started for one flow run."""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import contextmanager
from uuid import UUID

from prefect.exceptions import Abort, Pause, TerminationSignal
from prefect.logging.loggers import get_logger

HOOKS_ONLY_VARIABLE = "PREFECT__FLOW_RUN_HOOKS_ONLY"
"""The environment variable with which only the hooks of a run that has ended are called."""


@contextmanager
def handle_engine_signals(flow_run_id: UUID | None = None) -> Generator[None]:
    """Exit with the status that follows from how the flow run inside the block ended.

    The status is 0 when the server stopped the run or it was suspended, 1 when it raised. An interruption of the
    process is raised again.

    Args:
        flow_run_id: The run's id, for the log.
    """
    logger, run = get_logger("engine"), f"flow run {str(flow_run_id)!r}" if flow_run_id else "the flow run"
    try:
        yield
    except Abort as error:
        logger.info("Engine execution of %s was aborted by the server: %s", run, error)
        sys.exit(0)
    except Pause as error:
        logger.info("Engine execution of %s is paused: %s", run, error)
        sys.exit(0)
    except TerminationSignal:
        logger.info("Engine execution of %s was ended by a termination signal.", run)
        raise
    except Exception:
        logger.error("Engine execution of %s exited with an unexpected exception.", run, exc_info=True)
        sys.exit(1)
