"""A Kubernetes pool of a real server, with jobs in a namespace of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from prefect_kubernetes.installation import WorkerSecrets, build_worker
from tests.kubernetes_cluster import ControlPlane
from tests.workers.pools import Pool
from tools import original, serving

# A pod with the network of its node reaches a server of this machine.
HOST_NETWORK = {"op": "add", "path": "/spec/template/spec/hostNetwork", "value": True}


class KubernetesPool(Pool):
    """A Kubernetes pool, made by its command, with jobs in a namespace of its own."""

    def __init__(self, served: serving.Served, directory: Path, plane: ControlPlane, namespace: str) -> None:
        self.served, self.directory, self.name = served, directory, namespace
        self.plane, self.namespace = plane, namespace
        self.data = directory / "data"
        self.data.mkdir(parents=True)
        self.prefect("work-pool", "create", self.name, "--type", "kubernetes")

    def prefect(self, *arguments: str) -> str:
        """Run a command against the server, and return what it prints."""
        variables = original.variables(self.directory, PREFECT_API_URL=self.served.url)
        command = [sys.executable, "-m", "prefect", *arguments]
        return subprocess.run(command, env=variables, check=True, capture_output=True, text=True).stdout

    def deploy(self, name: str, code: str, *, work_queue_name: str = "default", **values: Any) -> str:
        variables: dict[str, Any] = {"namespace": self.namespace, "patches": [HOST_NETWORK], **values}
        variables["env"] = {"PREFECT_API_URL": self.served.url, **variables.get("env", {})}
        return super().deploy(name, code, job_variables=variables, work_queue_name=work_queue_name)

    def list_jobs(self, run_id: str) -> list[dict[str, Any]]:
        """Return the jobs of a flow run."""
        return self.plane.list_objects("jobs", self.namespace, f"prefect.io/flow-run-id={run_id}")

    def list_pods(self, run_id: str, phase: str) -> list[dict[str, Any]]:
        """Return the pods of a flow run that are in a phase."""
        found = self.plane.list_objects("pods", self.namespace, f"prefect.io/flow-run-id={run_id}")
        return [pod for pod in found if pod["status"]["phase"] == phase]


def write_kubeconfig(path: Path, plane: ControlPlane, namespace: str) -> Path:
    """Write a kubeconfig with no more rights than the manifest of a worker gives."""
    manifests = build_worker(
        pool="k",
        namespace=namespace,
        job_namespace=namespace,
        image="x",
        api_url="x",
        secrets=WorkerSecrets(keep_job_env=True),
    )
    for manifest in manifests[:-1]:
        plane.apply(manifest, namespace)
    path.write_text(yaml.safe_dump(plane.make_kubeconfig(plane.make_token("prefect-worker", namespace))))
    return path
