"""Start subprocesses, and forward their output and signals."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator, Callable, Mapping, MutableMapping
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, AnyStr, TextIO, TypeAlias, TypeVar, cast

from prefect._lazy import lazy

if TYPE_CHECKING:
    import anyio
    import anyio.abc
    from anyio.streams.text import TextReceiveStream, TextSendStream

    TextSink: TypeAlias = anyio.AsyncFile[AnyStr] | TextIO | TextSendStream
else:
    anyio = lazy("anyio")
    TextSink: TypeAlias = Any

T = TypeVar("T")
PrintFn: TypeAlias = Callable[[str], object]

# --- commands --------------------------------------------------------------------------------------------------------


def command_to_string(command: list[str]) -> str:
    """Return a command as one line for the shell of the system."""
    return subprocess.list2cmdline(command) if sys.platform == "win32" else shlex.join(command)


def command_from_string(command: str) -> list[str]:
    """Split a command line as the shell of the system does."""
    parts = shlex.split(command, posix=sys.platform != "win32")
    return [part.strip('"') for part in parts] if sys.platform == "win32" else parts


def get_sys_executable() -> str:
    """Return the path of the running Python, quoted for a command line."""
    return f'"{sys.executable}"' if sys.platform == "win32" else sys.executable


def sanitize_subprocess_env(
    env: Mapping[str, str | None] | None, *, remove_from: MutableMapping[str, str] | None = None
) -> dict[str, str]:
    """Return the environment variables that have a value.

    Args:
        remove_from: An environment to take those out of that have None for a value.
    """
    variables = env or {}
    if remove_from is not None:
        for name, value in variables.items():
            if value is None:
                remove_from.pop(name, None)
    return {name: value for name, value in variables.items() if value is not None}


# --- processes -------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def open_process(command: list[str], **kwargs: Any) -> AsyncGenerator[anyio.abc.Process, Any]:
    """Start a program, and wait for its end when the block ends. An error or cancellation inside terminates it.

    Args:
        command: The program and its arguments.
        **kwargs: As `anyio.open_process` takes them.

    Raises:
        TypeError: The command is not a list.
    """
    if not isinstance(command, list):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"The command must be a list, not {command!r} of type {type(command).__name__!r}.")
    process = await anyio.open_process(command, **kwargs)
    try:
        async with process:  # which waits at its end
            try:
                yield process
            except BaseException:
                with suppress(ProcessLookupError):  # it has ended already
                    process.terminate()
                raise
    finally:
        with anyio.CancelScope(shield=True):
            await process.wait()


async def run_process(
    command: list[str],
    *,
    stream_output: bool | tuple[TextSink[str] | None, TextSink[str] | None] = False,
    task_status: anyio.abc.TaskStatus[Any] | None = None,
    task_status_handler: Callable[[anyio.abc.Process], Any] | None = None,
    **kwargs: Any,
) -> anyio.abc.Process:
    """Run a program to its end.

    Args:
        command: The program and its arguments.
        stream_output: Pass on what it prints: True to this process's own output, or where to pass stdout and stderr.
        task_status: Notified when the program has started, with its pid or the result of `task_status_handler`.
        **kwargs: As `anyio.open_process` takes them.

    Returns:
        The ended process, with its `returncode`.
    """
    if stream_output is True:
        stream_output = (sys.stdout, sys.stderr)
    if not stream_output:  # nothing reads a pipe, so there must be none to fill up
        kwargs = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, **kwargs}
    async with open_process(command, **kwargs) as process:
        if task_status is not None:
            task_status.started(task_status_handler(process) if task_status_handler else process.pid)
        if stream_output:
            await consume_process_output(process, stdout_sink=stream_output[0], stderr_sink=stream_output[1])
        await process.wait()
    return process


async def consume_process_output(
    process: anyio.abc.Process, stdout_sink: TextSink[str] | None = None, stderr_sink: TextSink[str] | None = None
) -> None:
    """Read the output of a program to its end, and forward it."""
    from anyio.streams.text import TextReceiveStream

    async with anyio.create_task_group() as group:
        for source, sink in ((process.stdout, stdout_sink), (process.stderr, stderr_sink)):
            if source is not None:
                group.start_soon(stream_text, TextReceiveStream(source, errors="replace"), sink)


async def stream_text(source: TextReceiveStream, *sinks: TextSink[str] | None) -> None:
    """Read text to its end, and forward it to each sink."""
    targets = [
        anyio.wrap_file(cast("TextIO", sink))
        if hasattr(sink, "write") and not isinstance(sink, anyio.AsyncFile)
        else sink
        for sink in sinks
        if sink is not None
    ]
    async for text in source:
        for target in targets:
            if isinstance(target, anyio.AsyncFile):
                await target.write(text)
                await target.flush()
            else:
                await target.send(text)  # pyright: ignore


# --- signals ---------------------------------------------------------------------------------------------------------


def forward_signal_handler(pid: int, signum: int, *signums: int, process_name: str, print_fn: PrintFn) -> None:
    """Forward a signal to another process: the n-th time it is received, send the n-th signal of a list.

    Args:
        pid: The other process.
        signum: The signal of this process, and the first to send by default.
        signums: The signals to send, in turn.
        process_name: What to call the other process.
        print_fn: Called with a message about each signal.
    """
    original = signal.getsignal(signum)
    to_send, *rest = signums or (signum,)

    def handler(*_: Any) -> None:
        print_fn(f"Received {signal.Signals(signum).name}: sending {signal.Signals(to_send).name} to {process_name}.")
        with suppress(ProcessLookupError):  # it has ended already
            os.kill(pid, to_send)
        if rest:
            forward_signal_handler(pid, signum, *rest, process_name=process_name, print_fn=print_fn)
        else:
            signal.signal(signum, original)

    signal.signal(signum, handler)


def _set_up(pid: int, process_name: str, print_fn: PrintFn, gentle: int) -> None:
    if sys.platform == "win32":  # there, the only signal that ends a group of processes
        forward_signal_handler(
            pid, signal.SIGINT, signal.CTRL_BREAK_EVENT, process_name=process_name, print_fn=print_fn
        )
        return
    options: dict[str, Any] = {"process_name": process_name, "print_fn": print_fn}
    forward_signal_handler(pid, signal.SIGINT, gentle, signal.SIGKILL, **options)
    forward_signal_handler(pid, signal.SIGTERM, signal.SIGTERM, signal.SIGKILL, **options)


def setup_signal_handlers_server(pid: int, process_name: str, print_fn: PrintFn) -> None:
    """Forward SIGINT and SIGTERM to a server as SIGTERM, and a second one as SIGKILL."""
    _set_up(pid, process_name, print_fn, signal.SIGTERM)


def setup_signal_handlers_agent(pid: int, process_name: str, print_fn: PrintFn) -> None:
    """Forward SIGINT and SIGTERM, and a second one as SIGKILL."""
    _set_up(pid, process_name, print_fn, signal.SIGINT)


def setup_signal_handlers_worker(pid: int, process_name: str, print_fn: PrintFn) -> None:
    """Forward SIGINT and SIGTERM to a worker, and a second one as SIGKILL."""
    _set_up(pid, process_name, print_fn, signal.SIGINT)
