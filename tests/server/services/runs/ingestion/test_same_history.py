"""One history, two ways: states that were set, and states that a journal tells of, end in the same row."""

from __future__ import annotations

import random
from typing import Any
from uuid import UUID

import orjson
import pytest

from prefect.server import store
from prefect.server.db.interface import Database
from prefect.server.services.runs.ingestion.journal_ingestion import apply_records
from prefect.server.services.runs.lifecycle import creation
from prefect.server.services.runs.states import transitions
from prefect.server.services.runs.states.run_states import NO_DERIVED_COLUMNS, entered_at
from prefect.types import named_id, new_id, now

TYPES = ("SCHEDULED", "PENDING", "RUNNING", "PAUSED", "COMPLETED", "FAILED", "CRASHED", "CANCELLED", "CANCELLING")
FLOW = named_id("flow", "etl")


async def _prepare(tx: Any) -> None:
    await store.flows.add(tx, [{"id": FLOW, "name": "etl", "created": now(), "updated": now()}])


def _record(kind: str, run: UUID, state: dict[str, Any]) -> dict[str, Any]:
    return {**state, "kind": "state", "of": kind, "run_id": str(run), "timestamp": entered_at(state).isoformat()}


def _line(record: dict[str, Any]) -> bytes:
    return orjson.dumps(record)


@pytest.mark.parametrize("kind", ["flow_run", "task_run"])
@pytest.mark.parametrize("seed", range(4))
async def test_proposed_and_recorded_states_make_the_same_row(database: Database, kind: str, seed: int) -> None:
    chance = random.Random(seed)
    await database.write(_prepare)
    collection = store.flow_runs if kind == "flow_run" else store.task_runs
    if kind == "flow_run":
        answer, _ = await database.write(lambda tx: creation.create_flow_run(tx, {"flow_id": FLOW}))
        change: Any = transitions.set_flow_run_state
    else:
        values = {"task_key": "t", "dynamic_key": "0"}
        answer, _ = await database.write(lambda tx: creation.create_task_run(tx, values))
        change = transitions.set_task_run_state
    for _ in range(12):
        type_ = chance.choice(TYPES)
        await database.write(lambda tx, type_=type_: change(tx, answer["id"], {"type": type_}))
    row = await database.read(lambda tx: collection.get(tx, answer["id"]))
    assert row is not None

    recorded_id = new_id()
    record = {"kind": kind, "id": str(recorded_id), "name": "recorded", "created": row["created"].isoformat()}
    record |= {"flow_id": str(FLOW)} if kind == "flow_run" else {"task_key": "t", "dynamic_key": "1"}
    lines = [_line(_record(kind, recorded_id, {**state, "id": str(new_id())})) for state in row["states"]]
    lines += chance.sample(lines, 3)  # some come twice
    chance.shuffle(lines)
    await database.write(lambda tx: apply_records(tx, _line(record)))
    for line in lines:
        await database.write(lambda tx, line=line: apply_records(tx, line))
    recorded = await database.read(lambda tx: collection.get(tx, recorded_id))
    assert recorded is not None
    assert {name: recorded[name] for name in NO_DERIVED_COLUMNS} == {name: row[name] for name in NO_DERIVED_COLUMNS}
    assert [state["type"] for state in recorded["states"]] == [state["type"] for state in row["states"]]


async def test_late_journal_does_not_undo_newer_states(database: Database) -> None:
    await database.write(_prepare)
    answer, _ = await database.write(lambda tx: creation.create_flow_run(tx, {"flow_id": FLOW}))
    began = now()
    await database.write(lambda tx: transitions.set_flow_run_state(tx, answer["id"], {"type": "RUNNING"}))
    await database.write(lambda tx: transitions.set_flow_run_state(tx, answer["id"], {"type": "CANCELLED"}))
    late = {"kind": "state", "of": "flow_run", "run_id": str(answer["id"]), "id": str(new_id()), "type": "RUNNING"}
    await database.write(lambda tx: apply_records(tx, _line({**late, "timestamp": began.isoformat()})))
    row = await database.read(lambda tx: store.flow_runs.get(tx, answer["id"]))
    assert row is not None
    assert (row["state_type"], row["end_time"] is not None, row["run_count"]) == ("CANCELLED", True, 2)


@pytest.mark.parametrize("first", ["RUNNING", "COMPLETED"])
async def test_terminal_state_is_last_of_equal_times(database: Database, first: str) -> None:
    """A clock that stands still for a moment, and delivery in any order."""
    id_, at = new_id(), now().isoformat()
    run = {"kind": "task_run", "id": str(id_), "name": "t", "task_key": "t", "dynamic_key": "0", "created": at}
    types = ["RUNNING", "COMPLETED"] if first == "RUNNING" else ["COMPLETED", "RUNNING"]
    state = {"kind": "state", "of": "task_run", "run_id": str(id_), "timestamp": at}
    lines = [run, *({**state, "id": str(new_id()), "type": type_} for type_ in types)]
    for line in lines:
        await database.write(lambda tx, line=line: apply_records(tx, _line(line)))
    row = await database.read(lambda tx: store.task_runs.get(tx, id_))
    assert row is not None
    assert (row["state_type"], row["run_count"]) == ("COMPLETED", 1)


async def test_proposed_state_is_the_newest_despite_clock_skew(database: Database) -> None:
    await database.write(_prepare)
    answer, _ = await database.write(lambda tx: creation.create_flow_run(tx, {"flow_id": FLOW}))
    ahead = {"kind": "state", "of": "flow_run", "run_id": str(answer["id"]), "id": str(new_id()), "type": "RUNNING"}
    await database.write(lambda tx: apply_records(tx, _line({**ahead, "timestamp": "2100-01-01T00:00:00Z"})))
    await database.write(lambda tx: transitions.set_flow_run_state(tx, answer["id"], {"type": "COMPLETED"}))
    row = await database.read(lambda tx: store.flow_runs.get(tx, answer["id"]))
    assert row is not None
    assert row["state_type"] == "COMPLETED"
