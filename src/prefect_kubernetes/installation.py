"""Manifests that run a server and workers in a cluster, each with the least rights that it needs. Pure functions."""

from __future__ import annotations

from typing import Any, NamedTuple

Manifest = dict[str, Any]

SERVER_PORT = 4200
SERVER_NAME = "prefect-server"
WORKER_RULES: list[Manifest] = [
    {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["create", "delete", "get", "list", "watch"]},
    {"apiGroups": [""], "resources": ["pods"], "verbs": ["list", "watch"]},
    {"apiGroups": [""], "resources": ["pods/log"], "verbs": ["get"]},
]
"""What a worker does in the namespace of its jobs. It neither makes pods nor reads secrets."""
SECRET_RULE: Manifest = {"apiGroups": [""], "resources": ["secrets"], "verbs": ["create", "patch"]}
"""What it does besides if it keeps the environment of jobs in secrets. It does not read them."""
SECURITY: Manifest = {
    "runAsNonRoot": True,
    "runAsUser": 1000,
    "runAsGroup": 1000,
    "fsGroup": 1000,
    "seccompProfile": {"type": "RuntimeDefault"},
}
CONTAINER_SECURITY: Manifest = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
}
HOME = "/home/prefect"


def build_server(*, namespace: str, image: str, storage: str, database_secret: str | None = None) -> list[Manifest]:
    """Return the manifests of a server.

    Args:
        namespace: Its namespace.
        image: Its image.
        storage: The size of the volume with its SQLite database, which is kept when the pod is replaced.
        database_secret: A secret whose key `connection-url` is the address of a PostgreSQL, instead of the volume.
    """
    labels = _label(SERVER_NAME)
    env: list[Manifest] = [{"name": "PREFECT_HOME", "value": f"{HOME}/.prefect"}]
    volume: Manifest = {"name": "home", "emptyDir": {}}
    manifests: list[Manifest] = []
    if database_secret is None:
        claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": storage}}}
        manifests.append(_make("v1", "PersistentVolumeClaim", SERVER_NAME, namespace, spec=claim))
        volume = {"name": "home", "persistentVolumeClaim": {"claimName": SERVER_NAME}}
    else:
        reference = {"secretKeyRef": {"name": database_secret, "key": "connection-url"}}
        env.append({"name": "PREFECT_SERVER_DATABASE_CONNECTION_URL", "valueFrom": reference})
    health = {"httpGet": {"path": "/api/health", "port": "http"}}
    container = {
        "name": "server",
        "image": image,
        "args": ["prefect", "server", "start", "--host", "0.0.0.0", "--port", str(SERVER_PORT)],
        "env": env,
        "ports": [{"name": "http", "containerPort": SERVER_PORT}],
        "readinessProbe": {**health, "periodSeconds": 5},
        "livenessProbe": {**health, "periodSeconds": 10, "failureThreshold": 6, "initialDelaySeconds": 20},
        "resources": {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"memory": "1Gi"}},
        "volumeMounts": [{"name": "home", "mountPath": HOME}],
    }
    account = _make("v1", "ServiceAccount", SERVER_NAME, namespace, automountServiceAccountToken=False)
    service = {"selector": labels, "ports": [{"name": "http", "port": SERVER_PORT, "targetPort": "http"}]}
    return [
        account,
        *manifests,
        # A database in a file has one writer: the old pod ends before the new one starts.
        _deploy(SERVER_NAME, namespace, container, volume, "Recreate" if database_secret is None else "RollingUpdate"),
        _make("v1", "Service", SERVER_NAME, namespace, spec=service),
    ]


class WorkerSecrets(NamedTuple):
    """The secrets that a worker uses.

    Attributes:
        api_key: A secret of both namespaces whose key `value` is the API key.
        auth_string: A secret of both namespaces whose key `value` is the API's user and password.
        keep_job_env: Whether the environment of each job is kept in a secret.
    """

    api_key: str | None = None
    auth_string: str | None = None
    keep_job_env: bool = False


NO_SECRETS = WorkerSecrets()


def build_worker(
    *,
    pool: str,
    namespace: str,
    job_namespace: str,
    image: str,
    api_url: str,
    secrets: WorkerSecrets = NO_SECRETS,
) -> list[Manifest]:
    """Return the manifests of a worker of a Kubernetes pool.

    Args:
        pool: The pool.
        namespace: The worker's namespace.
        job_namespace: The namespace of its jobs.
        image: Its image.
        api_url: The address of Prefect's API.
        secrets: The secrets that it uses.
    """
    name = "prefect-worker"
    prefix = "PREFECT_INTEGRATIONS_KUBERNETES_WORKER_"
    env: list[Manifest] = [{"name": "PREFECT_API_URL", "value": api_url}, {"name": "PREFECT_HOME", "value": HOME}]
    for variable, setting, secret in (
        ("PREFECT_API_KEY", "API_KEY_SECRET_NAME", secrets.api_key),
        ("PREFECT_API_AUTH_STRING", "API_AUTH_STRING_SECRET_NAME", secrets.auth_string),
    ):
        if secret is not None:
            env.append({"name": variable, "valueFrom": {"secretKeyRef": {"name": secret, "key": "value"}}})
            env.append({"name": f"{prefix}{setting}", "value": secret})
    if secrets.keep_job_env:
        env.append({"name": f"{prefix}STORE_ENV_AS_SECRET", "value": "true"})
    container = {
        "name": "worker",
        "image": image,
        "args": [
            "prefect",
            "worker",
            "start",
            "--pool",
            pool,
            "--type",
            "kubernetes",
            "--name",
            name,
            "--with-healthcheck",
        ],
        "env": env,
        "livenessProbe": {
            "httpGet": {"path": "/health", "port": 8080},
            "periodSeconds": 15,
            "failureThreshold": 4,
            "initialDelaySeconds": 30,
        },
        "resources": {"requests": {"cpu": "50m", "memory": "128Mi"}, "limits": {"memory": "512Mi"}},
        "volumeMounts": [{"name": "home", "mountPath": HOME}],
    }
    rules = [*WORKER_RULES, SECRET_RULE] if secrets.keep_job_env else WORKER_RULES
    subject = {"kind": "ServiceAccount", "name": name, "namespace": namespace}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name}
    return [
        _make("v1", "ServiceAccount", name, namespace),
        _make("rbac.authorization.k8s.io/v1", "Role", name, job_namespace, rules=rules),
        _make("rbac.authorization.k8s.io/v1", "RoleBinding", name, job_namespace, roleRef=role, subjects=[subject]),
        # One worker of this name: a second one would watch the same jobs.
        _deploy(name, namespace, container, {"name": "home", "emptyDir": {}}, "Recreate"),
    ]


def _deploy(name: str, namespace: str, container: Manifest, volume: Manifest, strategy: str) -> Manifest:
    pod_spec = {
        "serviceAccountName": name,
        "securityContext": SECURITY,
        "containers": [{**container, "securityContext": CONTAINER_SECURITY}],
        "volumes": [volume],
    }
    if name == SERVER_NAME:
        pod_spec["automountServiceAccountToken"] = False
    spec = {
        "replicas": 1,
        "strategy": {"type": strategy},
        "selector": {"matchLabels": _label(name)},
        "template": {"metadata": {"labels": _label(name)}, "spec": pod_spec},
    }
    return _make("apps/v1", "Deployment", name, namespace, spec=spec)


def _make(version: str, kind: str, name: str, namespace: str, **parts: Any) -> Manifest:
    metadata = {"name": name, "namespace": namespace, "labels": _label(name)}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **parts}


def _label(name: str) -> dict[str, str]:
    return {"app.kubernetes.io/name": name, "app.kubernetes.io/part-of": "prefect"}
