"""Blocks of clusters: how a client reaches the API of Kubernetes, and as whom."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import Field, field_validator

from prefect.blocks.core import Block

if TYPE_CHECKING:
    from kubernetes_asyncio.client import ApiClient, Configuration

KubernetesClientType = Literal["apps", "batch", "core", "custom_objects"]

_CLIENT_CLASSES = {
    "apps": "AppsV1Api",
    "batch": "BatchV1Api",
    "core": "CoreV1Api",
    "custom_objects": "CustomObjectsApi",
}


class _NoCluster(ValueError):
    """There is no configuration of a cluster."""


class KubernetesClusterConfig(Block):
    """A cluster, by a kubeconfig and one of its contexts."""

    _block_type_name = "Kubernetes Cluster Config"
    _block_type_slug = "kubernetes-cluster-config"
    # The words of the interface: checksums of saved blocks depend on them.
    _description = "Stores configuration for interaction with Kubernetes clusters.\n\nSee `from_file` for creation."

    config: dict[str, Any] = Field(default=..., description="The entire contents of a kubectl config file.")
    context_name: str = Field(default=..., description="The name of the kubectl context to use.")

    @field_validator("config", mode="before")
    @classmethod
    def _parse(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        import yaml

        try:
            return yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise ValueError(f"The kubeconfig is not valid YAML: {' '.join(str(error).split())}") from None

    @classmethod
    def from_file(cls, path: Path | str | None = None, context_name: str | None = None) -> Self:
        """Return the cluster of a kubeconfig file.

        Args:
            path: The file; `~/.kube/config` if None.
            context_name: The context; the current one of the file if None.

        Raises:
            ValueError: The file has no such context.
        """
        import yaml

        place = Path(path or "~/.kube/config").expanduser()
        config = yaml.safe_load(place.read_text())
        names = [one.get("name") for one in (config or {}).get("contexts") or ()] if isinstance(config, dict) else []
        name = str(context_name or (config or {}).get("current-context"))
        if name not in names:
            raise ValueError(f"The kubeconfig {place} has no context {name!r}: it has {names}.")
        return cls(config=config, context_name=name)

    def get_context(self) -> str:
        """Return the name of the context.

        Raises:
            ValueError: The kubeconfig does not have it.
        """
        names = [one.get("name") for one in self.config.get("contexts") or () if isinstance(one, dict)]
        if self.context_name not in names:
            raise ValueError(f"The kubeconfig has no context {self.context_name!r}: it has {names}.")
        return self.context_name

    async def get_api_client(self) -> ApiClient:
        """Return a client of the cluster. Close it, or use it in an `async with` block."""
        return await open_client(self)

    async def configure_client(self) -> None:
        """Make this cluster the one of clients that are made without a configuration."""
        config = import_library("config")
        await config.load_kube_config_from_dict(config_dict=self.config, context=self.get_context())


class KubernetesCredentials(Block):
    """Credentials for the API of Kubernetes: of a kubeconfig, else of the pod, else of this machine's user.

    Attributes:
        cluster_config: The cluster. Without one: that of the pod that this runs in, or of the local kubeconfig.
    """

    _block_type_name = "Kubernetes Credentials"
    _block_type_slug = "kubernetes-credentials"
    _description = "Credentials block for generating configured Kubernetes API clients."

    cluster_config: KubernetesClusterConfig | None = None

    @asynccontextmanager
    async def get_client(
        self, client_type: KubernetesClientType, configuration: Configuration | None = None
    ) -> AsyncGenerator[Any, None]:
        """Yield a client of one part of the API: `AppsV1Api`, `BatchV1Api`, `CoreV1Api` or `CustomObjectsApi`.

        Args:
            client_type: The part.
            configuration: The configuration of the client, instead of that of the cluster.
        """
        library = import_library("client")
        if configuration is not None:
            opened = library.ApiClient(configuration=configuration)
        else:
            opened = await open_client(self.cluster_config)
        async with opened as api_client:
            yield self.get_resource_specific_client(client_type, api_client)

    def get_resource_specific_client(self, client_type: KubernetesClientType, api_client: ApiClient) -> Any:
        """Return the client of one part of the API.

        Raises:
            ValueError: There is no such part.
        """
        if client_type not in _CLIENT_CLASSES:
            raise ValueError(f"There is no client {client_type!r}: use one of {', '.join(_CLIENT_CLASSES)}.")
        return getattr(import_library("client"), _CLIENT_CLASSES[client_type])(api_client)


def import_library(module: str) -> Any:
    """Return a module of `kubernetes_asyncio`.

    Raises:
        ImportError: The package is not installed.
    """
    import importlib

    try:
        return importlib.import_module(f"kubernetes_asyncio.{module}")
    except ModuleNotFoundError as error:
        raise ImportError(
            "Kubernetes needs the package `kubernetes-asyncio`: install it with `pip install 'pluperfect[kubernetes]'`."
        ) from error


async def open_client(cluster_config: KubernetesClusterConfig | None) -> ApiClient:
    """Return a client of a cluster: of a kubeconfig, else of the pod this runs in, else of the local kubeconfig.

    Raises:
        ValueError: No cluster is configured, or its configuration is not valid.
    """
    client, config = import_library("client"), import_library("config")
    configuration = client.Configuration()
    configuration.connection_pool_maxsize = 0  # no limit: each followed output has a connection
    context = None if cluster_config is None else cluster_config.get_context()
    try:
        if cluster_config is not None:
            await config.load_kube_config_from_dict(
                config_dict=cluster_config.config, context=context, client_configuration=configuration
            )
        else:
            await _load_local_config(config, configuration)
        return client.ApiClient(configuration=configuration)
    except _NoCluster:
        raise
    except Exception as error:  # of the library, which takes a kubeconfig apart as it comes
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ValueError(f"The Kubernetes cluster is not configured: {reason}") from error


async def _load_local_config(config: Any, configuration: Configuration) -> None:
    try:
        config.load_incluster_config(client_configuration=configuration)
    except config.ConfigException:
        places: str = config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION
        if not any(Path(place).expanduser().exists() for place in places.split(os.pathsep)):
            raise _NoCluster(
                f"There is no kubeconfig {places}, and this is no pod of a cluster: set KUBECONFIG, "
                "or the job variable `cluster_config`."
            ) from None
        await config.load_kube_config(client_configuration=configuration)
