"""What the server itself says: events of its own, and those of the states of runs; on both databases."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from prefect.schemas.event_filters import EventFilter
from prefect.server import store
from prefect.server.db.interface import Database
from prefect.server.services.events import emitting, event_store
from prefect.server.services.events import querying as service
from prefect.server.services.runs.states import run_states
from prefect.types import new_id
from tests.server.journal_records import at

Event = dict[str, Any]


async def test_emit_stores_the_event(database: Database) -> None:
    thing = emitting.resource_labels("deployment", UUID(int=7), "nightly") | {"prefect.work-pool.type": "process"}
    follows = new_id()

    async def work(tx: Any) -> Any:
        await emitting.emit(tx, "prefect.deployment.created", thing, [thing], {"a": 1}, follows=follows)
        return await service.find_first_page(tx, EventFilter(), 10)

    [kept] = (await database.write(work)).events
    assert kept["event"] == "prefect.deployment.created" and kept["follows"] == follows
    assert kept["resource"] == {
        "prefect.resource.id": f"prefect.deployment.{UUID(int=7)}",
        "prefect.resource.name": "nightly",
        "prefect.work-pool.type": "process",
    }
    assert kept["payload"] == {"a": 1} and kept["related"] == [thing]


async def test_emit_is_rolled_back_with_its_transaction(database: Database) -> None:
    async def work(tx: Any) -> None:
        await emitting.emit(tx, "x", emitting.resource_labels("flow", UUID(int=1)))
        raise RuntimeError

    with pytest.raises(RuntimeError):
        await database.write(work)
    assert (await database.read(lambda tx: service.find_first_page(tx, EventFilter(), 10))).events == []


def run_row(kind: str, states: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    row = {"id": new_id(), "created": at(0), "updated": at(0), "name": "calm-owl", "tags": ["b", "a"], **more}
    if kind == "task_run":
        row |= {"task_key": "load", "dynamic_key": "0", "task_inputs": {"x": []}, "labels": {}, "empirical_policy": {}}
    row |= {**run_states.NO_DERIVED_COLUMNS, "states": []}
    for state in states:
        run_states.insert_state(row["states"], state)
    run_states.derive_columns(row)
    return row


def stored(type_: str, seconds: float, **more: Any) -> dict[str, Any]:
    return {"id": str(new_id()), "type": type_, "timestamp": event_store.to_micros(at(seconds)), **more}


async def test_emit_state_events_describes_each_state(database: Database) -> None:
    flow = {"id": new_id(), "created": at(0), "updated": at(0), "name": "etl", "tags": ["c"], "labels": {}}

    def states() -> list[dict[str, Any]]:
        paused = stored("PAUSED", 2, details={"pause_reschedule": True})
        done = stored("COMPLETED", 400, name="Done")
        return [stored("PENDING", 0), stored("RUNNING", 1, message="go"), paused, done]

    flow_run = run_row("flow_run", states(), flow_id=flow["id"])
    task_run = run_row("task_run", states(), flow_run_id=flow_run["id"])

    async def work(tx: Any) -> Any:
        await store.flows.add(tx, [flow])
        await store.flow_runs.add(tx, [flow_run])
        await store.task_runs.add(tx, [task_run])
        for kind, row in (("flow_run", flow_run), ("task_run", task_run)):
            entered = [
                emitting.StateChange(row, before, after, run_count)
                for before, after, run_count in zip([None, *row["states"]], row["states"], (0, 1, 1, 1), strict=False)
            ]
            await emitting.emit_state_events(tx, kind, [*entered[:3], entered[3]._replace(intended="FAILED")])
        return await service.find_first_page(
            tx, EventFilter.model_validate({"order": "ASC", "occurred": {"since": at(-1), "until": at(999)}}), 10
        )

    emitted = (await database.write(work)).events
    of_flow, of_task = ([each for each in emitted if f".{kind}." in each["event"]] for kind in ("flow-run", "task-run"))
    assert [each["event"].rpartition(".")[2] for each in of_flow] == ["Pending", "Running", "Paused", "Done"]
    assert [each["event"] for each in of_task] == [each["event"].replace("flow-", "task-") for each in of_flow]
    for each, state in zip(of_flow, flow_run["states"], strict=True):
        assert str(each["id"]) == state["id"] and each["resource"]["prefect.state-type"] == state["type"]
    first, running, paused, done = of_flow
    assert first["follows"] is None and running["follows"] == first["id"] and done["follows"] is None
    assert running["resource"] == {
        "prefect.resource.id": f"prefect.flow-run.{flow_run['id']}",
        "prefect.resource.name": "calm-owl",
        "prefect.run-count": "1",
        "prefect.state-message": "go",
        "prefect.state-name": "Running",
        "prefect.state-timestamp": at(1).isoformat(timespec="microseconds"),
        "prefect.state-type": "RUNNING",
    }
    assert running["payload"] == {
        "intended": {"from": "PENDING", "to": "RUNNING"},
        "initial_state": {"type": "PENDING", "name": "Pending"},
        "validated_state": {"type": "RUNNING", "name": "Running", "message": "go"},
    }
    assert first["payload"]["initial_state"] is None and first["payload"]["intended"]["from"] is None
    assert paused["payload"]["validated_state"]["pause_reschedule"] == "true"
    assert done["payload"]["intended"] == {"from": "PAUSED", "to": "FAILED"}
    ids = [labels["prefect.resource.id"] for labels in running["related"]]
    assert ids == [f"prefect.flow.{flow['id']}", *(f"prefect.tag.{tag}" for tag in "abc")]
    _task_event(of_task[1], task_run, flow_run, flow)


def _task_event(running: Event, task_run: Any, flow_run: Any, flow: Any) -> None:
    assert running["resource"]["prefect.orchestration"] == "client"
    ids = [labels["prefect.resource.id"] for labels in running["related"]]
    belongings = [f"prefect.flow-run.{flow_run['id']}", f"prefect.flow.{flow['id']}"]
    assert ids == ["prefect.tag.a", "prefect.tag.b", *belongings, "prefect.tag.c"]
    assert running["payload"]["validated_state"] == {
        "type": "RUNNING",
        "name": "Running",
        "message": "go",
        "state_details": {},
        "data": None,
    }
    known = running["payload"]["task_run"]
    assert (known["task_key"], known["run_count"], known["start_time"]) == ("load", 1, "2026-03-01T12:00:01.000000Z")
    assert "end_time" not in known and known["task_inputs"] == {"x": []}
