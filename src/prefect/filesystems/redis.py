"""Files in Redis, or in a store with its interface, such as Valkey. The public path is `prefect.blocks.redis`."""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from pydantic import Field, SecretStr

from prefect._io import blocking, twin
from prefect._lazy import lazy
from prefect.filesystems.base import WritableFileSystem

if TYPE_CHECKING:
    import redis
else:
    redis = lazy("redis")


class RedisStorageContainer(WritableFileSystem):
    """Values in Redis under their paths, for results that need not last longer than the store.

    Example:
        ```python
        from prefect.blocks.redis import RedisStorageContainer

        RedisStorageContainer.from_host("redis.example.com", password="...").save("BLOCK_NAME")
        ```
    """

    _block_type_name: ClassVar[str | None] = "RedisStorageContainer"
    _description: ClassVar[str | None] = "Block used to interact with Redis as a filesystem"

    host: str | None = Field(default=None, description="Redis hostname")
    port: int = Field(default=6379, description="Redis port")
    db: int = Field(default=0, description="Redis DB index")
    username: SecretStr | None = Field(default=None, description="Redis username")
    password: SecretStr | None = Field(default=None, description="Redis password")
    connection_string: SecretStr | None = Field(default=None, description="Redis connection string")

    def block_initialization(self) -> None:
        """Check that the values name a store.

        Raises:
            ValueError: There is neither a host nor a connection string, or a user without a password.
        """
        if self.connection_string is not None:
            return
        if not self.host:
            raise ValueError("Initialization error: 'host' is required but missing.")
        if self.username is not None and self.password is None:
            raise ValueError(
                "Initialization error: 'username' is provided, but 'password' is missing. Both are required."
            )

    @classmethod
    def from_host(
        cls,
        host: str,
        port: int = 6379,
        db: int = 0,
        username: str | SecretStr | None = None,
        password: str | SecretStr | None = None,
    ) -> Self:
        """Return the store at an address.

        Args:
            host: The host.
            port: The port.
            db: The number of the database.
            username: The user.
            password: The password.
        """
        return cls(host=host, port=port, db=db, username=_hide(username), password=_hide(password))

    @classmethod
    def from_connection_string(cls, connection_string: str | SecretStr) -> Self:
        """Return the store of a URL such as `redis://:password@host:6379/0`."""
        return cls(connection_string=_hide(connection_string))

    async def aread_path(self, path: Path | str) -> bytes | None:
        """Return the value of a path; None if there is none."""
        return await blocking(self._connect().get, str(path))

    read_path = twin(aread_path)  # pyright: ignore[reportAssignmentType, reportIncompatibleMethodOverride]

    async def awrite_path(self, path: Path | str, content: bytes) -> bool:
        """Set the value of a path, and return whether the store has it."""
        return bool(await blocking(self._connect().set, str(path), content))

    write_path = twin(awrite_path)  # pyright: ignore[reportAssignmentType, reportIncompatibleMethodOverride]

    def _connect(self) -> Any:
        """Return the client of the store.

        Raises:
            ImportError: The package `redis` is not installed.
        """
        if self.connection_string is not None:
            return _open_client(os.getpid(), self.connection_string.get_secret_value())
        secrets = (each and each.get_secret_value() for each in (self.username, self.password))
        return _open_client(os.getpid(), None, self.host, self.port, self.db, *secrets)


def _hide(value: str | SecretStr | None) -> SecretStr | None:
    return SecretStr(value) if isinstance(value, str) else value


@functools.lru_cache(maxsize=16)
def _open_client(
    pid: int,
    url: str | None,
    host: str | None = None,
    port: int = 0,
    db: int = 0,
    username: str | None = None,
    password: str | None = None,
) -> Any:
    """Open a client, once a process: a forked child must not use its connections."""
    try:
        if url is not None:
            return redis.Redis.from_url(url)
        return redis.Redis(host=host or "", port=port, db=db, username=username, password=password)
    except ModuleNotFoundError as error:
        if error.name != "redis":
            raise
        raise ImportError(
            "Blocks of Redis need the package `redis`: install it with `pip install 'pluperfect[redis]'`."
        ) from None
