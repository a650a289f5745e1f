"""A program that does for tests what a kubelet does: it makes a node, runs the containers of its pods as processes of
this machine, sets their status, and shows their output to the API server.

Usage: python -m tests.stand_in_kubelet API_URL TOKEN DIRECTORY

The first container's command and arguments are run, with its environment, in a directory of its own. An image of one of
these names stands for what goes wrong on real nodes:

    invalid image       InvalidImageName
    missing...          ErrImagePull
    oom...              the container is killed: out of memory
    evicted...          the pod is evicted
"""

from __future__ import annotations

import base64
import json
import os
import shlex
import signal
import ssl
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

NODE = "stand-in"
MERGE = {"content-type": "application/merge-patch+json"}


class Kubelet:
    """The node and its pods."""

    def __init__(self, url: str, token: str, directory: Path) -> None:
        headers = {"authorization": f"Bearer {token}"}
        self.client = httpx.Client(base_url=url, headers=headers, verify=False, timeout=30, trust_env=False)
        self.directory = directory
        self.pods: dict[str, Pod] = {}

    def call(self, method: str, path: str, body: Any = None) -> Any:
        headers = MERGE if method == "PATCH" else None
        while True:
            try:
                answer = self.client.request(method, path, json=body, headers=headers)
            except httpx.TransportError:  # the API server is being restarted
                time.sleep(0.1)
                continue
            if answer.status_code < 500 and answer.status_code != 429:
                return answer.json() if answer.status_code < 400 else None
            time.sleep(0.1)

    def register(self, port: int) -> None:
        """Make the node, which is ready, and whose output is served on a port."""
        resources = {"cpu": "64", "memory": "64Gi", "pods": "500"}
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        condition = {"type": "Ready", "status": "True", "reason": "Tests", "lastHeartbeatTime": now}
        status = {
            "capacity": resources,
            "allocatable": resources,
            "conditions": [condition],
            "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": port}},
        }
        self.call("POST", "/api/v1/nodes", {"metadata": {"name": NODE}})
        self.call("PATCH", f"/api/v1/nodes/{NODE}/status", {"status": status})
        self.call("PATCH", f"/api/v1/nodes/{NODE}", {"spec": {"taints": []}})

    def run(self) -> None:
        """Follow the pods of the node for ever."""
        query = {"fieldSelector": f"spec.nodeName={NODE}"}
        while True:
            try:
                listing = self.client.get("/api/v1/pods", params=query).raise_for_status().json()
                for pod in listing["items"]:
                    self.take_up(pod)
                version = listing["metadata"]["resourceVersion"]
                watch = {**query, "watch": "1", "resourceVersion": version, "timeoutSeconds": "300"}
                with self.client.stream("GET", "/api/v1/pods", params=watch, timeout=None) as stream:
                    for line in stream.iter_lines():
                        event = json.loads(line)
                        if event["type"] == "ERROR":
                            break
                        if event["type"] != "DELETED":
                            self.take_up(event["object"])
            except httpx.HTTPError:
                time.sleep(0.1)

    def take_up(self, pod: dict[str, Any]) -> None:
        uid = pod["metadata"]["uid"]
        if uid not in self.pods:
            self.pods[uid] = Pod(self, pod)
            self.pods[uid].start()
        if pod["metadata"].get("deletionTimestamp"):
            self.pods[uid].end(pod["metadata"].get("deletionGracePeriodSeconds") or 0)


class Pod:
    """A pod whose first container is a process."""

    def __init__(self, kubelet: Kubelet, pod: dict[str, Any]) -> None:
        self.kubelet = kubelet
        self.pod = pod
        self.namespace, self.name = pod["metadata"]["namespace"], pod["metadata"]["name"]
        self.container = pod["spec"]["containers"][0]
        self.path = f"/api/v1/namespaces/{self.namespace}/pods/{self.name}"
        self.home = kubelet.directory / self.namespace / self.name
        self.log = self.home / "log"
        self.process: subprocess.Popen[bytes] | None = None
        self.is_ending = threading.Event()
        self.has_ended = threading.Event()

    def start(self) -> None:
        if self.pod["status"].get("phase") in ("Succeeded", "Failed"):
            self.has_ended.set()
            return
        threading.Thread(target=self._run, daemon=True).start()

    def end(self, grace_seconds: float) -> None:
        if not self.is_ending.is_set():
            self.is_ending.set()
            threading.Thread(target=self._end, args=(grace_seconds,), daemon=True).start()

    def _end(self, grace_seconds: float) -> None:
        if self.process is not None:
            self._signal(signal.SIGTERM)
            if not self.has_ended.wait(grace_seconds):
                self._signal(signal.SIGKILL)
                self.has_ended.wait()
        uid = self.pod["metadata"]["uid"]
        self.kubelet.call("DELETE", self.path, {"gracePeriodSeconds": 0, "preconditions": {"uid": uid}})

    def kill(self) -> None:
        """End the process at once."""
        if self.process is not None and not self.has_ended.is_set():
            self._signal(signal.SIGKILL)

    def _signal(self, number: int) -> None:
        assert self.process is not None
        try:
            os.killpg(self.process.pid, number)
        except ProcessLookupError:
            pass

    # --- running ------------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        image = self.container["image"]
        if image == "invalid image":
            return self._wait("InvalidImageName", f'Failed to apply default image tag "{image}"')
        if image.startswith("missing"):
            return self._wait("ErrImagePull", f"manifest for {image} not found")
        env = self._resolve_env()
        if isinstance(env, str):
            return self._wait("CreateContainerConfigError", env)
        self.home.mkdir(parents=True, exist_ok=True)
        command = [*(self.container.get("command") or ()), *(self.container.get("args") or ())]
        with self.log.open("wb") as log:
            try:
                self.process = subprocess.Popen(
                    command, env=env, cwd=self.home, stdout=log, stderr=log, start_new_session=True
                )
            except OSError as error:
                self.has_ended.set()
                self._fail({"exitCode": 127, "reason": "ContainerCannotRun", "message": str(error)})
                return None
        self._set("Running", {"running": {"startedAt": _now()}})
        if image.startswith(("oom", "evicted")):
            self._signal(signal.SIGKILL)
        code = self.process.wait()
        self.has_ended.set()
        if image.startswith("evicted"):
            self._set("Failed", None, reason="Evicted", message="The node was low on resource: memory.")
        elif image.startswith("oom"):
            self._fail({"exitCode": 137, "reason": "OOMKilled"})
        elif code:
            self._fail({"exitCode": code if code > 0 else 128 - code, "reason": "Error"})
        else:
            self._set("Succeeded", {"terminated": {"exitCode": 0, "reason": "Completed", "finishedAt": _now()}})
        return None

    def _resolve_env(self) -> dict[str, str] | str:
        """Return the environment of the container, or why there is none."""
        env = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "HOME": str(self.home)}
        env["PREFECT_HOME"] = str(self.home / "prefect")
        for source in self.container.get("envFrom") or ():
            values = self._read_secret(source["secretRef"]["name"])
            if values is None:
                return f'secret "{source["secretRef"]["name"]}" not found'
            env |= values
        for entry in self.container.get("env") or ():
            reference = (entry.get("valueFrom") or {}).get("secretKeyRef")
            if reference is None:
                env[entry["name"]] = entry.get("value") or ""
                continue
            values = self._read_secret(reference["name"])
            if values is None or reference["key"] not in values:
                return f'secret "{reference["name"]}" not found'
            env[entry["name"]] = values[reference["key"]]
        return env

    def _read_secret(self, name: str) -> dict[str, str] | None:
        secret = self.kubelet.call("GET", f"/api/v1/namespaces/{self.namespace}/secrets/{name}")
        if secret is None:
            return None
        return {key: base64.b64decode(value).decode() for key, value in (secret.get("data") or {}).items()}

    def _wait(self, reason: str, message: str) -> None:
        self.has_ended.set()
        self._set("Pending", {"waiting": {"reason": reason, "message": message}})

    def _fail(self, terminated: dict[str, Any]) -> None:
        self._set("Failed", {"terminated": {**terminated, "finishedAt": _now()}})

    def _set(self, phase: str, state: dict[str, Any] | None, **status: str) -> None:
        if state is not None:
            name, image = self.container["name"], self.container["image"]
            container = {"name": name, "image": image, "imageID": "", "ready": False, "restartCount": 0}
            status |= {"containerStatuses": [{**container, "state": state}]}  # pyright: ignore[reportAssignmentType]
        self.kubelet.call("PATCH", f"{self.path}/status", {"status": {"phase": phase, **status}})


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


class Outputs(BaseHTTPRequestHandler):
    """Serves the output of containers to the API server."""

    kubelet: Kubelet
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        _, place, namespace, name, *_ = url.path.split("/")
        pod = next((one for one in self.kubelet.pods.values() if (one.namespace, one.name) == (namespace, name)), None)
        if place != "containerLogs" or pod is None or not pod.log.exists():
            self.send_error(404)
            return
        query = parse_qs(url.query)
        self.send_response(200)
        self.send_header("content-type", "text/plain")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        with pod.log.open("rb") as log:
            if "sinceSeconds" in query:  # there are no times in it: only what comes from now on
                log.seek(0, os.SEEK_END)
            while True:
                has_ended = pod.has_ended.is_set()
                if part := log.read(65536):
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
                elif has_ended or "true" not in query.get("follow", ()):
                    break
                else:
                    time.sleep(0.02)
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *args: Any) -> None:
        pass


def main() -> None:
    """Run until killed."""
    url, token, directory = sys.argv[1], sys.argv[2], Path(sys.argv[3])
    directory.mkdir(parents=True, exist_ok=True)
    kubelet = Kubelet(url, token, directory)
    certificate, key = directory / "kubelet.pem", directory / "kubelet.key"
    subprocess.run(
        shlex.split(f"openssl req -x509 -newkey rsa:2048 -nodes -keyout {key} -out {certificate} -subj /CN=kubelet"),
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    Outputs.kubelet = kubelet
    server = ThreadingHTTPServer(("127.0.0.1", 0), Outputs)
    server.daemon_threads = True
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    kubelet.register(server.server_address[1])

    def stop(*_: Any) -> None:
        for pod in list(kubelet.pods.values()):
            pod.kill()
        os._exit(0)

    signal.signal(signal.SIGTERM, stop)
    print("ready", flush=True)
    kubelet.run()


if __name__ == "__main__":
    main()
