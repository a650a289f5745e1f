"""A work pool of a real server, deployments in it, and worker processes, for tests."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tools.serving import Served

TIMEOUT_SECONDS = 60.0
POLL_SECONDS = 0.05
LOADED_MACHINE_SECONDS = 30.0
"""How long what takes a few seconds may take on a machine that does much else."""


class Pool:
    """A work pool of a server.

    Args:
        served: The server.
        directory: Where the code of deployments is put.
        name: The pool's name.
        template: Options of the pool, in its base job template.
    """

    def __init__(self, served: Served, directory: Path, name: str = "pool", **template: Any) -> None:
        self.served = served
        self.directory = directory
        self.name = name
        directory.mkdir(exist_ok=True)
        kinds = self.call("GET", "/collections/views/aggregate-worker-metadata")
        base = kinds["prefect"]["process"]["default_base_job_configuration"]
        body = {"name": name, "type": "process", "base_job_template": {**base, **template}}
        self.call("POST", "/work_pools/", body)

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Send a request, again while the server is busy (503), and return the JSON of its answer."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"content-type": "application/json", **headers}
        request = urllib.request.Request(self.served.url + path, data, headers, method=method)
        until = time.monotonic() + TIMEOUT_SECONDS
        while True:
            try:
                with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:
                    text = answer.read()
                return json.loads(text) if text else None
            except urllib.error.HTTPError as error:
                if error.code != 503 or time.monotonic() > until:
                    raise
                time.sleep(POLL_SECONDS)

    def deploy(self, name: str, code: str, **values: Any) -> str:
        """Write the code of a flow `work`, deploy it, and return the deployment's id."""
        (self.directory / f"{name}.py").write_text(f"from prefect import flow, task\n{code}")
        flow_id = self.call("POST", "/flows/", {"name": "work"})["id"]
        body = {"flow_id": flow_id, "name": name, "entrypoint": f"{name}.py:work", "path": str(self.directory)}
        return self.call("POST", "/deployments/", {**body, "work_pool_name": self.name, **values})["id"]

    def trigger(self, deployment_id: str, **values: Any) -> str:
        """Create a run of a deployment and return its id."""
        return self.call("POST", f"/deployments/{deployment_id}/create_flow_run", values)["id"]

    def read(self, run_id: str) -> dict[str, Any]:
        """Return a flow run."""
        return self.call("GET", f"/flow_runs/{run_id}")

    def wait_for(self, run_id: str, *names: str) -> dict[str, Any]:
        """Wait until a flow run is in a state of one of these names, and return the run."""

        def find() -> dict[str, Any] | None:
            run = self.read(run_id)
            return run if run["state_name"] in names else None

        return wait_until(find, f"{names}: {self.read(run_id)['state']}")

    def wait_for_log(self, run_id: str, text: str) -> None:
        """Wait until a text is in the logs of a flow run, which may arrive after its state."""
        wait_until(lambda: text in self.read_logs(run_id), f"{text!r} is not logged")

    def read_logs(self, run_id: str) -> str:
        """Return the messages of the logs of a flow run."""
        body = {"logs": {"flow_run_id": {"any_": [run_id]}}, "sort": "TIMESTAMP_ASC"}
        return "\n".join(log["message"] for log in self.call("POST", "/logs/filter", body))

    def read_worker_log(self, name: str) -> list[str]:
        """Return the messages of the log of a worker; none of one that the server does not know yet."""
        path = f"/work_pools/{self.name}/workers"
        if not any(worker["name"] == name for worker in self.call("POST", f"{path}/filter", {})):
            return []
        return [log["message"] for log in self.call("POST", f"{path}/{name}/logs/filter", {})]

    def wait_for_worker_log(self, name: str, *texts: str) -> list[str]:
        """Wait until each text is in a line of a worker's log, and return the log."""

        def find() -> list[str] | None:
            lines = self.read_worker_log(name)
            return lines if all(any(text in line for line in lines) for text in texts) else None

        return wait_until(find, f"{texts} are not logged")

    def start_worker(self, home: Path, *arguments: str, **variables: str) -> WorkerProcess:
        """Start a worker, and wait until it has started."""
        variables = {"PREFECT_HOME": str(home), "PREFECT_API_URL": self.served.url, **variables}
        code = (
            "import prefect.workers.runs.submission as submission\n"
            "submission.CANCEL_GRACE_SECONDS = 1\n"
            "import faulthandler, signal; faulthandler.register(signal.SIGUSR1)\n"
            "from prefect.cli import main\n"
            "main()\n"
        )
        command = [sys.executable, "-c", code, "worker", "start", "--pool", self.name, *arguments]
        return WorkerProcess.start(command, home, variables)


class WorkerProcess:
    """A process of `prefect worker start`, or another one that starts runs."""

    def __init__(self, log: Path, process: subprocess.Popen[bytes]) -> None:
        self.log = log
        self.process = process

    @classmethod
    def start(cls, command: list[str], home: Path, variables: dict[str, str]) -> WorkerProcess:
        """Start a process, with its output in a file of `home`."""
        home.mkdir(exist_ok=True)
        log = home / f"worker-{time.monotonic_ns()}.log"
        with open(log, "wb") as output:
            environment = {**os.environ, **variables}
            process = subprocess.Popen(command, env=environment, stdout=output, stderr=output, start_new_session=True)
        return cls(log, process)

    @property
    def output(self) -> str:
        """What it has printed and logged."""
        return self.log.read_text(errors="replace")

    def wait_for_output(self, text: str) -> None:
        """Wait until it has printed a text."""
        wait_until(lambda: text in self.output, f"{text!r} is not printed")

    def stop(self, how: int = signal.SIGTERM) -> float:
        """Send a signal, wait for the end, and return how many seconds that took."""
        begun = time.monotonic()
        if self.process.poll() is None:
            self.process.send_signal(how)
        self.process.wait(TIMEOUT_SECONDS)
        return time.monotonic() - begun


def workers_that_go_offline_soon() -> dict[str, str]:
    """Return settings of a server that finds workers offline some seconds after their last heartbeat."""
    prefix = "PREFECT_SERVER_SERVICES_FOREMAN"
    return {f"{prefix}_LOOP_SECONDS": "1", f"{prefix}_INACTIVITY_HEARTBEAT_MULTIPLE": "3"}


def wait_until(find: Callable[[], Any], what: str) -> Any:
    """Wait until a function returns something true, and return it."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while not (found := find()):
        assert time.monotonic() < deadline, what
        time.sleep(POLL_SECONDS)
    return found
