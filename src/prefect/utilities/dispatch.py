"""Public path of registries of subclasses by key; see `prefect.blocks.dispatch`."""

from __future__ import annotations

from prefect.blocks.dispatch import (
    get_dispatch_key,
    get_registry_for_type,
    lookup_type,
    register_base_type,
    register_type,
)

__all__ = [
    "get_dispatch_key",
    "get_registry_for_type",
    "lookup_type",
    "register_base_type",
    "register_type",
]
