"""Deleting runs takes everything of theirs from every table, by request and by retention, on both databases."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import httpx
import pytest

from prefect.server import store
from prefect.server.bus import Bus
from prefect.server.db.interface import Database, Transaction
from prefect.server.db.schema.tables import TABLES
from prefect.server.loops import Environment, retention
from prefect.server.store import Collection
from prefect.settings import get_current_settings
from prefect.types import now
from tests.server.store.rows import add, add_flow_run, add_task_run, uid

REMOVED = {"flow_run", "task_run", "log", "artifact", "flow_run_input", "dead_letter", "lease", "held_slot"}

KEPT = {
    "flow": "outlives its runs",
    "event": "has a retention period of its own; tells that the run was deleted",
    "cached_state": "other runs find it by its key until it expires",
    "process": "may own other runs",
    "cleanup": "the infrastructure of the run has yet to be torn down",
    "concurrency_limit": "gets its slots back",
    "observed_state": "is about all runs",
    **dict.fromkeys(("deployment", "deployment_schedule", "work_pool", "work_queue", "worker"), "outlives its runs"),
    **dict.fromkeys(("block_type", "block_schema", "block_document", "variable"), "belongs to no run"),
    **dict.fromkeys(("saved_search", "automation", "csrf_token", "leader", "meta"), "belongs to no run"),
    **dict.fromkeys(("asset", "asset_source"), "is what runs have made, as their events tell"),
    **dict.fromkeys(("event_queue", "held_event", "bucket", "firing", "action_job"), "belongs to automations"),
    **dict.fromkeys(("bulk_job", "bulk_result"), "tells what a job did to each run; the latest jobs are kept"),
}
"""The tables whose rows stay, each with the reason."""

COLLECTIONS = {value.table.name: value for value in vars(store).values() if isinstance(value, Collection)}

RUN, TASK_RUN, LONE_TASK_RUN = uid(1), uid(2), uid(3)

Delete = Callable[[httpx.AsyncClient, Database], Awaitable[None]]


async def fill(tx: Transaction, ended: datetime) -> None:
    """Add one row to every table that a flow run, its task run and a task run without a flow run have rows in."""
    over = {"end_time": ended, "type_": "COMPLETED"}
    await add_flow_run(tx, RUN.int, **over)
    await add_task_run(tx, TASK_RUN.int, flow_run_id=RUN, **over)
    await add_task_run(tx, LONE_TASK_RUN.int, tags=["t"], **over)
    owners = [(RUN, None), (RUN, TASK_RUN), (None, TASK_RUN), (None, LONE_TASK_RUN)]
    for number, (flow_run_id, task_run_id) in enumerate(owners, 10):
        for collection in (store.logs, store.artifacts):
            await add(tx, collection, number, flow_run_id=flow_run_id, task_run_id=task_run_id)
    for number, run in enumerate((RUN, TASK_RUN, LONE_TASK_RUN), 20):
        await add(tx, store.dead_letters, number, run_id=run)
    await add(tx, store.flow_run_inputs, 30, flow_run_id=RUN)


async def count_rows(database: Database) -> dict[str, int]:
    async def count(tx: Transaction) -> dict[str, int]:
        return {name: await COLLECTIONS[name].count(tx) for name in REMOVED}

    return {name: number for name, number in (await database.read(count)).items() if number}


async def delete_by_request(api: httpx.AsyncClient, _: Database) -> None:
    for path in (f"/flow_runs/{RUN}", f"/task_runs/{LONE_TASK_RUN}"):
        assert (await api.delete(path)).status_code == 204


async def delete_many(api: httpx.AsyncClient, _: Database) -> None:
    body = {"flow_runs": {"id": {"any_": [str(RUN)]}}}
    assert (await api.post("/flow_runs/bulk_delete", json=body)).json() == {"deleted": [str(RUN)]}
    assert (await api.delete(f"/task_runs/{LONE_TASK_RUN}")).status_code == 204


async def delete_by_retention(_: httpx.AsyncClient, database: Database) -> None:
    await retention.remove_flow_runs(Environment(database, Bus(), get_current_settings()))


def test_every_table_is_removed_from_or_kept_for_a_reason() -> None:
    assert {table.name for table in TABLES} == REMOVED | set(KEPT)
    about_runs = {table.name for table in TABLES if {"flow_run_id", "task_run_id"} & set(table.kinds)}
    assert about_runs <= REMOVED | {"event", "asset"}


@pytest.mark.parametrize("delete", [delete_by_request, delete_many, delete_by_retention])
async def test_deleted_runs_leave_nothing_in_any_table(
    api: httpx.AsyncClient, database: Database, delete: Delete
) -> None:
    await database.write(lambda tx: fill(tx, now() - timedelta(days=91)))
    assert set(await count_rows(database)) == REMOVED - {"lease", "held_slot"}
    await delete(api, database)
    assert await count_rows(database) == {}


async def test_deleting_a_task_run_leaves_its_flow_run(api: httpx.AsyncClient, database: Database) -> None:
    await database.write(lambda tx: fill(tx, now()))
    assert (await api.delete(f"/task_runs/{TASK_RUN}")).status_code == 204
    left = {"flow_run": 1, "task_run": 1, "log": 2, "artifact": 2, "flow_run_input": 1, "dead_letter": 2}
    assert await count_rows(database) == left


async def test_retention_keeps_runs_of_the_period(api: httpx.AsyncClient, database: Database) -> None:
    await database.write(lambda tx: fill(tx, now() - timedelta(days=89)))
    before = await count_rows(database)
    await delete_by_retention(api, database)
    assert await count_rows(database) == before


async def test_orphans_of_runs_that_are_gone_are_removed(database: Database) -> None:
    async def work(tx: Transaction) -> None:
        await fill(tx, now())
        await store.flow_runs.remove(tx, {"id": RUN})  # what arrives for a run after it was deleted
        await store.task_runs.remove(tx, {"id": LONE_TASK_RUN})
        await store.dead_letters.remove(tx, {})

    await database.write(work)
    await retention.remove_orphans(Environment(database, Bus(), get_current_settings()))
    assert await count_rows(database) == {}


async def test_deleted_run_gives_back_the_slots_of_its_leases(api: httpx.AsyncClient, database: Database) -> None:
    flow_id = (await api.post("/flows/", json={"name": "f"})).json()["id"]
    body = {"name": "d", "flow_id": flow_id, "concurrency_limit": 1}
    deployment = (await api.post("/deployments/", json=body)).json()["id"]
    await api.post("/concurrency_limits/", json={"tag": "t", "concurrency_limit": 1})
    run = (await api.post(f"/deployments/{deployment}/create_flow_run", json={})).json()["id"]
    for type_ in ("PENDING", "RUNNING"):
        state = {"state": {"type": type_}}
        assert (await api.post(f"/flow_runs/{run}/set_state", json=state)).json()["status"] == "ACCEPT"
    task_run = {"task_key": "k", "dynamic_key": "0", "flow_run_id": run, "tags": ["t"]}
    task_run_id = (await api.post("/task_runs/", json=task_run)).json()["id"]
    accepted = await api.post(f"/task_runs/{task_run_id}/set_state", json={"state": {"type": "RUNNING"}})
    assert accepted.json()["status"] == "ACCEPT"
    assert await database.read(store.leases.count) == 2
    assert (await api.delete(f"/flow_runs/{run}")).status_code == 204
    assert await database.read(store.leases.count) == 0
    limits = await database.read(store.concurrency_limits.find)
    assert [limit["active_slots"] for limit in limits] == [0, 0]
