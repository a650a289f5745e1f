"""The events that automations may react to, as far as this server knows; other events need no evaluation.

The server that evaluates triggers remembers them, with the revision of the automations that have them. An event is
stored together with a look at that revision: where it is another one, every event is evaluated.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from prefect.server.db.interface import Transaction
from prefect.server.store.queries.events import EventKey

_MEMORY_KEY = "wanted events"


def remember(memory: dict[str, Any], revision: str | None, is_wanted: Callable[[str], bool]) -> None:
    """Remember which events automations may react to.

    Args:
        memory: The memory of the database.
        revision: The revision of the automations, as of `describe_revision`.
        is_wanted: Whether an event of a name may concern one of their triggers.
    """
    memory[_MEMORY_KEY] = (revision, is_wanted)


def select(tx: Transaction, revision: str, events: Mapping[EventKey, Any]) -> Mapping[EventKey, Any]:
    """Return those events that automations of a revision may react to. Hot path."""
    known, is_wanted = tx.memory.get(_MEMORY_KEY, (None, None))
    if known != revision:
        return events
    return {key: event for key, event in events.items() if is_wanted(event["event"])}
