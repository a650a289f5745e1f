"""Automations that fire, for tests: events are emitted, and the loops go one round at a time."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx

from prefect.server import store
from prefect.server.loops import Environment
from prefect.server.loops.automations import ActionExecutor, TriggerEvaluator
from prefect.server.store import Row
from prefect.types import new_id, now
from tests.server.route_calls import call_route

ALL_TIMES = {"since": "2000-01-01T00:00:00Z", "until": "2100-01-01T00:00:00Z"}


class Reactions:
    """The API, with a server that evaluates triggers and executes actions on request.

    Args:
        api: A client of the API.
        environment: What the loops use.
    """

    def __init__(self, api: httpx.AsyncClient, environment: Environment) -> None:
        self.api = api
        self.environment = environment
        self.executor = ActionExecutor()
        self.evaluator = TriggerEvaluator(self.executor)

    async def automation(self, trigger: dict[str, Any] | None = None, *actions: Any, **values: Any) -> str:
        """Create an automation and return its id; it reacts to events of the name `a` unless `trigger` says more."""
        whole = {"type": "event", "posture": "Reactive", "expect": ["a"], "threshold": 1, "within": 0}
        body = {
            "name": "watch",
            "trigger": trigger if trigger and "type" in trigger else {**whole, **(trigger or {})},
            "actions": list(actions) or [{"type": "do-nothing"}],
            **values,
        }
        return (await call_route(self.api, "POST", "/automations/", body, 201))["id"]

    async def emit(self, name: str = "a", resource: str = "x.1", **values: Any) -> str:
        """Send an event and return its id."""
        event = {
            "id": str(new_id()),
            "occurred": now().isoformat(),
            "event": name,
            "resource": {"prefect.resource.id": resource},
            **values,
        }
        await call_route(self.api, "POST", "/events", [event], 204)
        return event["id"]

    async def evaluate(self) -> None:
        """Go one round of the loop that evaluates triggers."""
        await self.evaluator.run_once(self.environment)

    async def act(self) -> None:
        """Execute all actions that are due."""
        while True:
            await self.executor.run_once(self.environment)
            if not self.executor.tasks:
                return
            await asyncio.wait(self.executor.tasks)

    async def react(self) -> None:
        """Evaluate events and execute actions until there is nothing more to do."""
        await self.evaluate()
        await self.act()

    async def events(self, what: str, automation_id: str | None = None) -> list[dict[str, Any]]:
        """Return the events `prefect.automation.WHAT`, oldest first."""
        resource = {} if automation_id is None else {"resource": {"id": [f"prefect.automation.{automation_id}"]}}
        return await self.find_events(f"prefect.automation.{what}", **resource)

    async def find_events(self, name: str, **criteria: Any) -> list[dict[str, Any]]:
        """Return the events of a name, oldest first."""
        criteria = {"event": {"name": [name]}, "occurred": ALL_TIMES, **criteria}
        body = {"filter": {**criteria, "order": "ASC"}, "limit": 50}
        return (await call_route(self.api, "POST", "/events/filter", body))["events"]

    async def rows(self, collection: store.Collection) -> list[Row]:
        """Return all rows of a table."""
        return await self.environment.database.read(lambda tx: collection.find(tx))
