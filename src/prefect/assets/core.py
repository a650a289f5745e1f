"""Assets as programs name them."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

from pydantic import ConfigDict, Field

from prefect.schemas.base import PrefectBaseModel
from prefect.types.names import ValidAssetKey

__all__ = ["MAX_ASSET_DESCRIPTION_LENGTH", "Asset", "AssetProperties", "add_asset_metadata"]

MAX_ASSET_DESCRIPTION_LENGTH = 2500

current_assets: ContextVar[Any] = ContextVar("asset_context")
"""The `AssetContext` of the run that the code is in, if it makes assets."""


class AssetProperties(PrefectBaseModel):
    """The description of an asset for people.

    Attributes:
        name: Its name.
        url: Where to look at it.
        description: What it is, which may be Markdown.
        owners: Who answers for it.
    """

    model_config = ConfigDict(frozen=True)

    name: str | None = None
    url: str | None = None
    description: str | None = Field(default=None, max_length=MAX_ASSET_DESCRIPTION_LENGTH)
    owners: list[str] | None = None


class Asset(PrefectBaseModel):
    """A thing that tasks make or depend on, by its URI.

    Attributes:
        key: The URI, such as `"s3://bucket/orders.parquet"` or `"postgres://host/database/table"`.
        properties: What people read about it.
    """

    model_config = ConfigDict(frozen=True)

    key: ValidAssetKey
    properties: AssetProperties | None = None

    def __repr__(self) -> str:
        return f"Asset(key={self.key!r})"

    def __hash__(self) -> int:
        return hash(self.key)

    def add_metadata(self, metadata: dict[str, Any]) -> None:
        """Add to what the run that makes this asset reports about it; see `add_asset_metadata`."""
        add_asset_metadata(self, metadata)


def as_asset(asset: str | Asset) -> Asset:
    """Return the asset of a key.

    Raises:
        ValueError: It is not a valid key.
    """
    return asset if isinstance(asset, Asset) else Asset(key=asset)


def add_asset_metadata(asset: str | Asset, metadata: dict[str, Any]) -> None:
    """Add to what the current run reports about an asset that it makes.

    Args:
        asset: The asset, or its key.
        metadata: JSON-serializable values by name; for a name that is there already the new one counts.

    Raises:
        RuntimeError: The code is in no run that makes assets.
        ValueError: The run does not make this asset.
    """
    context = current_assets.get(None)
    if context is None:
        raise RuntimeError(
            "Unable to call `add_asset_metadata` when not inside of an AssetContext: call it in a task with "
            "`@materialize`."
        )
    context.add_asset_metadata(as_asset(asset).key, metadata)
