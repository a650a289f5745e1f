"""`python -m benchmarks.deployments`: serving and scheduling, measured alone, against the budgets of the design.

- A pass of the scheduler over 10,000 deployments with an hourly schedule each, on SQLite: CPU of the first, which
  creates 30,000 runs, and of the next one, when nothing has changed.
- Runs requested one after the other of a flow that is served, without a configured server: from the request to the
  start of the flow.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

DEPLOYMENTS = 10_000
RUNS = 20

PROGRAM = """
from prefect import flow

@flow
def nothing():
    pass

if __name__ == "__main__":
    nothing.serve(name="bench", print_starting_message=True)
"""


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.environ["PREFECT_HOME"] = str(Path(folder) / "scheduler")
        for line in asyncio.run(measure_scheduler()):
            sys.stdout.write(f"{line}\n")
        os.environ["PREFECT_HOME"] = str(Path(folder) / "serve")
        for line in measure_serving(Path(folder)):
            sys.stdout.write(f"{line}\n")


async def measure_scheduler() -> list[str]:
    from prefect import get_client
    from prefect.server.bus import Bus
    from prefect.server.db import opening
    from prefect.server.loops import Environment, scheduler
    from prefect.server.services.deployments import deployments
    from prefect.settings import get_current_settings

    settings = get_current_settings()
    database = opening.open_database(settings)
    await database.open()
    try:
        async with get_client() as client:
            flow = await client.create_flow_from_name("bench")
        hourly = {"schedule": {"interval": 3600.0, "timezone": "UTC", "anchor_date": "2026-01-01T00:00:00Z"}}
        for start in range(0, DEPLOYMENTS, 500):
            await database.write(lambda tx, start=start: _add_deployments(tx, deployments, flow, start, hourly))
        environment = Environment(database, Bus(), settings)
        figures: list[float] = []
        for _ in range(2):
            begun = time.process_time()
            await scheduler.create_scheduled_runs(environment)
            figures.append(time.process_time() - begun)
    finally:
        await database.close()
    return [
        f"scheduler, first pass over {DEPLOYMENTS:,} deployments: {figures[0]:.2f} s CPU",
        f"scheduler, a pass when nothing has changed: {figures[1] * 1000:.1f} ms CPU (budget 1 s)",
    ]


async def _add_deployments(tx, deployments, flow, start: int, schedule) -> None:
    for number in range(start, start + 500):
        await deployments.create(tx, {"flow_id": flow, "name": f"d{number}", "schedules": [schedule]})


def measure_serving(folder: Path) -> list[str]:
    from prefect import get_client
    from prefect.context import refresh_global_settings_context

    refresh_global_settings_context()  # for the other home
    (folder / "program.py").write_text(PROGRAM)
    log = folder / "log"
    with open(log, "w") as output:
        program = subprocess.Popen([sys.executable, "program.py"], cwd=folder, stdout=output, stderr=output)
        try:
            while "being served" not in log.read_text():
                time.sleep(0.05)
            with get_client(sync_client=True) as client:
                deployment = client.read_deployment_by_name("nothing/bench")
                delays = sorted(_run_once(client, deployment.id) for _ in range(RUNS + 1))[:-1]
        finally:
            program.terminate()
            program.wait()
    return [
        f"serve, request to flow, {RUNS} runs: p50 {delays[RUNS // 2]:.2f} s, p95 {delays[-2]:.2f} s (p50 budget 0.6 s)"
    ]


def _run_once(client, deployment_id) -> float:
    """Return how many seconds pass from the request of a run to its start."""
    asked = time.time()
    run = client.create_flow_run_from_deployment(deployment_id)
    while not (found := client.read_flow_run(run.id)).state.is_final():
        time.sleep(0.05)
    return found.start_time.timestamp() - asked


if __name__ == "__main__":
    main()
