"""Docker engines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from prefect.blocks.core import Block

if TYPE_CHECKING:
    from docker import DockerClient


class DockerHost(Block):
    """A Docker engine, by its address; without one, the engine that the environment names."""

    _block_type_name = "Docker Host"
    _block_type_slug = "docker-host"

    base_url: str | None = Field(default=None, description="URL of the engine, as in unix:///var/run/docker.sock.")
    version: str = Field(default="auto", description="The version of the engine's API.")
    timeout: int | None = Field(default=None, description="Seconds that a call of the API may take.")
    max_pool_size: int | None = Field(default=None, description="How many connections are kept.")
    client_kwargs: dict[str, Any] = Field(default_factory=dict, description="Further arguments of the client.")

    def get_client(self) -> DockerClient:
        """Return a client of the engine. It is closed by `close`, or at the end of a `with` block.

        Raises:
            ImportError: The package `docker` is not installed.
        """
        try:
            import docker
        except ModuleNotFoundError as error:
            raise ImportError(
                "Docker needs the package `docker`: install it with `pip install 'pluperfect[docker]'`."
            ) from error
        options = {"timeout": self.timeout, "max_pool_size": self.max_pool_size, **self.client_kwargs}
        options = {name: value for name, value in options.items() if value is not None}
        if self.base_url is None:
            return docker.from_env(version=self.version, **options)
        return docker.DockerClient(base_url=self.base_url, version=self.version, **options)
