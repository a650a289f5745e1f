"""Environment variables of a job that are kept in secrets of the cluster, as the settings say."""

from __future__ import annotations

from typing import Any

from prefect_kubernetes.labels import to_object_name
from prefect_kubernetes.running.cluster import Cluster
from prefect_kubernetes.settings import KubernetesWorkerSettings

API_KEY, API_AUTH_STRING = "PREFECT_API_KEY", "PREFECT_API_AUTH_STRING"
DEFAULT_KEY = "value"
PUBLIC_VARIABLES = frozenset({"PREFECT__FLOW_RUN_CLAIM", "PREFECT__WORKER_NAME", "PREFECT__FLOW_RUN_ID"})
"""Variables that stay in the manifest: a worker that is restarted reads them there, and they open nothing else."""
MAX_NAME_CHARACTERS = 253


async def hide(
    manifest: dict[str, Any], cluster: Cluster, settings: KubernetesWorkerSettings, worker_name: str
) -> None:
    """Replace values in the manifest of a job by references to secrets, and create those that the settings name.

    Args:
        manifest: The manifest, which is changed.
        cluster: The cluster.
        settings: What is kept in secrets.
        worker_name: The worker, for the names of secrets.
    """
    namespace = manifest["metadata"]["namespace"]
    container = manifest["spec"]["template"]["spec"]["containers"][0]
    env: list[dict[str, Any]] = container.get("env") or []
    key_secret, key_key = settings.api_key_secret_name, settings.api_key_secret_key or DEFAULT_KEY
    value = next((entry.get("value") for entry in env if entry.get("name") == API_KEY), None)
    if settings.create_secret_for_api_key and value:
        key_secret = key_secret or to_object_name(f"prefect-{worker_name}-api-key", MAX_NAME_CHARACTERS)
        await cluster.put_secret(namespace, key_secret, {key_key: value})
    _set_secret_reference(env, API_KEY, key_secret, key_key)
    auth_key = settings.api_auth_string_secret_key or DEFAULT_KEY
    _set_secret_reference(env, API_AUTH_STRING, settings.api_auth_string_secret_name, auth_key)
    if settings.store_env_as_secret:
        await _store(container, cluster, namespace, _get_secret_name(manifest))


async def _store(container: dict[str, Any], cluster: Cluster, namespace: str, name: str) -> None:
    env: list[dict[str, Any]] = container.get("env") or []
    hidden = {
        entry["name"]: entry["value"] for entry in env if "value" in entry and entry["name"] not in PUBLIC_VARIABLES
    }
    if not hidden:
        return
    await cluster.put_secret(namespace, name, hidden)
    container["env"] = [entry for entry in env if entry.get("name") not in hidden]
    container["envFrom"] = [*(container.get("envFrom") or ()), {"secretRef": {"name": name}}]


async def hand_over(manifest: dict[str, Any], cluster: Cluster, job: dict[str, Any]) -> None:
    """Make a job the owner of the secret with its environment, if it has one: it is deleted with the job."""
    container = manifest["spec"]["template"]["spec"]["containers"][0]
    name = _get_secret_name(manifest)
    if not any((entry.get("secretRef") or {}).get("name") == name for entry in container.get("envFrom") or ()):
        return
    owner = {"apiVersion": "batch/v1", "kind": "Job", "name": job["metadata"]["name"], "uid": job["metadata"]["uid"]}
    await cluster.own_secret(manifest["metadata"]["namespace"], name, owner)


def _set_secret_reference(env: list[dict[str, Any]], variable: str, secret: str | None, key: str) -> None:
    """Have a variable refer to a key of a secret, if there is a secret for it."""
    if secret is None:
        return
    env[:] = [entry for entry in env if entry.get("name") != variable]
    env.append({"name": variable, "valueFrom": {"secretKeyRef": {"name": secret, "key": key}}})


def _get_secret_name(manifest: dict[str, Any]) -> str:
    return f"{manifest['metadata']['name']}-env"
