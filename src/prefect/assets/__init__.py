"""Assets: files, tables and other things outside of runs that tasks make and depend on.

`core` is what programs write, `lineage` notes what a run makes and of what and emits it as events, `materialize` is the
decorator of tasks that make assets. Nothing here reads or writes the things themselves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect._lazy import exports

if TYPE_CHECKING:
    from prefect.assets.core import Asset, AssetProperties, add_asset_metadata
    from prefect.assets.materialize import materialize

__all__ = ["Asset", "AssetProperties", "add_asset_metadata", "materialize"]

_EXPORTS = {
    "prefect.assets.core": "Asset AssetProperties add_asset_metadata",
    "prefect.assets.materialize": "materialize",
}

__getattr__, __dir__ = exports(__name__, _EXPORTS)
