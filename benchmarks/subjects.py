"""Measured subjects: this package, the original, and bare Python; each runs the same program files."""

import sys
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import measure
from tools import original

PROGRAMS = Path(__file__).parent / "programs"


@dataclass
class Subject:
    """An interpreter with one of the packages, and the environment of its programs.

    Attributes:
        name: How it is called in the table.
        python: The interpreter.
        scratch: A directory for its homes and output.
        server: The process of the server its programs talk to, if there is one; its CPU is added to baseline.
    """

    name: str
    python: Path
    scratch: Path
    server: int | None = None
    settings: dict[str, str] = field(default_factory=dict)
    _homes: int = 0

    def fresh(self) -> Path:
        """Return a new, empty home."""
        self._homes += 1
        return self.scratch / f"{self.name}-{self._homes}" / ".prefect"

    def program(self, name: str, *arguments: object, home: Path | None = None) -> measure.Sample:
        """Run a program of `programs/` and measure it."""
        return self.command([self.python, PROGRAMS / f"{name}.py", *map(str, arguments)], home)

    def code(self, source: str) -> measure.Sample:
        """Run Python source and measure it."""
        return self.command([self.python, "-c", source], None)

    def cli(self, *arguments: str) -> measure.Sample:
        """Run the `prefect` command and measure it."""
        return self.command([self.python.parent / "prefect", *arguments], None)

    def command(self, command: list[str | Path], home: Path | None) -> measure.Sample:
        home = home or self.scratch / self.name / ".prefect"
        home.parent.mkdir(parents=True, exist_ok=True)
        environment = original.variables(home, PREFECT_LOGGING_LEVEL="ERROR", **self.settings)
        before = measure.read_cpu_seconds(self.server) if self.server else 0.0
        sample = measure.run(command, {**environment, "HOME": str(home.parent)}, home.parent)
        if self.server:
            sample.facts["server_cpu"] = measure.read_cpu_seconds(self.server) - before
        return sample


def this(scratch: Path) -> Subject:
    return Subject("pluperfect", Path(sys.executable), scratch)


def served(scratch: Path, address: str, server: int) -> Subject:
    """Return the original with a running server, whose start-up is not measured."""
    return Subject("baseline", original.python(), scratch, server, {"PREFECT_API_URL": address})


def alone(scratch: Path) -> Subject:
    """Return the original without a running server: each flow run starts its own."""
    return Subject("baseline-alone", original.python(), scratch)


def version(scratch: Path, checkout: Path) -> Subject:
    """Return another version of this package: a checkout with its own environment in `.venv`."""
    return Subject("baseline", checkout / ".venv" / "bin" / "python", scratch)


def folder() -> AbstractContextManager[str]:
    return TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True)
