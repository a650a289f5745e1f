"""Run commands of steps: their output is captured, and shown line by line while they run."""

from __future__ import annotations

import contextvars
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from typing import IO, NamedTuple

PrintLine = Callable[[str], object]

line_printer: contextvars.ContextVar[PrintLine | None] = contextvars.ContextVar("line_printer", default=None)
"""Where lines of output go instead of this process's own output: to the log of a flow run."""


class CommandResult(NamedTuple):
    """The output and exit code of a command."""

    exit_code: int
    stdout: str
    stderr: str


def run_command(
    command: list[str],
    directory: str | None = None,
    environment: Mapping[str, str] | None = None,
    stream_output: bool = True,
) -> CommandResult:
    """Run a command to its end.

    Args:
        command: The program and its arguments.
        directory: Its working directory; that of this process if None.
        environment: All of its environment; that of this process if None.
        stream_output: Whether its output is shown while it runs.

    Raises:
        FileNotFoundError: There is no such program or directory.
    """
    printer = line_printer.get()
    with subprocess.Popen(
        command,
        cwd=directory,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        errors="replace",
    ) as process:
        outputs: tuple[list[str], list[str]] = ([], [])
        threads = [
            threading.Thread(
                target=contextvars.copy_context().run,
                args=(_copy_lines, pipe, lines, (printer or _write_to(own)) if stream_output else None),
                daemon=True,
            )
            for pipe, lines, own in zip(
                (process.stdout, process.stderr), outputs, (sys.stdout, sys.stderr), strict=True
            )
        ]
        for thread in threads:
            thread.start()
        try:
            exit_code = process.wait()
        except BaseException:
            process.terminate()
            raise
        for thread in threads:
            thread.join()
    return CommandResult(exit_code, *("".join(lines).strip() for lines in outputs))


def _copy_lines(pipe: IO[str], lines: list[str], print_line: PrintLine | None) -> None:
    for line in pipe:
        lines.append(line)
        if print_line is not None:
            print_line(line.rstrip("\n"))


def _write_to(file: IO[str]) -> PrintLine:
    return lambda line: print(line, file=file, flush=True)
