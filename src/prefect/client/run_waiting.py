"""Waiting for the end of a flow run of another process: by requests that the server answers when it has ended.

A server that does not know such requests answers immediately; it is then polled, ever less often.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING
from uuid import UUID

from prefect._io import sleep
from prefect._lazy import lazy_from

if TYPE_CHECKING:
    from prefect.client import base, wire
    from prefect.client.orchestration import PrefectClient
    from prefect.schemas.runs import FlowRun
else:
    base, wire = lazy_from("prefect.client", "base", "wire")

REQUEST_SECONDS = 20.0
"""How long one request waits for the end of a run."""

FIRST_POLL_INTERVAL_SECONDS, POLL_INTERVAL_GROWTH = 0.1, 1.3
MAX_POLL_INTERVAL_SECONDS = 2.0


async def wait_until_ended(
    client: PrefectClient,
    flow_run_id: UUID,
    end: float = float("inf"),
    max_interval: float = MAX_POLL_INTERVAL_SECONDS,
    on_read: Callable[[FlowRun], None] | None = None,
) -> FlowRun:
    """Return a flow run as soon as it has ended, or in its current state at the timeout.

    Args:
        client: The client of the API that has the run.
        flow_run_id: The run.
        end: When to give up, in seconds of `time.monotonic`.
        max_interval: The longest time, in seconds, between two polls of a server that does not wait.
        on_read: Called with the run at each poll; it is polled then, so that its states are seen.

    Raises:
        ObjectNotFound: There is no such run.
    """
    pause = FIRST_POLL_INTERVAL_SECONDS
    can_wait = on_read is None and client.server_type is not base.ServerType.EPHEMERAL
    while True:
        begun = time.monotonic()
        wait = min(REQUEST_SECONDS, max(0.0, end - begun)) if can_wait else 0.0
        run = await _read(client, flow_run_id, wait)
        if on_read is not None:
            on_read(run)
        left = end - time.monotonic()
        if left <= 0 or (run.state is not None and run.state.is_final()):
            return run
        if time.monotonic() - begun < wait / 2 or not wait:  # the server does not wait
            await sleep(min(pause, left))
            pause = min(pause * POLL_INTERVAL_GROWTH, max_interval)


async def _read(client: PrefectClient, flow_run_id: UUID, wait: float) -> FlowRun:
    if not wait:
        return await client.read_flow_run(flow_run_id)
    response = await client.request(
        "GET", "/flow_runs/{id}", path_params={"id": flow_run_id}, headers={"prefer": f"wait={wait:.3f}"}
    )
    return wire.parse_flow_run(response.json())
