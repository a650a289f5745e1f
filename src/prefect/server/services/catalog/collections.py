"""Describe the workers and blocks of packages that extend this one, by package."""

from __future__ import annotations

from importlib import resources

import orjson

from prefect.server.services.catalog import system_blocks
from prefect.server.services.core.errors import NotFound
from prefect.server.services.core.presenters import Answer

BUILTIN_PACKAGE = "prefect"
"""The package of the workers and blocks included in the server."""


def get_view(name: str) -> Answer:
    """Return a view of the collections.

    Args:
        name: `aggregate-worker-metadata`, `aggregate-block-metadata` or `aggregate-flow-metadata`; no package has
            flows of its own.

    Raises:
        NotFound: There is no such view.
    """
    if name == "aggregate-worker-metadata":
        return load_worker_types()
    if name == "aggregate-block-metadata":
        return {BUILTIN_PACKAGE: {"block_types": {item["slug"]: item for item in system_blocks.load_block_types()}}}
    if name == "aggregate-flow-metadata":
        return {}
    raise NotFound("view", name)


def load_worker_types() -> Answer:
    """Return the worker types, by package and type, each with its base job template."""
    return orjson.loads(resources.files("prefect.server").joinpath("data/workers.json").read_bytes())
