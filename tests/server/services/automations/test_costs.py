"""What firings cost: statements and transactions, counted, because times depend on the machine."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from prefect.server.db.sqlite_writer import SqliteWriterDatabase
from prefect.types import new_id, now
from tests.server.route_calls import call_route
from tests.server.services.automations.endpoint import serve_endpoint
from tests.server.services.automations.reactions import Reactions
from tests.server.services.automations.test_sending import webhook
from tests.server.transactions import replace_method

EVENTS = 90

CONTROL = ("SAVEPOINT", "RELEASE", "BEGIN", "COMMIT", "ROLLBACK", "PRAGMA")
"""Beginnings of statements that are not counted: they depend on which units of work are committed together."""

pytestmark = pytest.mark.parametrize("closed_database", ["sqlite"], indirect=True)


@pytest.fixture
def costs(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Count statements, and units of work by whether they wait for the disk."""
    counted: Counter[str] = Counter()

    def count_before(original: Any) -> Any:
        async def count(self: Any, *arguments: Any) -> Any:
            counted["statements"] += not getattr(arguments[0], "text", "").startswith(CONTROL)
            return await original(self, *arguments)

        return count

    for name in ("fetch", "run", "insert", "update"):
        replace_method(monkeypatch, name, count_before)
    write = SqliteWriterDatabase._write

    async def count_write(self: Any, work: Any, durable: bool) -> Any:
        counted["durable" if durable else "relaxed"] += 1
        return await write(self, work, durable)

    monkeypatch.setattr(SqliteWriterDatabase, "_write", count_write)
    return counted


async def send_events(reactions: Reactions) -> None:
    event = {"occurred": now().isoformat(), "event": "a", "resource": {"prefect.resource.id": "x"}}
    events = [{**event, "id": str(new_id())} for _ in range(EVENTS)]
    await call_route(reactions.api, "POST", "/events", events, 204)


async def test_batch_of_events_is_evaluated_in_one_transaction(reactions: Reactions, costs: Counter[str]) -> None:
    await reactions.automation({"for_each": ["prefect.resource.id"]})
    await reactions.evaluate()
    await send_events(reactions)
    costs.clear()
    await reactions.evaluate()
    assert (costs["relaxed"], costs["durable"]) == (1, 0)
    assert costs["statements"] <= 20


async def test_action_on_the_store_costs_one_transaction(reactions: Reactions, costs: Counter[str]) -> None:
    await reactions.automation()
    await send_events(reactions)
    await reactions.react()
    await send_events(reactions)
    await reactions.evaluate()
    costs.clear()
    await reactions.act()
    assert (costs["relaxed"], costs["durable"]) == (EVENTS, 0)
    assert costs["statements"] <= 7 * EVENTS


async def test_webhook_costs_two_transactions(reactions: Reactions, costs: Counter[str]) -> None:
    async with serve_endpoint() as endpoint:
        await webhook(reactions, endpoint.url)
        await send_events(reactions)
        await reactions.react()
        await send_events(reactions)
        await reactions.evaluate()
        costs.clear()
        await reactions.act()
    assert (costs["relaxed"], costs["durable"]) == (2 * EVENTS, 0)
    assert costs["statements"] <= 19 * EVENTS
