"""Public path of subprocesses and their signals; see `prefect._subprocesses`."""

from __future__ import annotations

from prefect._subprocesses import (
    PrintFn,
    TextSink,
    command_from_string,
    command_to_string,
    consume_process_output,
    forward_signal_handler,
    get_sys_executable,
    open_process,
    run_process,
    sanitize_subprocess_env,
    setup_signal_handlers_agent,
    setup_signal_handlers_server,
    setup_signal_handlers_worker,
    stream_text,
)

__all__ = [
    "PrintFn",
    "TextSink",
    "command_from_string",
    "command_to_string",
    "consume_process_output",
    "forward_signal_handler",
    "get_sys_executable",
    "open_process",
    "run_process",
    "sanitize_subprocess_env",
    "setup_signal_handlers_agent",
    "setup_signal_handlers_server",
    "setup_signal_handlers_worker",
    "stream_text",
]
