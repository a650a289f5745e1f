"""The commands of a new user of Docker, from an empty pool to a completed run, with a real engine and registry."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import docker_engine

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.served
@pytest.mark.timeout(180)
def test_run_in_a_container_has_secret_read_only_volume_and_network(tmp_path: Path):
    docker_engine.need("dockerd", "docker-registry", "unshare", "ip")
    program = ["-m", "tests.prefect_docker.programs.seed", str(tmp_path)]
    script = f'ip link set lo up && exec "{sys.executable}" "$@"'
    done = subprocess.run(
        ["unshare", "--net", "sh", "-c", script, "sh", *program],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    output = done.stdout
    assert "Completed" in output, output
    for text in (
        "secret: True",
        "read: numbers",
        "refused: Read-only file system",
        "bridged: True",
        "code: /opt/flows",
    ):
        assert text in output, output
    assert "hush" not in output + done.stderr
