"""Wait for a flow run of another process."""

from __future__ import annotations

import time
import warnings
from contextlib import nullcontext
from typing import TYPE_CHECKING
from uuid import UUID

from prefect._lazy import lazy
from prefect.client import run_waiting
from prefect.exceptions import FlowRunWaitTimeout
from prefect.logging.loggers import get_logger

if TYPE_CHECKING:
    from prefect.client import orchestration
    from prefect.client.orchestration import PrefectClient
    from prefect.schemas.runs import FlowRun
else:
    orchestration = lazy("prefect.client.orchestration")


async def wait_for_flow_run(
    flow_run_id: UUID,
    timeout: int | None = 10800,
    poll_interval: int | None = None,
    client: PrefectClient | None = None,
    log_states: bool = False,
) -> FlowRun:
    """Wait until a flow run has ended, and return it.

    Args:
        flow_run_id: Id of the flow run.
        timeout: Maximum number of seconds to wait; unlimited if None.
        poll_interval: Deprecated and ignored.
        client: Client to use; one of the current settings if None.
        log_states: Whether to log the states of the run.

    Raises:
        FlowRunWaitTimeout: The run did not end in time.
        ObjectNotFound: There is no such run.
    """
    if poll_interval is not None:
        warnings.warn("`poll_interval` of `wait_for_flow_run` does nothing.", DeprecationWarning, stacklevel=2)
    logger, logged = get_logger(), set[UUID]()

    def log_state(run: FlowRun) -> None:
        if run.state is not None and run.state.id not in logged:
            logged.add(run.state.id)
            logger.info("Flow run is in state %r", run.state.name)

    end = float("inf") if timeout is None else time.monotonic() + timeout
    async with nullcontext(client) if client is not None else orchestration.get_client() as api:
        run = await run_waiting.wait_until_ended(api, flow_run_id, end, on_read=log_state if log_states else None)
    if run.state is None or not run.state.is_final():
        raise FlowRunWaitTimeout(f"Flow run {flow_run_id} did not end within {timeout} seconds.")
    return run
