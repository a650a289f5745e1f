"""Records that come over the network change only runs of their own process, by the rules, and carry no pickles."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import orjson
import pytest

from prefect._io import drive
from prefect.server import store
from prefect.server.db.sqlite.database import SqliteDatabase
from prefect.server.services.runs.ingestion.journal_ingestion import apply_records, find_dead_letters
from prefect.server.services.runs.states import transitions
from prefect.types import new_id
from tests.server.journal_records import flow, flow_run, state, task_run

OWNER, STRANGER = new_id(), new_id()
REFERENCE = {"type": "reference", "storage_key": "k", "serializer": {"type": "json"}, "prefect_version": "3.9.1"}


class Server:
    """A store that gets records over the network."""

    def __init__(self, database: SqliteDatabase) -> None:
        self.database = database

    def send(self, *records: dict[str, Any]) -> tuple[int, int]:
        body = b"\n".join(orjson.dumps(record) for record in records)
        return drive(self.database.write(lambda tx: apply_records(tx, body)))

    def propose(self, run_id: UUID, type_: str) -> Any:
        return drive(self.database.write(lambda tx: transitions.set_flow_run_state(tx, run_id, {"type": type_})))

    def row(self, run_id: UUID, collection: store.Collection = store.flow_runs) -> store.Row:
        row = drive(self.database.read(lambda tx: collection.get(tx, run_id)))
        assert row is not None
        return row

    def states(self, run_id: UUID) -> list[str]:
        return [known["type"] for known in self.row(run_id)["states"]]

    @property
    def reasons(self) -> list[str]:
        return [letter["reason"] for letter in drive(find_dead_letters(self.database))]


@pytest.fixture
def server(local_store: SqliteDatabase) -> Server:
    return Server(local_store)


def create(server: Server, *types: str, owner: UUID | None = OWNER, **last: Any) -> UUID:
    """A flow run with states of these types, a second apart."""
    run = flow_run(owner=owner)
    states = [state("flow_run", run["id"], type_, second, owner=owner) for second, type_ in enumerate(types)]
    states[-1] |= last
    assert server.send(flow(), run, *states) == (len(types) + 2, 0)
    return run["id"]


def test_record_of_another_process_is_dead_lettered(server: Server) -> None:
    run_id = create(server, "PENDING", "RUNNING")
    stolen = state("flow_run", run_id, "COMPLETED", 5, owner=STRANGER)
    unnamed = state("flow_run", run_id, "COMPLETED", 6)
    update = {"kind": "update", "of": "flow_run", "id": run_id, "owner": STRANGER, "set": {"name": "mine"}}
    assert server.send(stolen, unnamed, update) == (3, 3)
    assert server.states(run_id) == ["PENDING", "RUNNING"]
    assert server.row(run_id)["name"] == "brave-fox"
    assert all("belongs to another process" in reason for reason in server.reasons)


def test_record_of_another_process_is_dead_lettered_when_it_creates_the_run_again(server: Server) -> None:
    run_id = create(server, "PENDING", "RUNNING")
    again = flow_run(run_id, owner=STRANGER)
    again["states"] = [{"id": new_id(), "type": "FAILED", "name": "Failed", "timestamp": "2026-03-01T13:00:00Z"}]
    assert server.send(again) == (1, 1)
    assert server.states(run_id) == ["PENDING", "RUNNING"]


def test_task_run_of_another_process_is_protected(server: Server) -> None:
    run_id = create(server, "PENDING", "RUNNING")
    task = task_run(run_id, owner=OWNER)
    server.send(task, state("task_run", task["id"], "RUNNING", 1, owner=OWNER))
    assert server.send(state("task_run", task["id"], "FAILED", 2, owner=STRANGER)) == (1, 1)
    assert server.row(task["id"], store.task_runs)["state_type"] == "RUNNING"


def test_task_run_may_be_added_by_another_process_of_the_flow_run(server: Server) -> None:
    run_id = create(server, "PENDING", "RUNNING")
    task = task_run(run_id, owner=STRANGER)
    assert server.send(task, state("task_run", task["id"], "COMPLETED", 1, owner=STRANGER)) == (2, 0)


def test_run_without_an_owner_belongs_to_the_process_that_records_its_newest_state(server: Server) -> None:
    run_id = create(server, "PENDING", "RUNNING", owner=None)
    assert server.send(state("flow_run", run_id, "PENDING", 0.5, owner=STRANGER)) == (1, 0)
    assert server.row(run_id)["owner"] is None
    assert server.send(state("flow_run", run_id, "COMPLETED", 5, owner=OWNER)) == (1, 0)
    assert server.row(run_id)["owner"] == OWNER
    assert server.send(state("flow_run", run_id, "FAILED", 6, owner=STRANGER)) == (1, 1)


def test_run_that_is_rescheduled_can_be_taken_over_by_another_process(server: Server) -> None:
    run_id = create(server, "PENDING", "RUNNING")
    assert server.propose(run_id, "PENDING")["status"] != "ACCEPT"
    assert server.row(run_id)["owner"] == OWNER
    server.send(state("flow_run", run_id, "CRASHED", 3, owner=OWNER))
    assert server.propose(run_id, "PENDING")["status"] == "ACCEPT"
    assert server.row(run_id)["owner"] is None


@pytest.mark.parametrize("late", ["PAUSED", "CANCELLING", "CRASHED", "RUNNING"])
def test_record_that_leaves_a_persisted_end_is_dead_lettered(server: Server, late: str) -> None:
    run_id = create(server, "PENDING", "RUNNING", "COMPLETED", data=REFERENCE)
    assert server.send(state("flow_run", run_id, late, 9, owner=OWNER)) == (1, 1)
    assert server.states(run_id) == ["PENDING", "RUNNING", "COMPLETED"]
    assert f"its run cannot go from COMPLETED to {late}: " in server.reasons[0]


def test_record_that_goes_on_with_a_run_to_be_cancelled_is_dead_lettered_until_its_end(server: Server) -> None:
    run_id = create(server, "PENDING", "RUNNING", "CANCELLING")
    assert server.send(state("flow_run", run_id, "RUNNING", 5, owner=OWNER)) == (1, 1)
    assert server.send(state("flow_run", run_id, "COMPLETED", 6, owner=OWNER)) == (1, 0)
    assert server.row(run_id)["state_type"] == "COMPLETED"


def test_late_record_is_applied_when_its_time_is_before_the_end(server: Server) -> None:
    run_id = create(server, "PENDING", "COMPLETED", data=REFERENCE)
    assert server.send(state("flow_run", run_id, "RUNNING", 0.5, owner=OWNER)) == (1, 0)
    assert server.states(run_id) == ["PENDING", "RUNNING", "COMPLETED"]


def test_repeated_record_is_no_dead_letter_when_the_run_has_another_owner_by_now(server: Server) -> None:
    run_id = create(server, "PENDING", "RUNNING")
    crashed = state("flow_run", run_id, "CRASHED", 3, owner=OWNER)
    server.send(crashed)
    server.propose(run_id, "PENDING")
    server.send(state("flow_run", run_id, "RUNNING", 1e9, owner=STRANGER))
    assert server.send(crashed) == (1, 0)


@pytest.mark.parametrize("type_", ["RUNNING", "SCHEDULED", "PAUSED", "COMPLETED"])
def test_record_after_an_inferred_crash_is_applied(server: Server, type_: str) -> None:
    run_id = create(server, "PENDING", "RUNNING", "CRASHED")
    assert server.send(state("flow_run", run_id, type_, 9, owner=OWNER)) == (1, 0)
    assert server.row(run_id)["state_type"] == type_


@pytest.mark.parametrize(
    ("result", "reason"),
    [
        (
            {"format": "pickle", "body": "gASVAgAAAAAAAABOLg=="},
            "its result is a pickle, which a server does not accept",
        ),
        ({"format": "json", "body": "x" * 65536}, "its result has more than 65536 bytes"),
    ],
)
def test_record_with_a_bad_result_is_dead_lettered(server: Server, result: Any, reason: str) -> None:
    run_id = create(server, "PENDING", "RUNNING")
    assert server.send(state("flow_run", run_id, "COMPLETED", 5, owner=OWNER, result=result)) == (1, 1)
    assert server.reasons == [reason]


def test_record_with_a_small_json_result_is_applied(server: Server) -> None:
    result = {"format": "json", "body": {"x": 1}}
    run_id = create(server, "PENDING", "COMPLETED", result=result)
    assert server.row(run_id)["result"]["body"] == {"x": 1}
