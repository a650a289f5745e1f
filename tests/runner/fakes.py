"""Processes of flow runs that are played by the test."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from uuid import UUID

from prefect.engine.interruption.signals import HOOKS_ONLY_VARIABLE
from prefect.runner.launch import Launch, RunProcess


class FakeProcess(RunProcess):
    """A process that ends when the test says so, or by a signal that it does not ignore."""

    def __init__(self, launch: Launch, pid: int, ignored: frozenset[int]) -> None:
        self.launch = launch
        self.signals: list[int] = []
        self._ignored = ignored
        self._ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        super().__init__(launch.flow_run_id, pid, self._ended)

    def end(self, exit_code: int = 0) -> None:
        """End the process."""
        if not self._ended.done():
            self._ended.set_result(exit_code)

    def send_signal(self, number: int) -> None:
        self.signals.append(number)
        if number not in self._ignored:
            self.end(-number)

    def signal_group(self, number: int) -> bool:
        if number == signal.SIGKILL:
            self.send_signal(number)
        return False


class FakeLauncher:
    """Starts such processes, and tells when one has been started."""

    def __init__(self, ignored: tuple[int, ...] = ()) -> None:
        self.processes: dict[UUID, FakeProcess] = {}
        self._ignored = frozenset(ignored)
        self._changed = asyncio.Condition()

    async def start(self, launch: Launch) -> RunProcess:
        process = FakeProcess(launch, 1_000_000 + len(self.processes), self._ignored)
        if HOOKS_ONLY_VARIABLE in launch.env:
            process.end()
            return process
        async with self._changed:
            self.processes[launch.flow_run_id] = process
            self._changed.notify_all()
        return process

    async def wait_for(self, condition: Callable[[dict[UUID, FakeProcess]], bool]) -> None:
        """Wait until the started processes satisfy a condition."""
        async with self._changed:
            await self._changed.wait_for(lambda: condition(self.processes))
