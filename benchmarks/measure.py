"""Measurement of one process: wall time, CPU including child processes, and printed facts."""

import ctypes
import json
import os
import resource
import statistics
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

CHILD_EXIT_TIMEOUT_SECONDS = 60.0
"""Seconds to wait for child processes of a measured process, such as a server that is still stopping."""
TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Sample:
    """Measurement of one run, in seconds. CPU is user and system time of the process and its children."""

    wall: float
    cpu: float
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Series:
    """Samples of one figure."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    def show(self, unit: "Unit") -> str:
        if len(self.values) == 1:
            return unit.show(self.median)
        unit = unit.fitting(self.median)
        least, most = unit.number(min(self.values)), unit.number(max(self.values))
        return f"{unit.number(self.median)} {unit.name} ({least}..{most})"


@dataclass(frozen=True)
class Unit:
    """Unit of a printed figure: its value times `scale` followed by `name`; from 10,000 on in the `larger` unit."""

    name: str
    scale: float
    larger: "Unit | None" = None

    def fitting(self, value: float) -> "Unit":
        return self.larger.fitting(value) if self.larger and abs(value * self.scale) >= 10_000 else self

    def number(self, value: float) -> str:
        scaled = value * self.scale
        return f"{scaled:.0f}" if abs(scaled) >= 100 else f"{scaled:.3g}"

    def show(self, value: float) -> str:
        unit = self.fitting(value)
        return f"{unit.number(value)} {unit.name}"


SECONDS = Unit("s", 1.0)
MILLISECONDS = Unit("ms", 1e3, SECONDS)
MICROSECONDS = Unit("µs", 1e6, MILLISECONDS)
KIB = Unit("KiB", 1.0)
MEGABYTES = Unit("MB", 1.0)


def adopt_orphans() -> None:
    """Become the subreaper of orphaned child processes, so that their CPU is counted (Linux only)."""
    PR_SET_CHILD_SUBREAPER = 36
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


class CommandFailed(RuntimeError):
    """A measured command failed; the message has the end of its output.

    Args:
        program: The file of the command.
        reason: The message.
    """

    def __init__(self, program: Path, reason: str) -> None:
        super().__init__(reason)
        self.program = program


def run(command: Sequence[str | Path], environment: Mapping[str, str], cwd: Path) -> Sample:
    """Run a command and measure it, including child processes.

    Raises:
        CommandFailed: It failed.
    """
    before, others = _children_cpu(), _own_children()
    out, err = cwd / "out.txt", cwd / "err.txt"
    started = time.perf_counter()
    with out.open("wb") as stdout, err.open("wb") as stderr:
        process = subprocess.Popen(command, env=dict(environment), cwd=cwd, stdout=stdout, stderr=stderr)
        code = process.wait()
    wall = time.perf_counter() - started
    _reap(others)
    if code != 0:
        last = "\n".join(err.read_text(errors="replace").splitlines()[-8:])
        reason = f"{' '.join(map(str, command))} ended with exit code {code}:\n{last}"
        raise CommandFailed(Path(command[0]), reason)
    lines = [line for line in out.read_text(errors="replace").splitlines() if line.startswith("BENCH ")]
    facts = json.loads(lines[-1].removeprefix("BENCH ")) if lines else {}
    return Sample(wall, _children_cpu() - before, facts)


def read_cpu_seconds(pid: int) -> float:
    """Return the CPU seconds of a running process and its descendants so far."""
    total = 0.0
    for each in [pid, *descendants(pid)]:
        try:
            fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
        except FileNotFoundError:
            continue
        total += sum(int(value) for value in fields[11:15]) / TICK
    return total


def noise(rounds: int = 30) -> Series:
    """Measure a fixed piece of work repeatedly, as an estimate of the noise of this machine."""
    values: list[float] = []
    for _ in range(rounds):
        started = time.perf_counter()
        sum(i * i for i in range(100_000))
        values.append(time.perf_counter() - started)
    return Series(tuple(values))


def _children_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def descendants(pid: int) -> list[int]:
    try:
        text = "".join(path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/children"))
    except OSError:
        return []
    children = [int(each) for each in text.split()]
    return children + [below for child in children for below in descendants(child)]


def _reap(others: set[int]) -> None:
    """Wait for the processes that the measured one left behind, which are children of this process now."""
    deadline = time.monotonic() + CHILD_EXIT_TIMEOUT_SECONDS
    while (adopted := _own_children() - others) and time.monotonic() < deadline:
        for pid in adopted:
            try:
                os.waitpid(pid, os.WNOHANG)
            except ChildProcessError:
                continue
        time.sleep(0.02)


def _own_children() -> set[int]:
    text = "".join(path.read_text() for path in Path("/proc/self/task").glob("*/children"))
    return {int(each) for each in text.split()}
