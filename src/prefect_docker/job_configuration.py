"""The configuration of a Docker worker's containers, and the variables of a Docker pool's job template."""

from __future__ import annotations

import re
import shlex
import sys
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Field, field_validator, model_validator

from prefect.utilities.dockerutils import get_prefect_image_name, parse_image_tag
from prefect.workers.base import BaseJobConfiguration, BaseVariables
from prefect.workers.containers import API_URL, HOST_NAME, build_environment, is_loopback, replace_host
from prefect_docker.credentials import DockerRegistryCredentials

if TYPE_CHECKING:
    pass

PullPolicy = Literal["IfNotPresent", "Always", "IfPossible", "Never"]


def _check_volume(value: str) -> str:
    if ":" not in value:
        raise ValueError(f"The volume {value!r} is not of the form source:target or source:target:mode.")
    return value


VolumeStr = Annotated[str, AfterValidator(_check_volume)]


class _ContainerFields(BaseModel):
    image: str = Field(default_factory=get_prefect_image_name, description="The image of the containers.")
    registry_credentials: DockerRegistryCredentials | None = Field(
        default=None, description="Credentials of the registry to pull the image from."
    )
    image_pull_policy: PullPolicy | None = Field(
        default=None,
        description="When the image is pulled. By default always if its tag is `latest`, else if it is not present.",
    )
    networks: list[str] = Field(default_factory=list, description="Networks that containers are connected to.")
    network_mode: str | None = Field(
        default=None, description="The network mode, such as `host` or `bridge`; not together with `networks`."
    )
    auto_remove: bool = Field(default=False, description="Whether to remove a container after its end.")
    volumes: list[VolumeStr] = Field(default_factory=list, description="Volumes, as source:target or source:target:ro.")
    stream_output: bool = Field(default=True, description="Whether to stream the containers' output to the worker's.")
    container_wait_timeout: int | None = Field(
        default=None, gt=0, description="Seconds after which a container that still runs is stopped; no limit if unset."
    )
    mem_limit: str | None = Field(default=None, description="The memory limit, as in 512m or 2g.")
    memswap_limit: str | None = Field(
        default=None, description="The limit of memory and swap together, as in 1g; -1 for unlimited swap."
    )
    privileged: bool = Field(default=False, description="Whether containers have extended privileges.")
    container_create_kwargs: dict[str, Any] | None = Field(
        default=None, description="Further arguments of `docker.DockerClient.containers.create`."
    )


class DockerWorkerJobConfiguration(_ContainerFields, BaseJobConfiguration):
    """The container of a flow run."""

    @field_validator("networks", "volumes", mode="before")
    @classmethod
    def _replace_none(cls, value: Any) -> Any:
        return [] if value is None else value

    @field_validator("mem_limit", "memswap_limit", mode="before")
    @classmethod
    def _coerce_limit(cls, value: Any) -> Any:
        return str(value) if isinstance(value, int) else value

    @model_validator(mode="after")
    def _check_network(self) -> DockerWorkerJobConfiguration:
        if self.networks and self.network_mode:
            raise ValueError("Set either `networks` or `network_mode`, not both.")
        return self

    @staticmethod
    def _base_environment() -> dict[str, str]:
        return build_environment()

    def _adapt_to_infrastructure(self) -> None:
        if self.network_mode is None and not self.networks and self._has_local_api() and sys.platform == "linux":
            self.network_mode = "host"
        if self.network_mode != "host" and self._has_local_api():
            self.env[API_URL] = replace_host(self.env[API_URL] or "", HOST_NAME)
        self.labels = {to_docker_label(name): value for name, value in self.labels.items()}

    def find_pull_policy(self) -> PullPolicy:
        """Return the pull policy, which by default follows from the tag."""
        if self.image_pull_policy is not None:
            return self.image_pull_policy
        return "Always" if parse_image_tag(self.image)[1] in (None, "latest") else "IfNotPresent"

    def build_arguments(self) -> dict[str, Any]:
        """Return the arguments of `docker.DockerClient.containers.create`, without the name."""
        arguments: dict[str, Any] = {
            "image": self.image,
            "command": shlex.split(self.command or self._base_flow_run_command()),
            "environment": {name: value for name, value in self.env.items() if value is not None},
            "labels": self.labels,
            "volumes": self.volumes,
            "network_mode": self.network_mode,
            "network": self.networks[0] if self.networks else None,
            "mem_limit": self.mem_limit,
            "memswap_limit": self.memswap_limit,
            "privileged": self.privileged,
        }
        if self.network_mode != "host" and HOST_NAME in (self.env.get(API_URL) or "") and sys.platform == "linux":
            arguments["extra_hosts"] = {HOST_NAME: "host-gateway"}
        options = {name: value for name, value in arguments.items() if value not in (None, [], {})}
        return {**(self.container_create_kwargs or {}), **options}

    def _has_local_api(self) -> bool:
        return is_loopback(self.env.get(API_URL))


class DockerWorkerVariables(_ContainerFields, BaseVariables):
    """The variables of a Docker pool's job template."""


def to_docker_label(name: str) -> str:
    """Return a label in Docker's notation: `prefect.io/flow-run-id` becomes `io.prefect.flow-run-id`."""
    domain, separator, rest = name.partition("/")
    if not separator:
        return name
    return ".".join([*reversed(domain.split(".")), rest.replace("/", ".")])


def to_container_name(name: str | None) -> str | None:
    """Return a name in the characters that containers may have; None if nothing is left."""
    slug = re.sub(r"[^a-zA-Z0-9_.-]+", "-", name or "").lstrip("_.-")
    return slug if len(slug) > 1 else None


def to_docker_labels(labels: dict[str, str]) -> list[str]:
    """Return labels as a filter of the engine's containers."""
    return [f"{to_docker_label(name)}={value}" for name, value in labels.items()]
