"""Describe the difference between two versions of a row."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from prefect.server.store import Row


def describe_changes(before: Row, after: Row, names: Iterable[str]) -> dict[str, Any]:
    """Return the payload of an event `….updated`; an empty one when none of the named columns changed."""
    changed = [name for name in names if before.get(name) != after.get(name)]
    if not changed:
        return {}
    return {
        "updated_fields": changed,
        "updates": {name: {"from": before.get(name), "to": after.get(name)} for name in changed},
    }
