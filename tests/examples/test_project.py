"""The example project: from `prefect init` to scheduled runs that a worker completes, on SQLite and on PostgreSQL."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.workers.pools import Pool, WorkerProcess, wait_until
from tools import serving

PROJECT = Path(__file__).parent.parent.parent / "examples" / "project"

pytestmark = [pytest.mark.served, pytest.mark.timeout(240)]


@pytest.fixture(params=["sqlite", "postgresql"])
def served(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[serving.Served]:
    variables = {}
    if request.param == "postgresql":
        variables["PREFECT_API_DATABASE_CONNECTION_URL"] = request.getfixturevalue("postgres_url")
    with serving.server(tmp_path / "server", **variables) as served:
        yield served


class Shell:
    """Commands in the directory of a project, with a server."""

    def __init__(self, served: serving.Served, home: Path, directory: Path) -> None:
        self.directory = directory
        self.variables = {**os.environ, "PREFECT_HOME": str(home), "PREFECT_API_URL": served.url}

    def prefect(self, *arguments: str, code: int = 0) -> str:
        """Run a `prefect` command and return what it printed."""
        done = subprocess.run(
            [sys.executable, "-m", "prefect", *arguments],
            cwd=self.directory,
            env=self.variables,
            capture_output=True,
            text=True,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout


def test_project_runs_on_its_schedules(served: serving.Served, home: Path, tmp_path: Path):
    directory = tmp_path / "project"
    shutil.copytree(PROJECT / "flows", directory / "flows")
    shell = Shell(served, home, directory)
    assert "Wrote .prefectignore and prefect.yaml." in shell.prefect("init")
    written: Any = yaml.safe_load((PROJECT / "prefect.yaml").read_text())
    written["deployments"][0]["schedules"] = [{"interval": 1, "parameters": {"batch_size": 3}}]
    (directory / "prefect.yaml").write_text(yaml.safe_dump(written))
    shell.prefect("work-pool", "create", "local", "--type", "process")
    assert "2 to create" in shell.prefect("deploy", "--all", "--plan", code=2)
    shell.prefect("deploy", "--all")
    assert "0 to create, 0 to update" in shell.prefect("deploy", "--all", "--plan")
    pool = Pool(served, tmp_path / "unused")
    variables = {"PREFECT_HOME": str(home), "PREFECT_API_URL": served.url}
    worker = WorkerProcess.start(
        [sys.executable, "-m", "prefect", "worker", "start", "--pool", "local"], home, variables
    )
    try:
        runs = wait_until(lambda: find_completed(pool, 2), worker.output)
        assert all(run["auto_scheduled"] and run["parameters"]["batch_size"] == 3 for run in runs)
        pool.wait_for_log(runs[0]["id"], "copied 3 rows to dev")
    finally:
        worker.process.terminate()
        worker.process.wait(60)


def find_completed(pool: Pool, count: int) -> list[dict[str, Any]] | None:
    """Return the completed runs, when there are so many."""
    body = {"flow_runs": {"state": {"type": {"any_": ["COMPLETED"]}}}}
    runs = pool.call("POST", "/flow_runs/filter", body)
    return runs if len(runs) >= count else None


def test_example_is_deployed_as_it_is(home: Path, tmp_path: Path):
    variables = {**os.environ, "PREFECT_HOME": str(home)}
    for arguments in (["work-pool", "create", "local", "--type", "process"], ["deploy", "--all"]):
        done = subprocess.run(
            [sys.executable, "-m", "prefect", *arguments], cwd=PROJECT, env=variables, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
    assert "'sync/daily-prod' successfully created" in done.stdout
