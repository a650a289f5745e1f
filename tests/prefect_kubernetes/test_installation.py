"""The manifests of `prefect kubernetes manifest`, applied to a real control plane; what their accounts may do."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
import yaml

from tests.kubernetes_cluster import ControlPlane

pytestmark = pytest.mark.timeout(240)

NEEDED = {
    ("create", "jobs.batch"),
    ("delete", "jobs.batch"),
    ("get", "jobs.batch"),
    ("list", "jobs.batch"),
    ("watch", "jobs.batch"),
    ("list", "pods"),
    ("watch", "pods"),
    ("get", "pods/log"),
}
SECRETS = {("create", "secrets"), ("patch", "secrets")}
VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")
RESOURCES = ("jobs.batch", "cronjobs.batch", "pods", "pods/log", "pods/exec", "secrets", "configmaps", "events")
RESOURCES += ("serviceaccounts", "deployments.apps", "roles.rbac.authorization.k8s.io", "nodes", "namespaces")


def run(*arguments: str) -> str:
    command = [sys.executable, "-m", "prefect", "kubernetes", "manifest", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def apply(plane: ControlPlane, text: str) -> list[dict[str, Any]]:
    return [plane.apply(manifest, "default") for manifest in yaml.safe_load_all(text)]


@pytest.mark.parametrize(("options", "needed"), [((), NEEDED), (("--store-env-as-secret",), NEEDED | SECRETS)])
def test_worker_may_do_what_it_needs_and_nothing_else(
    plane: ControlPlane, namespace: str, options: tuple[str, ...], needed: set[tuple[str, str]]
):
    jobs = f"{namespace}-jobs"
    plane.add_namespace(jobs)
    made = apply(plane, run("worker", "-p", "k", "-n", namespace, "--job-namespace", jobs, "-i", "flows:1", *options))
    assert [one["kind"] for one in made] == ["ServiceAccount", "Role", "RoleBinding", "Deployment"]
    allowed = {
        (verb, resource)
        for verb in VERBS
        for resource in RESOURCES
        if plane.may("prefect-worker", namespace, verb, resource, jobs)
    }
    assert allowed == needed
    for where in (namespace, "kube-system"):
        assert not [one for one in needed if plane.may("prefect-worker", namespace, *one, where)]


def test_worker_gets_its_credentials_from_secrets():
    text = run("worker", "-p", "k", "--api-key-secret", "prefect-key", "--api-url", "https://flows.example.com/api")
    deployment = list(yaml.safe_load_all(text))[-1]
    env = {entry["name"]: entry for entry in deployment["spec"]["template"]["spec"]["containers"][0]["env"]}
    reference = {"secretKeyRef": {"name": "prefect-key", "key": "value"}}
    assert env["PREFECT_API_KEY"]["valueFrom"] == reference
    assert env["PREFECT_INTEGRATIONS_KUBERNETES_WORKER_API_KEY_SECRET_NAME"]["value"] == "prefect-key"
    assert env["PREFECT_API_URL"]["value"] == "https://flows.example.com/api"


@pytest.mark.parametrize("options", [(), ("--database-secret", "postgres")])
def test_server_is_applied_and_may_do_nothing(plane: ControlPlane, namespace: str, options: tuple[str, ...]):
    made = apply(plane, run("server", "-n", namespace, "-i", "flows:1", *options))
    claims = [] if options else ["PersistentVolumeClaim"]
    assert [one["kind"] for one in made] == ["ServiceAccount", *claims, "Deployment", "Service"]
    assert not [one for one in NEEDED | SECRETS if plane.may("prefect-server", namespace, *one)]
    assert made[0]["automountServiceAccountToken"] is False


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("worker",), "Missing option '--pool'"),
        (
            ("worker", "-p", "k", "-n", "My Team"),
            "'My Team' cannot be the name of an object of Kubernetes (--namespace)",
        ),
        (("worker", "-p", "k", "--api-url", "here"), "'here' is not the address of an API (--api-url)"),
        (("server", "--storage", "much"), "'much' is not the size of a volume (--storage)"),
    ],
)
def test_wrong_option_is_named(arguments: tuple[str, ...], message: str):
    command = [sys.executable, "-m", "prefect", "kubernetes", "manifest", *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode != 0 and done.stdout == ""
    assert message in done.stderr and len(done.stderr.strip().splitlines()) == 1
