"""The tables of assets: the latest materialization of each, from the events of runs, and its sources."""

from __future__ import annotations

from prefect.server.db.schema.declaration import Index, Table, columns

ASSET = Table(
    "asset",
    (
        *columns("text", "key!"),
        *columns("time", "created! updated!"),
        *columns("text", "name description url materialized_by"),
        *columns("array", "owners"),
        *columns("text", "outcome"),  # of the last materialization
        *columns("time", "occurred materialized"),  # the last materialization, and the last that succeeded
        *columns("uuid", "event_id flow_run_id task_run_id"),
        *columns("object", "metadata"),
    ),
    key="key",
    indexes=(Index("asset_by_update", ("updated",)),),  # the list of assets, newest first
)

ASSET_SOURCE = Table(
    "asset_source",
    (*columns("text", "asset_key! source_key!"), *columns("time", "seen!")),
    key="asset_key",
    clustered=("asset_key", "source_key"),
    indexes=(Index("asset_source_by_source", ("source_key",)),),  # what is made of an asset
)
"""The assets that the last successful materialization of an asset was made of."""
