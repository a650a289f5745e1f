"""A real cluster of one node: a control plane, a Docker engine and a kubelet. `make infra` runs its tests.

The engine makes a bridge and rules of a firewall, so that the tests need a network namespace of their own. Needs root,
and the kubelet that `tools/kubernetes --node` builds. There is no cluster DNS and no kube-proxy.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from tests import docker_engine, kubernetes_cluster
from tests.kubernetes_cluster import ControlPlane, find_programs

HOST = "172.17.0.1"
IMAGE = "local/python:1"
START_SECONDS = 200.0

# A negative oom_score_adj needs a capability that machines of tests lack: it is taken out before runc reads it.
RUNC = r"""#!/bin/bash
for ((i = 1; i <= $#; i++)); do
    [ "${!i}" = --bundle ] || continue
    j=$((i + 1))
    sed -i -E 's/"oomScoreAdj":-[0-9]+/"oomScoreAdj":0/' "${!j}/config.json"
done
exec /usr/sbin/runc "$@"
"""
KUBELET = {
    "kind": "KubeletConfiguration",
    "apiVersion": "kubelet.config.k8s.io/v1beta1",
    "address": HOST,
    "authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}},
    "authorization": {"mode": "AlwaysAllow"},
    "cgroupDriver": "cgroupfs",
    "cgroupsPerQOS": False,
    "enforceNodeAllocatable": [],
    "failSwapOn": False,
    "oomScoreAdj": 0,
    "evictionHard": {},
    "imageGCHighThresholdPercent": 100,
    "makeIPTablesUtilChains": False,
    "maxOpenFiles": 20000,
    "clusterDNS": [HOST],
    "clusterDomain": "cluster.local",
}


def need() -> None:
    """Skip the test where there can be no node."""
    if not os.environ.get("KUBERNETES_NODE"):
        pytest.skip("needs a network namespace of its own: run make infra")
    kubernetes_cluster.need()
    docker_engine.need("dockerd", "docker", "gcc")
    if not (find_programs() / "kubelet").exists():
        pytest.skip("needs a kubelet: run tools/kubernetes --node")


@contextlib.contextmanager
def run_cluster() -> Iterator[ControlPlane]:
    """Run a cluster with the image `IMAGE`, in which this machine's Python runs."""
    home = Path(tempfile.mkdtemp(prefix="node-"))
    plane = ControlPlane(home / "plane", HOST)
    try:
        plane.home.mkdir()
        _start_engine(plane, home)
        plane.start()
        start_kubelet(plane, home)
        yield plane
    finally:
        _stop(plane, home)
        shutil.rmtree(home, ignore_errors=True)


def _start_engine(plane: ControlPlane, home: Path) -> None:
    runc = home / "runc"
    runc.write_text(RUNC)
    runc.chmod(0o755)
    places = [
        "--data-root",
        f"{home}/data",
        "--exec-root",
        f"{home}/exec",
        "--pidfile",
        f"{home}/docker.pid",
        "--shutdown-timeout=2",
    ]
    runtime = ["--add-runtime", f"tests={runc}", "--default-runtime", "tests"]
    plane.run("dockerd", "dockerd", "--host", f"unix://{home}/docker.sock", *places, *runtime)
    _wait((home / "docker.sock").exists, "the Docker engine does not start", plane.home / "dockerd.log")
    import docker

    with contextlib.closing(docker.DockerClient(f"unix://{home}/docker.sock")) as client:
        docker_engine.add_python_image(client, *IMAGE.split(":"))
    _build_pause_image(home)


def _build_pause_image(home: Path) -> None:
    """Make the image of the process that holds the namespaces of a pod."""
    source = home / "pause"
    source.mkdir()
    (source / "pause.c").write_text("#include <unistd.h>\nint main(void) { for (;;) pause(); }\n")
    subprocess.run(["gcc", "-static", "-o", source / "pause", source / "pause.c"], check=True)
    (source / "Dockerfile").write_text('FROM scratch\nCOPY pause /pause\nENTRYPOINT ["/pause"]\n')
    engine = {**os.environ, "DOCKER_HOST": f"unix://{home}/docker.sock", "DOCKER_BUILDKIT": "0"}
    subprocess.run(
        ["docker", "build", "-q", "-t", "local/pause:1", source], check=True, env=engine, capture_output=True
    )


def start_kubelet(plane: ControlPlane, home: Path) -> None:
    """Start the kubelet, and wait until its node is ready."""
    (home / "kubelet.yaml").write_text(yaml.safe_dump(KUBELET))
    plane.run(
        "kubelet",
        str(plane.programs / "kubelet"),
        f"--config={home / 'kubelet.yaml'}",
        f"--kubeconfig={plane.kubeconfig}",
        f"--root-dir={home / 'kubelet'}",
        f"--cert-dir={home / 'certificates'}",
        "--container-runtime=docker",
        f"--docker-endpoint=unix://{home}/docker.sock",
        "--pod-infra-container-image=local/pause:1",
        "--hostname-override=node1",
        f"--node-ip={HOST}",
        "--runtime-cgroups=/",
        "--kubelet-cgroups=/",
        f"--seccomp-profile-root={home / 'seccomp'}",
        f"--volume-plugin-dir={home / 'plugins'}",
    )

    def is_ready() -> bool:
        node = plane.call("GET", "/api/v1/nodes/node1") or {"status": {}}
        conditions = node["status"].get("conditions") or ()
        return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)

    _wait(is_ready, "the node does not become ready", plane.home / "kubelet.log")


def _stop(plane: ControlPlane, home: Path) -> None:
    plane.stop()
    mounts = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
    for place in reversed([mount for mount in mounts if mount.startswith(str(home))]):
        subprocess.run(["umount", "-l", place], capture_output=True)


def _wait(is_done: Callable[[], bool], what: str, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not is_done():
        if time.monotonic() > deadline:
            raise RuntimeError(f"After {START_SECONDS:.0f} seconds {what}: {log.read_text()[-2000:]}")
        time.sleep(0.1)
