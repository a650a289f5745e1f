"""Named queries of events, the catalog and upkeep, on both databases."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from prefect.server import store
from prefect.server.db.interface import Database, Transaction
from prefect.server.db.sql import TRUE, Sql
from prefect.server.services.events import event_store
from prefect.server.store.queries import automations, catalog, events, upkeep
from prefect.types import UTC
from tests.server.store.test_conformance import row

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def event_row(minutes: float, name: str = "a", resource: str = "thing.1") -> store.Row:
    return event_store.to_row(
        {
            "occurred": at(minutes),
            "received": at(minutes),
            "event": name,
            "resource": {"prefect.resource.id": resource},
            "related": [],
            "payload": {},
            "id": UUID(int=int(minutes * 10) + 1),
            "follows": None,
        }
    )


def uuid7(time: datetime, number: int = 0) -> UUID:
    return UUID(int=(int(time.timestamp() * 1000) << 80) + number)


async def add(database: Database, collection: store.Collection, *rows: store.Row) -> None:
    await database.write(lambda tx: collection.add(tx, rows))


async def stored_ids(database: Database, collection: store.Collection) -> set[Any]:
    return {each["id"] for each in await database.read(lambda tx: collection.find(tx, columns=["id"]))}


# --- events ----------------------------------------------------------------------------------------------------------


async def test_add_counts_new_events(database: Database) -> None:
    rows = [event_row(number) for number in range(3)]
    for added, number in ((rows[:1], 1), (rows[:1], 0), (rows, 2)):
        assert await database.write(lambda tx, added=added: events.add(tx, added)) == (number, None)
    assert await stored_ids(database, store.events) == {each["id"] for each in rows}


async def test_add_returns_the_revision_of_the_enabled_automations(database: Database) -> None:
    async def add_event() -> tuple[str | None, str | None]:
        """Add an event; return the revision, and that which follows from the versions."""
        _, revision = await database.write(lambda tx: events.add(tx, [event_row(0)]))
        return revision, automations.describe_revision(await database.read(automations.find_versions))

    first, second, disabled = ({**row(store.automations, number), "id": uuid4()} for number in (1, 2, 3))
    await add(database, store.automations, {**disabled, "enabled": False})
    seen = [await add_event()]
    for each in (first, second):
        await add(database, store.automations, {**each, "enabled": True, "updated": at(1)})
        seen.append(await add_event())
    later = {"id": second["id"], "updated": at(2)}
    await database.write(lambda tx: store.automations.change(tx, [later], ["updated"]))
    seen.append(await add_event())
    assert seen[0][0] is None
    assert all(revision == described for revision, described in seen)
    assert len(set(seen)) == 4


async def test_revision_is_another_one_while_events_are_held(database: Database) -> None:
    await add(database, store.automations, {**row(store.automations, 1), "enabled": True})
    await add(database, store.held_events, row(store.held_events, 1))
    _, revision = await database.write(lambda tx: events.add(tx, [event_row(0)]))
    assert revision not in (None, automations.describe_revision(await database.read(automations.find_versions)))


async def test_find_by_keys_returns_events_in_order_and_skips_missing_ones(database: Database) -> None:
    rows = [event_row(number) for number in range(3)]
    await add(database, store.events, *rows)
    keys = [(each["occurred"], each["id"]) for each in rows]
    wanted = [keys[2], keys[0], (at(1), uuid4())]
    found = await database.read(lambda tx: events.find_by_keys(tx, wanted))
    assert [each["id"] for each in found] == [rows[0]["id"], rows[2]["id"]]
    assert await database.read(lambda tx: events.find_by_keys(tx, [])) == []


@pytest.mark.parametrize("descending", [False, True])
async def test_find_after_pages_through_events_that_occurred_together(database: Database, descending: bool) -> None:
    rows = [{**event_row(number // 3), "id": UUID(int=number + 1)} for number in range(9)]
    await add(database, store.events, *rows)
    ordered = rows[::-1] if descending else rows
    found: list[UUID] = []
    after: events.EventKey | None = None
    while page := await database.read(
        lambda tx, after=after: events.find_after(tx, TRUE, after, 2, descending=descending)
    ):
        found += [each["id"] for each in page]
        after = (page[-1]["occurred"], page[-1]["id"])
    assert found == [each["id"] for each in ordered]


async def test_find_after_keeps_to_its_condition(database: Database) -> None:
    await add(database, store.events, event_row(0, "a"), event_row(1, "b"), event_row(2, "b"))
    where = Sql("event.event = ?", ("b",))
    found = await database.read(lambda tx: events.find_after(tx, where, (at(1), UUID(int=11)), 10))
    assert [each["occurred"] for each in found] == [at(2)]


async def test_count_by_name_returns_numbers_and_times(database: Database) -> None:
    await add(database, store.events, event_row(0, "a"), event_row(1, "b"), event_row(2, "a"))
    counts = await database.read(lambda tx: events.count_by_name(tx, TRUE))
    assert sorted(counts) == [("a", 2, at(0), at(2)), ("b", 1, at(1), at(1))]
    assert await database.read(lambda tx: events.count(tx, TRUE)) == 3


async def test_count_by_resource_returns_the_last_event_of_each(database: Database) -> None:
    await add(database, store.events, event_row(0), event_row(1, resource="thing.2"), event_row(2, "z"))
    counts = await database.read(lambda tx: events.count_by_resource(tx, TRUE))
    found = {event["resource"]: (event["event"], number, first, last) for event, number, first, last in counts}
    assert found == {"thing.1": ("z", 2, at(0), at(2)), "thing.2": ("a", 1, at(1), at(1))}


async def test_count_by_bucket_numbers_buckets_from_the_start(database: Database) -> None:
    await add(database, store.events, *(event_row(minutes) for minutes in (0, 9.9, 10, 35)))
    counts = await database.read(lambda tx: events.count_by_bucket(tx, TRUE, START, timedelta(minutes=10)))
    assert counts == {0: 2, 1: 1, 3: 1}


async def test_remove_expired_removes_batches_oldest_first(database: Database) -> None:
    await add(database, store.events, *(event_row(number) for number in range(5)))

    async def remove(tx: Transaction, after: events.EventKey | None) -> list[events.EventKey]:
        return await events.remove_expired(tx, at(4), {}, after, 3)

    first = await database.write(lambda tx: remove(tx, None))
    assert [occurred for occurred, _ in first] == [at(0), at(1), at(2)]
    assert [occurred for occurred, _ in await database.write(lambda tx: remove(tx, first[-1]))] == [at(3)]
    assert await database.read(lambda tx: events.count(tx, TRUE)) == 1


async def test_remove_expired_keeps_to_the_ends_of_names(database: Database) -> None:
    await add(database, store.events, *(event_row(minutes, name) for minutes, name in enumerate("abcab")))
    own_ends = {"a": at(0), "b": at(5)}
    removed = await database.write(lambda tx: events.remove_expired(tx, at(3), own_ends, None, 10))
    assert [occurred for occurred, _ in removed] == [at(1), at(2), at(4)]


async def test_has_events_before_compares_times(database: Database) -> None:
    assert not await database.read(lambda tx: events.has_events_before(tx, at(9)))
    await add(database, store.events, event_row(1))
    assert not await database.read(lambda tx: events.has_events_before(tx, at(1)))
    assert await database.read(lambda tx: events.has_events_before(tx, at(1.1)))


# --- catalog ---------------------------------------------------------------------------------------------------------


def artifact(number: int, key: str | None) -> store.Row:
    return {"id": UUID(int=number), "created": at(number), "updated": at(number), "key": key, "type": f"t{number}"}


async def test_latest_artifacts_holds_for_the_last_of_each_key(database: Database) -> None:
    await add(database, store.artifacts, artifact(1, "a"), artifact(2, "a"), artifact(3, "b"), artifact(4, None))
    latest = await database.read(lambda tx: store.artifacts.find(tx, catalog.latest_artifacts(TRUE)))
    assert {each["id"].int for each in latest} == {2, 3}
    older = catalog.latest_artifacts(Sql("artifact.type = ?", ("t1",)))
    assert await database.read(lambda tx: store.artifacts.find(tx, older)) == []
    found = await database.read(lambda tx: catalog.find_latest_artifact(tx, "a"))
    assert found is not None and found["id"].int == 2
    assert await database.read(lambda tx: catalog.find_latest_artifact(tx, "none")) is None


async def test_find_existing_keys_disregards_the_artifacts_themselves(database: Database) -> None:
    await add(database, store.artifacts, artifact(1, "a"), artifact(2, "b"))
    rows = [artifact(1, "a"), artifact(3, "b"), artifact(4, "c")]
    assert await database.read(lambda tx: catalog.find_existing_keys(tx, rows)) == {"b"}


async def test_find_capabilities_joins_those_of_all_schemas(database: Database) -> None:
    schemas = [
        {**row(store.block_schemas, number), "id": uuid4(), "checksum": str(number), "capabilities": capabilities}
        for number, capabilities in enumerate((["read", "write"], ["write", "run"], []))
    ]
    await add(database, store.block_schemas, *schemas)
    assert await database.read(catalog.find_capabilities) == {"read", "write", "run"}


async def test_find_related_automations_finds_owned_and_named_ones(database: Database) -> None:
    rows = [
        {**row(store.automations, number), "id": uuid4(), "name": name, "owner_resource": owner, "related": related}
        for number, (name, owner, related) in enumerate(
            [("c", "x.1", []), ("a", None, ["x.1", "x.2"]), ("b", "x.2", ["x.3"])]
        )
    ]
    await add(database, store.automations, *rows)
    found = await database.read(lambda tx: catalog.find_related_automations(tx, "x.1"))
    assert [each["name"] for each in found] == ["a", "c"]


async def test_find_runs_mentioning_finds_the_run_of_a_state(database: Database) -> None:
    state = {"id": str(uuid4()), "type": "RUNNING", "timestamp": 0}
    run = {**row(store.task_runs, 1), "id": uuid4(), "states": [state]}
    await add(database, store.task_runs, run, {**row(store.task_runs, 2), "id": uuid4(), "states": []})
    found = await database.read(lambda tx: catalog.find_runs_mentioning(tx, store.task_runs, UUID(state["id"])))
    assert [each["id"] for each in found] == [run["id"]]


# --- upkeep ----------------------------------------------------------------------------------------------------------


async def test_take_leadership_waits_until_the_leader_has_run_out(database: Database) -> None:
    await add(database, store.leaders, {"name": "loop", "owner": "one", "until": at(10)})

    def take(owner: str, now: datetime) -> Any:
        return database.write(lambda tx: upkeep.take_leadership(tx, "loop", owner, now + timedelta(minutes=5), now))

    assert await take("one", at(8)) is True
    assert await take("two", at(12)) is False
    assert await take("two", at(14)) is True
    assert await take("one", at(15)) is False


async def test_find_csrf_token_disregards_expired_ones(database: Database) -> None:
    token = {"id": uuid4(), "created": at(0), "updated": at(0), "client": "c", "token": "t", "expiration": at(5)}
    await add(database, store.csrf_tokens, token)
    assert await database.read(lambda tx: upkeep.find_csrf_token(tx, "c", at(5))) == "t"
    assert await database.read(lambda tx: upkeep.find_csrf_token(tx, "c", at(6))) is None
    assert await database.read(lambda tx: upkeep.find_csrf_token(tx, "d", at(5))) is None
    await database.write(lambda tx: upkeep.remove_expired_csrf_tokens(tx, at(5)))
    assert await database.read(lambda tx: store.csrf_tokens.count(tx)) == 1
    await database.write(lambda tx: upkeep.remove_expired_csrf_tokens(tx, at(6)))
    assert await database.read(lambda tx: store.csrf_tokens.count(tx)) == 0


async def test_remove_older_goes_by_the_time_in_ids(database: Database) -> None:
    rows = [{**row(store.logs, number), "id": uuid7(START + number * DAY)} for number in range(4)]
    await add(database, store.logs, *rows)
    assert await database.write(lambda tx: upkeep.remove_older(tx, store.logs, START + 3 * DAY, 2)) == 2
    assert await stored_ids(database, store.logs) == {rows[2]["id"], rows[3]["id"]}
    assert await database.write(lambda tx: upkeep.remove_older(tx, store.logs, START + 3 * DAY, 2)) == 1


async def test_remove_orphans_keeps_rows_of_existing_runs_and_young_ones(database: Database) -> None:
    run = {**row(store.flow_runs, 1), "id": uuid4()}
    await add(database, store.flow_runs, run)
    no_owner = {"task_run_id": None, "worker_id": None}
    logs = [
        {**row(store.logs, number), **no_owner, "id": uuid7(time, number), "flow_run_id": flow_run_id}
        for number, (time, flow_run_id) in enumerate(
            [(START, uuid4()), (START, run["id"]), (START, None), (START + DAY, uuid4())]
        )
    ]
    await add(database, store.logs, *logs)
    assert await database.write(lambda tx: upkeep.remove_orphans(tx, store.logs, START + DAY, 10)) == 1
    assert await stored_ids(database, store.logs) == {each["id"] for each in logs[1:]}
