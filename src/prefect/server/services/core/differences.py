"""What an event about a change says: which fields changed, from what to what."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from prefect.server.store import Row


def describe_changes(before: Row, after: Row, names: Iterable[str]) -> dict[str, Any]:
    """The payload of an event `….updated`, or nothing when none of the named fields changed."""
    changed = [name for name in names if before.get(name) != after.get(name)]
    if not changed:
        return {}
    return {
        "updated_fields": changed,
        "updates": {name: {"from": before.get(name), "to": after.get(name)} for name in changed},
    }
