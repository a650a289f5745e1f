"""What firings cost: statements and transactions, counted, because times depend on the machine."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import pytest

from prefect.server import store
from prefect.server.db.sqlite.writer import SqliteWriterDatabase
from prefect.server.loops import automations
from prefect.server.loops.automations import JOB_BATCH_SIZE
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
    """Count statements, and units of work by whether they wait for the disk; windows do not end meanwhile."""
    # A busy machine may take so long to serve the first request of a route that the evaluator has caught up.
    monkeypatch.setattr(automations, "CATCH_UP_SECONDS", math.inf)
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


async def test_actions_on_the_store_share_transactions(reactions: Reactions, costs: Counter[str]) -> None:
    await reactions.automation()
    await send_events(reactions)
    await reactions.react()
    await send_events(reactions)
    await reactions.evaluate()
    costs.clear()
    await reactions.act()
    batches = -(-EVENTS // JOB_BATCH_SIZE)
    assert costs["relaxed"] <= batches + 1 and costs["durable"] == 0  # one finds that no more are due
    assert costs["statements"] <= 8 * batches


async def test_flow_runs_of_a_deployment_are_created_in_few_statements(
    reactions: Reactions, costs: Counter[str]
) -> None:
    flow = await call_route(reactions.api, "POST", "/flows/", {"name": "f"}, 201)
    deployment = await call_route(reactions.api, "POST", "/deployments/", {"name": "d", "flow_id": flow["id"]}, 201)
    action = {"type": "run-deployment", "deployment_id": deployment["id"], "parameters": {"of": "{{ event.id }}"}}
    await reactions.automation(None, action)
    await send_events(reactions)
    await reactions.evaluate()
    costs.clear()
    await reactions.act()
    batches = -(-EVENTS // JOB_BATCH_SIZE)
    assert costs["relaxed"] <= batches + 1 and costs["durable"] == 1  # to release jobs of other servers
    assert costs["statements"] <= 25 * batches
    assert len(await reactions.rows(store.flow_runs)) == EVENTS


async def test_webhooks_share_transactions(reactions: Reactions, costs: Counter[str]) -> None:
    async with serve_endpoint() as endpoint:
        await webhook(reactions, endpoint.url)
        await send_events(reactions)
        await reactions.react()
        await send_events(reactions)
        await reactions.evaluate()
        costs.clear()
        await reactions.act()
    # The answers that come while others are written are written together: how many depends on the machine.
    assert costs["durable"] == 0 and costs["relaxed"] <= 2 * EVENTS
    assert costs["statements"] <= 8 * EVENTS
