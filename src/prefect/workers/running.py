"""Running a worker as the program of this process: until a signal, or until its work is done.

The first SIGTERM or Ctrl+C ends the worker: processes of runs get SIGTERM, and SIGKILL at the deadline. A second one
ends everything immediately.
"""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from prefect.workers.base import BaseWorker

SIGNALS = (signal.SIGTERM, signal.SIGINT)

STOP_TIMEOUT_SECONDS = 9.0
"""How long after the first signal the process exits at the latest, whatever it still waits for."""


def run_worker(
    worker: BaseWorker[Any, Any, Any],
    *,
    run_once: bool = False,
    with_healthcheck: bool = False,
    printer: Callable[..., None] = print,
) -> None:
    """Run a worker until a signal ends it."""
    asyncio.run(_run(worker, run_once, with_healthcheck, printer))


def _exit_after(seconds: float, worker: BaseWorker[Any, Any, Any]) -> None:
    def end() -> None:
        worker.kill()
        os._exit(0)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()


async def _run(
    worker: BaseWorker[Any, Any, Any], run_once: bool, with_healthcheck: bool, printer: Callable[..., None]
) -> None:
    loop = asyncio.get_running_loop()
    received: list[int] = []

    def stop(number: int) -> None:
        received.append(number)
        if len(received) > 1:
            worker.kill()
            os._exit(128 + number)
        _exit_after(STOP_TIMEOUT_SECONDS, worker)
        worker.announce(f"Received {signal.Signals(number).name}. Stopping worker {worker.name!r}...", printer)
        worker.stop()

    for number in SIGNALS:
        loop.add_signal_handler(number, stop, number)
    try:
        await worker.start(run_once=run_once, with_healthcheck=with_healthcheck, printer=printer)
    finally:
        for number in SIGNALS:
            loop.remove_signal_handler(number)
