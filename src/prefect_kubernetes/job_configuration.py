"""The configuration of a Kubernetes worker's jobs, and the variables of a Kubernetes pool's job template."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, Field, PrivateAttr, field_validator, model_validator

from prefect.utilities.dockerutils import get_prefect_image_name
from prefect.workers.base import BaseJobConfiguration, BaseVariables
from prefect.workers.containers import API_URL, HOST_NAME, build_environment, is_loopback, replace_host
from prefect_kubernetes import manifests
from prefect_kubernetes.credentials import KubernetesClusterConfig

if TYPE_CHECKING:
    pass

CLAIM = "PREFECT__FLOW_RUN_CLAIM"
SUFFIX_CHARACTERS = 8


class _JobFields(BaseModel):
    namespace: str = Field(default="default", description="The namespace of the jobs.")
    annotations: dict[str, str] = Field(default_factory=dict, description="Annotations of the jobs.")
    patches: list[dict[str, Any]] = Field(
        default_factory=list,
        description="Operations of a JSON patch (RFC 6902) that change the finished manifest of a job.",
    )
    cluster_config: KubernetesClusterConfig | None = Field(
        default=None,
        description="The cluster. Without one: that of the pod the worker runs in, or of its local kubeconfig.",
    )
    job_watch_timeout_seconds: int | None = Field(
        default=None, gt=0, description="Seconds after which a job that still runs is deleted; no limit if unset."
    )
    pod_watch_timeout_seconds: int = Field(
        default=60, gt=0, description="Seconds that the first pod of a job may take to start."
    )
    stream_output: bool = Field(default=True, description="Whether to stream the pods' output to the worker's.")
    resources: dict[str, dict[str, str | int | float]] | None = Field(
        default=None,
        description="Requests and limits in the notation of Kubernetes; they replace `cpu_request` and its kin.",
        examples=[{"requests": {"cpu": "500m"}, "limits": {"memory": "1Gi"}}],
    )


class KubernetesWorkerJobConfiguration(_JobFields, BaseJobConfiguration):
    """The job of a flow run."""

    env: dict[str, str | None] | list[dict[str, Any]] = Field(
        default_factory=dict,
        title="Environment Variables",
        description="Environment variables to set for a flow run, or entries in the notation of Kubernetes.",
    )
    job_manifest: dict[str, Any] = Field(
        default=...,
        description="The manifest of the job.",
        json_schema_extra={"template": manifests.DEFAULT_JOB_MANIFEST},
    )

    _entries: list[dict[str, Any]] = PrivateAttr(default_factory=list[dict[str, Any]])
    _template_command: str | None = PrivateAttr(default=None)

    @field_validator("annotations", "patches", mode="before")
    @classmethod
    def _replace_none(cls, value: Any, info: Any) -> Any:
        return cls.model_fields[info.field_name].get_default(call_default_factory=True) if value is None else value

    @field_validator("resources")
    @classmethod
    def _check_resources(cls, value: Any) -> Any:
        if unknown := sorted({*(value or ())} - {"requests", "limits"}):
            raise ValueError(f"There is no {unknown[0]!r} of resources: there are requests and limits.")
        return value

    @model_validator(mode="after")
    def _check_manifest(self) -> KubernetesWorkerJobConfiguration:
        manifests.check_manifest(self.job_manifest)
        self._template_command = self.command
        return self

    @staticmethod
    def _base_environment() -> dict[str, str]:
        return build_environment()

    def _adapt_template(self) -> None:
        if isinstance(self.env, list):
            self._entries = self.env
            self.env = {}  # pyright: ignore[reportIncompatibleVariableOverride]  # the interface has a wider type here
        metadata = self.job_manifest.get("metadata") or {}
        if self.name is None and metadata.get("generateName") == "None-":  # the template, without a name
            del metadata["generateName"]

    def build_manifest(self) -> dict[str, Any]:
        """Return the manifest of the job, with all that the flow run needs, and with the patches.

        Raises:
            ValueError: The patches cannot be applied, or leave no manifest of a job.
        """
        assert isinstance(self.env, dict)
        manifest = manifests.fill_manifest(
            self.job_manifest,
            command=self.command or self._base_flow_run_command(),
            template_command=self._template_command,
            image=get_prefect_image_name(),
            env=self.env,
            entries=self._entries,
            resources=self.resources or {},
        )
        manifest = manifests.apply_patches(manifest, self.patches)
        manifests.check_manifest(manifest)
        _reach_local_api(manifests.find_pod_spec(manifest))
        manifest.setdefault("metadata", {}).setdefault("namespace", self.namespace)
        manifests.label_manifest(manifest, self.labels, self.name or "", self._make_suffix(self.env))
        return manifest

    @staticmethod
    def _make_suffix(env: Mapping[str, str | None]) -> str:
        """Return what makes the job's name unique: the same for one claim of a run, so that it has one job."""
        claim = env.get(CLAIM)
        if claim is None:
            return secrets.token_hex(SUFFIX_CHARACTERS // 2)
        return hashlib.sha256(claim.encode()).hexdigest()[:SUFFIX_CHARACTERS]


class KubernetesWorkerVariables(_JobFields, BaseVariables):
    """The variables of a Kubernetes pool's job template."""

    image: str | None = Field(
        default=None,
        description="The image of the containers; that of this version if unset.",
        examples=["docker.io/prefecthq/prefect:3-latest"],
    )
    service_account_name: str | None = Field(default=None, description="The service account of the pods.")
    image_pull_policy: Literal["IfNotPresent", "Always", "Never"] = Field(
        default="IfNotPresent", description="When the image is pulled."
    )
    backoff_limit: int = Field(default=0, ge=0, description="How many more pods are tried after one has failed.")
    finished_job_ttl: int | None = Field(
        default=None, ge=0, description="Seconds after which a finished job is deleted; it is kept if unset."
    )
    cpu_request: str | None = Field(default=None, description="The CPU that a pod needs, as in 500m or 2.")
    cpu_limit: str | None = Field(default=None, description="The CPU that a pod may use, as in 500m or 2.")
    memory_request: str | None = Field(default=None, description="The memory that a pod needs, as in 512Mi or 1Gi.")
    memory_limit: str | None = Field(default=None, description="The memory that a pod may use, as in 512Mi or 1Gi.")


def _reach_local_api(pod_spec: dict[str, Any]) -> None:
    """Have a pod find an API on the worker's machine by the name of that, unless it has the network of its node."""
    if pod_spec.get("hostNetwork"):
        return
    for entry in pod_spec["containers"][0]["env"]:
        if entry.get("name") == API_URL and is_loopback(entry.get("value")):
            entry["value"] = replace_host(entry["value"], HOST_NAME)
