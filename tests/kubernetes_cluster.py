"""A real Kubernetes control plane for tests, on free loopback ports, with a stand-in for the kubelet.

etcd, kube-apiserver, kube-controller-manager and kube-scheduler are real: jobs make pods, pods are scheduled, jobs end,
what is deleted is collected. `tests.stand_in_kubelet` does what a node does. `tools/kubernetes` builds the programs.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tools.ports import find_free_port

ROOT = Path(__file__).parent.parent
START_SECONDS = 200.0
TOKEN = "s3cret"
PROGRAMS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")


def find_programs() -> Path:
    """Return the folder of the programs of a cluster."""
    return Path(subprocess.check_output([ROOT / "tools/kubernetes", "--where"], text=True).strip())


def find_reason_to_skip() -> str | None:
    """Return why there can be no control plane here, or None."""
    for program in ("etcd", "openssl"):
        if shutil.which(program) is None:
            return f"needs {program}, which is not installed: run tools/kubernetes"
    home = find_programs()
    missing = [program for program in PROGRAMS if not (home / program).exists()]
    return f"needs {missing[0]} in {home}: run tools/kubernetes" if missing else None


def need() -> None:
    """Skip the test where there can be no control plane; in CI that is an error."""
    reason = find_reason_to_skip()
    if reason is not None:
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)


class ControlPlane:
    """A control plane, and calls of its API as its administrator.

    Args:
        home: Its files.
        host: The address that its API is served at.
    """

    def __init__(self, home: Path, host: str = "127.0.0.1") -> None:
        self.home = home
        self.host = host
        self.programs = find_programs()
        self.etcd_port, self.peer_port, self.port = (find_free_port() for _ in range(3))
        self.url = f"https://{host}:{self.port}"
        self.kubeconfig = home / "kubeconfig"
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._client = httpx.Client(
            base_url=self.url,
            headers={"authorization": f"Bearer {TOKEN}"},
            verify=False,
            timeout=30,
            trust_env=False,
        )

    # --- its programs -------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start it, and wait until it works."""
        self.home.mkdir(parents=True, exist_ok=True)
        (self.home / "tokens.csv").write_text(f"{TOKEN},admin,1,system:masters\n")
        self.kubeconfig.write_text(yaml.safe_dump(self.make_kubeconfig(TOKEN)))
        subprocess.run(["openssl", "genrsa", "-out", self.home / "sa.key", "2048"], check=True, capture_output=True)
        client, peer = (f"http://127.0.0.1:{port}" for port in (self.etcd_port, self.peer_port))
        self.run(
            "etcd",
            *("etcd", "--data-dir", str(self.home / "etcd"), "--unsafe-no-fsync"),
            *("--listen-client-urls", client, "--advertise-client-urls", client),
            *(
                "--listen-peer-urls",
                peer,
                "--initial-advertise-peer-urls",
                peer,
                "--initial-cluster",
                f"default={peer}",
            ),
        )
        self.start_api_server()
        common = [f"--kubeconfig={self.kubeconfig}", "--leader-elect=false", "--port=0", "--secure-port=0"]
        key, certificates = self.home / "sa.key", self.home / "certificates"
        controllers = [f"--service-account-private-key-file={key}", f"--cert-dir={certificates}"]
        controllers.append("--node-monitor-grace-period=24h")  # the stand-in sends no heartbeats
        self._run_program("kube-controller-manager", *common, *controllers, "--feature-gates=TTLAfterFinished=true")
        self._run_program("kube-scheduler", *common)
        _wait(lambda: self.call("GET", "/api/v1/namespaces/default") is not None, "there is no namespace")

    def start_api_server(self) -> None:
        """Start the API server, and wait until it answers."""
        key = self.home / "sa.key"
        process = self._run_program(
            "kube-apiserver",
            f"--etcd-servers=http://127.0.0.1:{self.etcd_port}",
            f"--bind-address={self.host}",
            f"--secure-port={self.port}",
            f"--advertise-address={self.host}",
            "--endpoint-reconciler-type=none",
            f"--cert-dir={self.home / 'certificates'}",
            "--service-cluster-ip-range=10.96.0.0/16",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-signing-key-file={key}",
            f"--service-account-key-file={key}",
            f"--token-auth-file={self.home / 'tokens.csv'}",
            "--authorization-mode=RBAC",
            "--kubelet-preferred-address-types=InternalIP",
            "--disable-admission-plugins=ServiceAccount",
            "--allow-privileged=true",
            "--feature-gates=TTLAfterFinished=true",
        )

        def is_ready() -> bool:
            if process.poll() is not None:
                raise RuntimeError(
                    f"kube-apiserver has ended: {(self.home / 'kube-apiserver.log').read_text()[-2000:]}"
                )
            try:
                return self._client.get("/readyz").text == "ok"
            except httpx.TransportError:
                return False

        _wait(is_ready, "kube-apiserver does not answer")

    def stop_api_server(self) -> None:
        """Kill the API server."""
        self._stop("kube-apiserver", signal.SIGKILL)

    def stop_kubelet(self) -> None:
        """Kill the kubelet; what it has started continues."""
        self._stop("kubelet", signal.SIGKILL)

    def stop(self) -> None:
        """End all its programs."""
        for name in reversed(list(self._processes)):
            self._stop(name, signal.SIGTERM if name in ("kubelet", "dockerd") else signal.SIGKILL)
        self._client.close()

    def run(self, name: str, *command: str) -> subprocess.Popen[bytes]:
        """Start a program that is stopped with the control plane."""
        with (self.home / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        self._processes[name] = process
        return process

    def _run_program(self, name: str, *options: str) -> subprocess.Popen[bytes]:
        return self.run(name, str(self.programs / name), *options)

    def _stop(self, name: str, how: int) -> None:
        process = self._processes.pop(name)
        if process.poll() is None:
            process.send_signal(how)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
        process.wait()

    def start_stand_in_kubelet(self) -> None:
        """Start what runs pods as processes of this machine, and wait for its node."""
        directory = self.home / "pods"
        self.run(
            "kubelet", sys.executable, "-W", "ignore", "-m", "tests.stand_in_kubelet", self.url, TOKEN, str(directory)
        )
        log = self.home / "kubelet.log"
        _wait(lambda: "ready" in log.read_text(), "the stand-in for the kubelet does not start")

    # --- its API ------------------------------------------------------------------------------------------------------

    def make_kubeconfig(self, token: str, namespace: str = "default") -> dict[str, Any]:
        """Return a kubeconfig of the owner of a token."""
        cluster = {"server": self.url, "insecure-skip-tls-verify": True}
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "tests", "cluster": cluster}],
            "users": [{"name": "user", "user": {"token": token}}],
            "contexts": [{"name": "tests", "context": {"cluster": "tests", "user": "user", "namespace": namespace}}],
            "current-context": "tests",
        }

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Send a request, and return the JSON of its answer; None if there is no such object."""
        headers = {"content-type": "application/merge-patch+json"} if method == "PATCH" else None
        answer = self._client.request(method, path, json=body, headers=headers)
        if answer.status_code == 404:
            return None
        assert answer.status_code < 400, answer.text
        return answer.json()

    def list_objects(self, kind: str, namespace: str, selector: str = "") -> list[dict[str, Any]]:
        """Return the jobs, pods or secrets of a namespace."""
        group = "apis/batch/v1" if kind == "jobs" else "api/v1"
        return self.call("GET", f"/{group}/namespaces/{namespace}/{kind}?labelSelector={selector}")["items"]

    def add_node(self, name: str) -> None:
        """Create a node without a kubelet, which takes pods that are bound to it by name only."""
        self.call("POST", "/api/v1/nodes", {"metadata": {"name": name}, "spec": {"unschedulable": True}})
        self._set_node_ready(name, "True")

    def lose_node(self, name: str) -> None:
        """Have the control plane find that a node does not answer any more."""
        self._set_node_ready(name, "Unknown")

    def _set_node_ready(self, name: str, status: str) -> None:
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        condition = {"type": "Ready", "status": status, "reason": "Tests", "lastHeartbeatTime": now}
        self.call("PATCH", f"/api/v1/nodes/{name}/status", {"status": {"conditions": [condition]}})

    def add_namespace(self, name: str) -> None:
        """Create a namespace."""
        self.call("POST", "/api/v1/namespaces", {"metadata": {"name": name}})

    def apply(self, manifest: dict[str, Any], namespace: str) -> dict[str, Any]:
        """Create an object of any kind."""
        version, kind = manifest["apiVersion"], manifest["kind"]
        place = f"/apis/{version}" if "/" in version else f"/api/{version}"
        is_global = kind in ("Namespace", "ClusterRole", "ClusterRoleBinding")
        where = "" if is_global else f"/namespaces/{manifest['metadata'].get('namespace', namespace)}"
        return self.call("POST", f"{place}{where}/{kind.lower()}s", manifest)

    def may(self, account: str, namespace: str, verb: str, resource: str, in_namespace: str | None = None) -> bool:
        """Return whether a service account may do something: `resource` is for example `jobs.batch` or `pods/log`."""
        name, _, group = resource.partition(".")
        name, _, part = name.partition("/")
        attributes = {"namespace": in_namespace or namespace, "verb": verb, "resource": name, "group": group}
        spec = {
            "user": f"system:serviceaccount:{namespace}:{account}",
            "groups": ["system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated"],
            "resourceAttributes": {**attributes, "subresource": part},
        }
        path = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
        return self.call("POST", path, {"spec": spec})["status"]["allowed"]

    def make_token(self, account: str, namespace: str) -> str:
        """Return a token of a service account."""
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token"
        return self.call("POST", path, {"spec": {}})["status"]["token"]


@contextlib.contextmanager
def run_cluster() -> Iterator[ControlPlane]:
    """Run a control plane with a stand-in for the kubelet."""
    home = Path(tempfile.mkdtemp(prefix="kubernetes-"))
    plane = ControlPlane(home)
    try:
        plane.start()
        plane.start_stand_in_kubelet()
        yield plane
    finally:
        plane.stop()
        shutil.rmtree(home, ignore_errors=True)


def dump(value: Any) -> str:
    """Return an object as text, for the message of a failed test."""
    return json.dumps(value, indent=1)


def _wait(is_done: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not is_done():
        if time.monotonic() > deadline:
            raise RuntimeError(f"After {START_SECONDS:.0f} seconds {what}.")
        time.sleep(0.05)
