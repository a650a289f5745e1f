"""Serving deployments from a program, until it is interrupted."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from prefect import settings
from prefect._lazy import lazy

if TYPE_CHECKING:
    from prefect.deployments.runner_deployment import RunnerDeployment
    from prefect.runner import runner
    from prefect.runner.runner import Runner
else:
    runner = lazy("prefect.runner.runner")

DEFAULT_PROCESSES_PER_CORE = 4
"""How many flow runs a served program runs at the same time for each core, unless it says otherwise."""


async def serve_deployments(
    deployments: Sequence[RunnerDeployment],
    name: str | None = None,
    pause_on_shutdown: bool = True,
    print_starting_message: bool = True,
    limit: int | None = None,
    webserver: bool = False,
) -> None:
    """Serve deployments until the program is interrupted.

    Args:
        deployments: The deployments.
        name: The name of the runner.
        pause_on_shutdown: Whether to pause them at the end.
        print_starting_message: Whether to print what is served, and how to start a run.
        limit: How many flow runs run at the same time; of the setting `runner.process_limit`, or four for each core,
            if None.
        webserver: Whether to serve the health of the runner over HTTP.

    Raises:
        DeploymentApplyError: The server refuses a deployment.
    """
    serving = runner.Runner(name, limit=limit or _get_default_limit(), pause_on_shutdown=pause_on_shutdown)
    serving.webserver = serving.webserver or webserver
    for deployment in deployments:
        if deployment.paused is None:  # the end of a former program has paused it
            deployment.paused = False
        await serving.aadd_deployment(deployment)
    if print_starting_message:
        serving.on_started = lambda: _print(_describe(serving, deployments))
    await serving.start()


def run_until_interrupted(**options: Any) -> None:
    """Serve deployments in a program without an event loop; options as for `serve_deployments`.

    Raises:
        RuntimeError: An event loop runs.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        pass
    else:
        raise RuntimeError("An event loop runs here already: serve flows with `await aserve(...)`.")
    asyncio.run(serve_deployments(**options))


def _get_default_limit() -> int:
    options = settings.get_current_settings().runner
    if "process_limit" in options.model_fields_set:
        return options.process_limit
    return DEFAULT_PROCESSES_PER_CORE * (os.cpu_count() or 1)


def _print(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _describe(serving: Runner, deployments: Sequence[RunnerDeployment]) -> str:
    """Return what is printed at the start."""
    assert serving.api is not None
    lines: list[str] = []
    if serving.api.is_local:
        lines += [f"No server is configured, so this program brings one along: {serving.api.url}", ""]
    if len(deployments) == 1:
        lines.append(f"Your flow {deployments[0].flow_name!r} is being served and polling for scheduled runs!")
    else:
        lines.append("Your deployments are being served and polling for scheduled runs!")
    limit = "no limit" if serving.limit is None else f"at most {serving.limit}"
    lines += [f"Runs at the same time: {limit}.", "", "To trigger a run, use the following command:", ""]
    lines += [f"    $ prefect deployment run {deployment.full_name!r}" for deployment in deployments]
    return "\n".join([*lines, ""])
