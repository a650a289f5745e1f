"""Public path of the block that stores files in Redis, see `prefect.filesystems.redis`."""

from typing import TYPE_CHECKING

from prefect._lazy import exports

if TYPE_CHECKING:
    from prefect.filesystems.redis import RedisStorageContainer

__all__ = ["RedisStorageContainer"]

_EXPORTS = {
    "prefect.filesystems.redis": "RedisStorageContainer",
}

__getattr__, __dir__ = exports(__name__, _EXPORTS)
