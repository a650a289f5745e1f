"""A process that has loaded the flow of a deployment, and waits for a run of it.

The run arrives over a named pipe. The process ends when its parent is gone. When the code has changed since
it was loaded, the process begins anew as a fresh interpreter, with the run.
"""

from __future__ import annotations

import json
import os
import random
import select
import sys
import sysconfig
from typing import Any

from prefect.schemas.runs import FlowRun

WARM_START_VARIABLE = "PREFECT__WARM_START"
"""The environment variable with the path of the named pipe."""

PARENT_CHECK_SECONDS = 2.0
"""Between two checks whether the parent is still there."""


def read_file_times() -> dict[str, int]:
    """Return the times of the files of all loaded modules that are not installed packages."""
    installed = tuple(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib"))
    files = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
    return {file: _read_time(file) for file in files if file and not file.startswith(installed)}


def wait_for_run(pipe: str, loaded: dict[str, int]) -> FlowRun:
    """Wait for a run, and return it with its environment set; exit when the parent is gone.

    Args:
        pipe: The path of the named pipe.
        loaded: The times of the files when the flow was loaded.
    """
    parent = os.getppid()
    descriptor = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    while not select.select([descriptor], [], [], PARENT_CHECK_SECONDS)[0]:
        if os.getppid() != parent:
            os._exit(0)
    os.set_blocking(descriptor, True)
    with open(descriptor, "rb") as file:
        handed_over: dict[str, Any] = json.loads(file.read())
    del os.environ[WARM_START_VARIABLE]
    os.environ.update(handed_over["env"])
    if any(_read_time(file) != time for file, time in loaded.items()):
        os.execve(sys.executable, [sys.executable, "-m", "prefect.engine"], dict(os.environ))
    random.seed()
    if (numpy := sys.modules.get("numpy")) is not None:
        numpy.random.seed()
    return FlowRun.model_validate(handed_over["flow_run"])


def _read_time(file: str) -> int:
    """Return the time of a file; 0 if it is gone."""
    try:
        return os.stat(file).st_mtime_ns
    except OSError:
        return 0
