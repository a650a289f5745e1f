"""Processes that have loaded the flow of a deployment, for pools with `warm_processes`."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import tempfile
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from prefect.engine.warm_start import WARM_START_VARIABLE
from prefect.logging.loggers import get_logger
from prefect.runner.launch import INTERNAL_PREFIX, Launch, Launcher, LaunchError, RunProcess
from prefect.types import new_id

if TYPE_CHECKING:
    from prefect.schemas.responses import DeploymentResponse
    from prefect.schemas.runs import FlowRun

MAX_DEPLOYMENTS = 16
"""Maximum number of deployments, the most recently run ones, for which processes are kept."""

MAX_HANDED_OVER_BYTES = 60_000
"""The capacity of a named pipe without a reader. A larger run gets a new process."""

_SET_DIRECTORY = "set_working_directory"

logger = get_logger("workers.warm_processes")


@dataclass(frozen=True)
class LoadedFlow:
    """The flow that a process has loaded, and how: a run that differs cannot use it.

    Attributes:
        deployment_id: The deployment.
        entrypoint: Its flow.
        directory: Where its code is.
        env: The environment, without what belongs to a single run.
        stream_output: Whether the process writes to the worker's output.
    """

    deployment_id: str
    entrypoint: str
    directory: str
    env: frozenset[tuple[str, str | None]]
    stream_output: bool

    @classmethod
    def find(
        cls, deployment: DeploymentResponse | None, env: Mapping[str, str | None], stream_output: bool
    ) -> LoadedFlow | None:
        """Return what a process must have loaded; None if the code is not simply in a directory of this machine."""
        if deployment is None or not deployment.entrypoint or deployment.storage_document_id is not None:
            return None
        directory = deployment.path or ""
        for step in deployment.pull_steps or ():
            for name, inputs in step.items():
                if name.rpartition(".")[2] != _SET_DIRECTORY:
                    return None
                directory = str(inputs.get("directory", ""))
        if not os.path.isabs(directory) or not os.path.isdir(directory):
            return None
        shared = frozenset((name, value) for name, value in env.items() if not name.startswith(INTERNAL_PREFIX))
        return cls(str(deployment.id), deployment.entrypoint, directory, shared, stream_output)


@dataclass(frozen=True)
class _Warm:
    process: RunProcess
    folder: str

    @property
    def pipe(self) -> str:
        return os.path.join(self.folder, "run")

    def discard(self) -> None:
        self.process.signal_group(signal.SIGKILL)
        shutil.rmtree(self.folder, ignore_errors=True)


class WarmProcesses:
    """Keeps processes that have loaded flows.

    Args:
        launcher: Starts them.
    """

    def __init__(self, launcher: Launcher) -> None:
        self._launcher = launcher
        self._kept: OrderedDict[LoadedFlow, list[_Warm]] = OrderedDict()

    def take(self, loaded: LoadedFlow, flow_run: FlowRun, env: Mapping[str, str | None]) -> RunProcess | None:
        """Hand a run over to a process that has loaded its flow; return the process, or None if there is none."""
        own = {name: value for name, value in env.items() if name.startswith(INTERNAL_PREFIX) and value is not None}
        message = json.dumps({"env": own, "flow_run": flow_run.model_dump(mode="json")}).encode()
        if len(message) > MAX_HANDED_OVER_BYTES:
            return None
        waiting = self._kept.get(loaded, [])
        for warm in list(waiting):
            if warm.process.exit_code is not None:
                waiting.remove(warm)
                warm.discard()
            elif _write(warm.pipe, message):
                waiting.remove(warm)
                shutil.rmtree(warm.folder, ignore_errors=True)
                return warm.process
        return None

    async def fill(self, loaded: LoadedFlow, count: int) -> None:
        """Start processes until `count` have loaded a flow, or are loading it."""
        waiting = self._kept.setdefault(loaded, [])
        self._kept.move_to_end(loaded)
        while len(self._kept) > MAX_DEPLOYMENTS:
            for warm in self._kept.popitem(last=False)[1]:
                warm.discard()
        while len(waiting) < count:
            folder = tempfile.mkdtemp(prefix="prefect-warm-")
            os.mkfifo(os.path.join(folder, "run"), 0o600)
            env: dict[str, Any] = dict(loaded.env)
            env |= {WARM_START_VARIABLE: os.path.join(folder, "run"), "PREFECT__DEPLOYMENT_ID": loaded.deployment_id}
            launch = Launch(flow_run_id=new_id(), env=env, cwd=loaded.directory, stream_output=loaded.stream_output)
            try:
                waiting.append(_Warm(await self._launcher.start(launch), folder))
            except LaunchError as error:
                shutil.rmtree(folder, ignore_errors=True)
                logger.warning("No process can be kept for the deployment %s: %s", loaded.deployment_id, error)
                return

    def close(self) -> None:
        """End all processes that wait."""
        while self._kept:
            for warm in self._kept.popitem()[1]:
                warm.discard()


def _write(pipe: str, message: bytes) -> bool:
    """Write a message into a named pipe, and return whether a process reads it."""
    try:
        descriptor = os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
    except OSError as error:
        if error.errno not in (errno.ENXIO, errno.ENOENT):
            raise
        return False  # it is still loading
    with open(descriptor, "wb", buffering=0) as file:
        return file.write(message) == len(message)
