"""Task runs of which clients tell by events: whatever the order, and however often, they end in their true state."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from prefect.server import store
from prefect.server.db.interface import Database
from prefect.types import new_id, now
from tests.server.app.test_streams import event, kept
from tests.server.route_calls import call_route

Event = dict[str, Any]


def task_run_events(id_: UUID, flow_run_id: UUID, *states: str, name: str = "load-0") -> list[Event]:
    """The events by which a client tells of a task run that entered some states."""
    begun = now() - timedelta(seconds=60)
    sent: list[Event] = []
    for number, state in enumerate(states):
        occurred = (begun + timedelta(seconds=number)).isoformat()
        sent.append(
            {
                "id": str(new_id()),
                "occurred": occurred,
                "event": f"prefect.task-run.{state}",
                "resource": {
                    "prefect.resource.id": f"prefect.task-run.{id_}",
                    "prefect.resource.name": name,
                    "prefect.orchestration": "client",
                },
                "related": [
                    {"prefect.resource.id": f"prefect.flow-run.{flow_run_id}", "prefect.resource.role": "flow-run"}
                ],
                "payload": {
                    "validated_state": {
                        "type": "RUNNING" if state == "Retrying" else state.upper(),
                        "name": state,
                        "message": "",
                        "state_details": {},
                        "data": None,
                    },
                    "task_run": {
                        "name": f"{name}-{state.lower()}",
                        "task_key": "load",
                        "dynamic_key": str(id_),
                        "tags": ["x"],
                        "task_inputs": {"a": []},
                        "run_count": 7,
                    },
                },
            }
        )
    return sent


STATES = ("Pending", "Running", "Retrying", "Completed")


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (2, 0, 3, 1), (1, 1, 3, 0, 2, 2, 0)])
@pytest.mark.parametrize("together", [True, False], ids=["together", "one by one"])
async def test_events_make_task_runs_in_any_order_and_when_repeated(
    api: httpx.AsyncClient, order: tuple[int, ...], together: bool
) -> None:
    id_ = new_id()
    sent = task_run_events(id_, new_id(), *STATES)
    batches = [[sent[number] for number in order]] if together else [[sent[number]] for number in order]
    for batch in batches:
        await call_route(api, "POST", "/events", batch, 204)
    run = await call_route(api, "GET", "/task_runs/{id}", id=id_)
    assert (run["state_name"], run["state_id"]) == ("Completed", sent[3]["id"])
    assert (run["run_count"], run["name"], run["tags"]) == (2, "load-0-completed", ["x"])
    states = await call_route(api, "GET", "/task_run_states/", query={"task_run_id": str(id_)})
    assert [state["id"] for state in states] == [each["id"] for each in sent]
    page = await call_route(api, "POST", "/events/filter", {"filter": {"order": "ASC"}})
    assert [each["id"] for each in page["events"]] == [each["id"] for each in sent]
    known = [each["payload"]["task_run"] for each in page["events"]]
    assert [each["run_count"] for each in known] == [0, 1, 2, 2]
    assert ["end_time" in each for each in known] == [False, False, False, True]


async def test_invalid_task_run_events_are_stored_and_dead_lettered(api: httpx.AsyncClient, database: Database) -> None:
    [sent] = task_run_events(new_id(), new_id(), "Pending")
    sent["payload"]["validated_state"]["type"] = "NONSENSE"
    other = {**task_run_events(new_id(), new_id(), "Pending")[0], "payload": {}}
    await call_route(api, "POST", "/events", [sent, other], 204)
    assert len(await kept(database)) == 2
    assert await database.read(store.dead_letters.count) == 2


async def test_heartbeat_renews_the_lease_of_a_flow_run(api: httpx.AsyncClient, database: Database) -> None:
    flow = await call_route(api, "POST", "/flows/", {"name": "f"}, 201)
    run = await call_route(api, "POST", "/flow_runs/", {"flow_id": flow["id"], "state": {"type": "RUNNING"}}, 201)
    heartbeat = event("prefect.flow-run.heartbeat", resource={"prefect.resource.id": f"prefect.flow-run.{run['id']}"})
    await call_route(api, "POST", "/events", [heartbeat], 204)
    row = await database.read(lambda tx: store.flow_runs.get(tx, UUID(run["id"])))
    assert row is not None and row["lease_until"] > now() + timedelta(seconds=60)
