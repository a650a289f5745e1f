"""Events that no automation reacts to are not queued for evaluation."""

from __future__ import annotations

from prefect.server import store
from tests.server.services.automations.reactions import Reactions


async def count_queued(reactions: Reactions, name: str) -> int:
    """Emit an event of a name; return how many are queued for evaluation then, and evaluate them."""
    await reactions.emit(name)
    queued = len(await reactions.rows(store.event_queue))
    await reactions.evaluate()
    return queued


async def test_only_events_that_may_concern_a_trigger_are_queued(reactions: Reactions) -> None:
    await reactions.automation({"expect": ["a"], "after": ["b"]})
    await reactions.automation({"expect": ["shop.*"]})
    await reactions.evaluate()
    names = ("a", "b", "shop.paid", "other", "shop")
    assert [await count_queued(reactions, name) for name in names] == [1, 1, 1, 0, 0]


async def test_every_event_is_queued_until_new_automations_are_known(reactions: Reactions) -> None:
    await reactions.automation({"expect": ["a"]})
    await reactions.evaluate()
    assert await count_queued(reactions, "b") == 0
    await reactions.automation({"expect": ["b"]})
    assert await count_queued(reactions, "b") == 2  # and that of the automation's creation
    assert len(await reactions.events("triggered")) == 1
    assert [await count_queued(reactions, name) for name in ("b", "c")] == [1, 0]
