"""Credentials of image registries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field, SecretStr

from prefect.blocks.core import Block

if TYPE_CHECKING:
    from docker import DockerClient


class DockerRegistryCredentials(Block):
    """A user name and password of an image registry."""

    _block_type_name = "Docker Registry Credentials"
    _block_type_slug = "docker-registry-credentials"

    username: str = Field(default=..., description="The username to log into the registry with.")
    password: SecretStr = Field(default=..., description="The password to log into the registry with.")
    registry_url: str = Field(default=..., description='The URL of the registry, such as "registry.hub.docker.com".')
    reauth: bool = Field(default=True, description="Whether to log in again at each use.")

    async def login(self, client: DockerClient) -> None:
        """Log a client of the Docker engine in to the registry."""
        client.login(
            username=self.username,
            password=self.password.get_secret_value(),
            registry=self.registry_url,
            reauth=self.reauth,
        )
