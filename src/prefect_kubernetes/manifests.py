"""The manifest of a job: what the template says, with the values of a flow run and the patches of the user.

Pure functions on dictionaries. A manifest is checked as far as a clear sentence is better than that of the API.
"""

from __future__ import annotations

import copy
import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from prefect_kubernetes.labels import to_labels, to_object_name

DEFAULT_JOB_MANIFEST: dict[str, Any] = {
    "apiVersion": "batch/v1",
    "kind": "Job",
    "metadata": {
        "labels": "{{ labels }}",
        "annotations": "{{ annotations }}",
        "namespace": "{{ namespace }}",
        "generateName": "{{ name }}-",
    },
    "spec": {
        "backoffLimit": "{{ backoff_limit }}",
        "ttlSecondsAfterFinished": "{{ finished_job_ttl }}",
        "template": {
            "spec": {
                "parallelism": 1,
                "completions": 1,
                "restartPolicy": "Never",
                "serviceAccountName": "{{ service_account_name }}",
                "containers": [
                    {
                        "name": "prefect-job",
                        "env": "{{ env }}",
                        "image": "{{ image }}",
                        "imagePullPolicy": "{{ image_pull_policy }}",
                        "args": "{{ command }}",
                        "resources": {
                            "requests": {"cpu": "{{ cpu_request }}", "memory": "{{ memory_request }}"},
                            "limits": {"cpu": "{{ cpu_limit }}", "memory": "{{ memory_limit }}"},
                        },
                    }
                ],
            }
        },
    },
}

MAX_JOB_NAME_CHARACTERS = 63
QUANTITY = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([numkMGTPE]|[KMGTPE]i|[eE][+-]?\d+)?")


def check_manifest(manifest: Mapping[str, Any]) -> None:
    """Check that a manifest describes a job with a container.

    Raises:
        ValueError: It is not, or a quantity in it is none.
    """
    if manifest.get("kind", "Job") != "Job" or manifest.get("apiVersion", "batch/v1") != "batch/v1":
        kind = f"{manifest.get('apiVersion')} {manifest.get('kind')}"
        raise ValueError(f"The job manifest must be of the kind Job of batch/v1, not {kind}.")
    containers = find_pod_spec(manifest).get("containers")
    if not isinstance(containers, list) or not containers or not all(isinstance(one, dict) for one in containers):
        raise ValueError("The job manifest has no container at spec.template.spec.containers.")
    for container in containers:
        resources = container.get("resources") or {}
        for kind in ("requests", "limits"):
            for resource, value in (resources.get(kind) or {}).items():
                if value is not None and not QUANTITY.fullmatch(str(value)):
                    raise ValueError(
                        f"{value!r} is not a quantity of {resource} ({kind} of container {container.get('name')!r}): "
                        "write for example 500m or 2 for cpu, 512Mi or 1Gi for memory."
                    )


def find_pod_spec(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return the specification of the pods of a job.

    Raises:
        ValueError: There is none.
    """
    found: Any = manifest
    for step in ("spec", "template", "spec"):
        found = found.get(step) if isinstance(found, Mapping) else None
    if not isinstance(found, dict):
        raise ValueError("The job manifest has no specification of its pods at spec.template.spec.")
    return found


def fill_manifest(
    manifest: Mapping[str, Any],
    *,
    command: str,
    template_command: str | None = None,
    image: str,
    env: Mapping[str, str | None],
    entries: Sequence[Any] = (),
    resources: Mapping[str, Mapping[str, Any]] | None = None,
) -> dict[str, Any]:
    """Return a manifest with command, image and environment, where it does not set them.

    Args:
        manifest: The manifest, with the values of variables.
        command: The command of a flow run.
        template_command: The command that the variables gave to the manifest, which `command` replaces.
        image: The image, if the manifest names none.
        env: The environment of the flow run.
        entries: Entries of an environment in the notation of Kubernetes, which replace those of the same name.
        resources: Requests and limits, which replace those of the manifest.
    """
    filled = copy.deepcopy(dict(manifest))
    filled.setdefault("apiVersion", "batch/v1")
    filled.setdefault("kind", "Job")
    pod_spec = find_pod_spec(filled)
    for name in ("parallelism", "completions"):  # of a job: the template of older pools has them in the pod
        if name in pod_spec:
            filled["spec"].setdefault(name, pod_spec.pop(name))
    pod_spec.setdefault("restartPolicy", "Never")
    container = pod_spec["containers"][0]
    container.setdefault("name", "prefect-job")
    container["image"] = container.get("image") or image
    args = container.get("args")
    is_of_the_template = "args" in container and args == template_command
    if is_of_the_template or not (args or container.get("command")):
        args = command
    if isinstance(args, str):
        args = shlex.split(args)
    if args:
        container["args"] = args
    for kind, quantities in (resources or {}).items():
        container_resources = container.setdefault("resources", {})
        container_resources[kind] = {**(container_resources.get(kind) or {}), **quantities}
    own = container.get("env")
    own = own if isinstance(own, list) else list(entries)
    container["env"] = build_env(env, own)
    return _without_none(filled)


def build_env(env: Mapping[str, str | None], own: Sequence[Any]) -> list[dict[str, Any]]:
    """Return an environment in the notation of Kubernetes.

    Args:
        env: Variables; those that are None are left out.
        own: Entries in that notation, which replace those of the same name.
    """
    named = {entry["name"] for entry in own if isinstance(entry, dict) and "name" in entry}
    return [
        *({"name": name, "value": value} for name, value in env.items() if value is not None and name not in named),
        *own,
    ]


def apply_patches(manifest: dict[str, Any], patches: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return a manifest changed by the operations of a JSON patch (RFC 6902).

    Raises:
        ValueError: An operation cannot be applied.
    """
    import jsonpatch
    import jsonpointer

    for number, operation in enumerate(patches, start=1):
        try:
            manifest = jsonpatch.apply_patch(manifest, [dict(operation)])
        except (jsonpatch.JsonPatchException, jsonpointer.JsonPointerException, KeyError, TypeError) as error:
            reason = " ".join(str(error).split()) or "it is refused"
            what = f"{operation.get('op')} {operation.get('path')}"
            raise ValueError(f"Patch {number} of the job manifest ({what}) cannot be applied: {reason}") from None
    if not isinstance(manifest, dict):
        raise ValueError("The patches of the job manifest leave no manifest.")
    return manifest


def label_manifest(manifest: dict[str, Any], labels: Mapping[str, str], name: str, suffix: str) -> None:
    """Give a job its name, and the labels by which its worker finds it, on its pods too.

    Args:
        manifest: The manifest, which is changed.
        labels: The labels of the flow run.
        name: What the name is made of, if the manifest has none.
        suffix: What makes the name unique.
    """
    metadata = manifest.setdefault("metadata", {})
    if metadata.get("name"):
        metadata["name"] = to_object_name(str(metadata["name"]), MAX_JOB_NAME_CHARACTERS)
        metadata.pop("generateName", None)
    else:
        wanted = str(metadata.pop("generateName", "") or "").strip("-") or name
        prefix = to_object_name(wanted, MAX_JOB_NAME_CHARACTERS - len(suffix) - 1) or "prefect-job"
        metadata["name"] = f"{prefix}-{suffix}"
    template = manifest["spec"]["template"].setdefault("metadata", {})
    for place in (metadata, template):
        own = place.get("labels")
        place["labels"] = {**to_labels(labels), **to_labels(own if isinstance(own, dict) else {}), **_system(labels)}


def _system(labels: Mapping[str, str]) -> dict[str, str]:
    """Return the labels that a job must have; they override labels of the manifest."""
    return to_labels({name: value for name, value in labels.items() if name.startswith("prefect.io/")})


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_none(item) for name, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_none(item) for item in value]
    return value
