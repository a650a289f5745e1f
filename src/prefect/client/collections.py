"""Metadata of the worker types, from the source that the current settings select."""

from __future__ import annotations

from typing import Any, Protocol, Self

from prefect.client.base import ServerType, determine_server_type
from prefect.client.orchestration import get_client


class CollectionsMetadataClient(Protocol):
    """A client for the metadata of worker types; to be used in an `async with` block."""

    async def read_worker_metadata(self) -> dict[str, Any]:
        """Return the metadata of the worker types, by package and type."""
        ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, kind: Any, error: Any, trace: Any, /) -> Any: ...


def get_collections_metadata_client(httpx_settings: dict[str, Any] | None = None) -> CollectionsMetadataClient:
    """Return a client that knows the kinds of workers: of Prefect Cloud, of a server or of the local store.

    Args:
        httpx_settings: Settings for the HTTP client.
    """
    if determine_server_type() is ServerType.CLOUD:
        from prefect.client.cloud import get_cloud_client

        return get_cloud_client(httpx_settings=httpx_settings, infer_cloud_url=True)
    return get_client(httpx_settings)
