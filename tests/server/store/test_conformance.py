"""What every database must do alike: verbs, values, transactions, units of work, and what they tell."""

from __future__ import annotations

import asyncio
import functools
import math
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest

from prefect.server import store
from prefect.server.db.errors import Duplicate, StoreError, StoreUnavailable, Unstorable
from prefect.server.db.interface import Database, Notifications, Transaction
from prefect.server.db.schema.tables import Column, Kind
from prefect.server.db.sql import Sql, one_of
from prefect.server.store import Collection, Row
from prefect.types import new_id

COLLECTIONS = {value.table.name: value for value in vars(store).values() if isinstance(value, Collection)}
AT = datetime(2026, 11, 25, 12, 30, 15, 123456, tzinfo=UTC)

SAMPLES: dict[Kind, Any] = {
    "uuid": UUID(int=2**127 + 5),
    "text": 'Grüße, "世界" \\ 🌍 %_?$1',
    "int": 2**62,
    "float": 0.1,
    "bool": True,
    "time": AT,
    "duration": timedelta(days=400, microseconds=7),
    "json": {"a": [1, 2.5, None, True, "ü"], "b": {}},
    "array": ["x", "y z"],
    "object": {"k": {"n": [1]}},
    "bytes": bytes(range(256)),
}


def row(collection: Collection, number: int = 1, **more: Any) -> Row:
    """An object with a value in every column; those of different numbers share none that must be unique."""
    return {column.name: _sample(column, number) for column in collection.table.columns} | more


def _sample(column: Column, number: int) -> Any:
    value = SAMPLES[column.kind]
    if column.kind == "uuid":
        return UUID(int=value.int + number)
    if column.kind == "text":
        return f"{value}{number}"
    return value + timedelta(seconds=number) if column.kind == "time" else value


async def put(database: Database, key: str, value: str) -> None:
    await database.write(lambda tx: store.meta.put(tx, {"key": key, "value": value}))


async def get(database: Database, key: str) -> str | None:
    found = await database.read(lambda tx: store.meta.get(tx, key))
    return found["value"] if found else None


@pytest.fixture(params=COLLECTIONS)
def collection(request: pytest.FixtureRequest) -> Collection:
    return COLLECTIONS[request.param]


# --- verbs -----------------------------------------------------------------------------------------------------------


async def test_find_returns_rows_as_added_for_every_table(database: Database, collection: Collection) -> None:
    key = collection.table.key
    one, two = row(collection), row(collection, 2)
    least = {name: one[name] for name in (*collection.table.required, key)} | {key: row(collection, 3)[key]}
    for name, kind in collection.table.kinds.items():
        if name in least and name != key and kind in ("text", "uuid", "time"):
            least[name] = row(collection, 3)[name]

    async def fill(tx: Transaction) -> list[int]:
        return [await collection.add(tx, some) for some in ([one, two], [one, least], [])]

    assert await database.write(fill) == [2, 1, 0]

    async def look(tx: Transaction) -> list[Any]:
        return [
            await collection.get(tx, one[key]),
            await collection.get(tx, row(collection, 9)[key]),
            await collection.get_many(tx, [two[key], one[key], row(collection, 9)[key]]),
            await collection.count(tx),
            [found[key] for found in await collection.find(tx, order=f"{collection.table.name}.{key}")],
            await collection.get(tx, least[key]),
        ]

    first, none, some, count, keys, fewest = await database.read(look)
    assert (first, none, some, count) == (one, None, {one[key]: one, two[key]: two}, 3)
    assert keys == [one[key], two[key], least[key]]
    empty = {"array": [], "object": {}}
    assert fewest == {name: least.get(name, empty.get(kind)) for name, kind in collection.table.kinds.items()}


async def test_change_and_remove_work_for_every_table(database: Database, collection: Collection) -> None:
    key = collection.table.key
    one, two, three = (row(collection, number) for number in (1, 2, 3))
    names = [name for name in collection.table.names if name != key]
    if collection.table.clustered:
        names = [name for name in names if name not in collection.table.clustered]
    changed = {name: three[name] for name in names} | {key: one[key]}

    async def change(tx: Transaction) -> list[int]:
        await collection.add(tx, [one, two])
        return [
            await collection.change(tx, [changed, row(collection, 9)], names),
            await collection.change(tx, [], names),
            await collection.remove(tx, one_of(f"{collection.table.name}.{key}", [two[key]])),
            await collection.remove(tx, one_of(f"{collection.table.name}.{key}", [two[key]])),
        ]

    assert await database.write(change) == [1, 0, 1, 0]
    assert await database.read(lambda tx: collection.find(tx)) == [one | changed]


async def test_put_adds_or_changes(database: Database) -> None:
    await put(database, "a", "1")
    await put(database, "a", "2")
    assert await get(database, "a") == "2"


async def test_find_takes_pages_columns_and_many_values(database: Database) -> None:
    rows = [{"key": f"{number:04}", "value": "x"} for number in range(1200)]

    async def fill(tx: Transaction) -> None:
        await store.meta.add(tx, rows)

    await database.write(fill)

    async def look(tx: Transaction) -> list[Any]:
        async def keys(**more: Any) -> list[str]:
            return [found["key"] for found in await store.meta.find(tx, order="meta.key DESC", **more)]

        every = [item["key"] for item in rows]
        return [
            await keys(limit=2),
            await keys(limit=2, offset=1199),
            await keys(offset=1198),
            await keys(limit=0),
            await store.meta.find(tx, one_of("meta.key", ["0007"]), columns=["value"]),
            len(await store.meta.get_many(tx, every)),
            await store.meta.count(tx, one_of("meta.key", every)),
            await store.meta.count(tx, one_of("meta.key", [])),
        ]

    assert await database.read(look) == [
        ["1199", "1198"], ["0000"], ["0001", "0000"], [], [{"value": "x"}], 1200, 1200, 0,
    ]  # fmt: skip


# --- values ----------------------------------------------------------------------------------------------------------

KEPT: list[tuple[str, str, Any]] = [
    ("concurrency_limit", "limit_", 2**63 - 1),
    ("concurrency_limit", "limit_", -(2**63)),
    ("concurrency_limit", "slot_decay_per_second", math.inf),
    ("concurrency_limit", "slot_decay_per_second", 5e-324),
    ("flow_run", "created", datetime(1, 1, 1, tzinfo=UTC)),
    ("flow_run", "created", datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)),
    ("flow_run", "total_run_time", timedelta(days=-1, microseconds=1)),
    ("flow_run", "total_run_time", timedelta(days=36500)),
    ("flow_run", "auto_scheduled", False),
    ("flow_run", "name", ""),
    ("flow_run", "name", "'); DROP TABLE flow_run; --"),
    ("flow_run", "name", "a\u0301\u200d\U0001f469\u200d\U0001f52c\x01\x1f\x7f\n\r\t"),
    ("flow_run", "job_variables", []),
    ("flow_run", "job_variables", {}),
    ("flow_run", "job_variables", False),
    ("flow_run", "job_variables", 0),
    ("flow_run", "job_variables", ""),
    ("flow_run", "job_variables", {"": {"\u2028": ["\\u0000", "\\", '"']}}),
    ("flow_run", "result", {"n": 2**64 - 1, "f": 1e308, "neg": -(2**63)}),
    ("flow_run", "tags", ["", "a,b", '"', "ü"]),
    ("event", "body", b""),
    ("event", "body", b"\0\xff" * 50_000),
]


@pytest.mark.parametrize(
    ("table", "name", "value"), KEPT, ids=[f"{name}-{str(value)[:20]!a}" for _, name, value in KEPT]
)
async def test_limits_of_values_round_trip(database: Database, table: str, name: str, value: Any) -> None:
    collection = COLLECTIONS[table]
    sample = row(collection, **{name: value})
    await database.write(lambda tx: collection.add(tx, [sample]))
    found = (await database.read(lambda tx: collection.find(tx)))[0][name]
    assert (found, type(found)) == (value, type(value))


async def test_deep_and_large_json_round_trips(database: Database) -> None:
    deep: Any = "bottom"
    for _ in range(200):
        deep = [deep]
    sample = row(store.flow_runs, parameters={"deep": deep, "large": "x" * 3_000_000})
    await database.write(lambda tx: store.flow_runs.add(tx, [sample]))
    assert (await database.read(lambda tx: store.flow_runs.find(tx)))[0]["parameters"] == sample["parameters"]


async def test_times_of_any_time_zone_round_trip(database: Database) -> None:
    east = timezone(timedelta(hours=9))
    sample = row(store.flow_runs, created=AT.astimezone(east), updated=AT.replace(tzinfo=None))
    await database.write(lambda tx: store.flow_runs.add(tx, [sample]))

    async def look(tx: Transaction) -> tuple[Row, int]:
        condition = Sql("flow_run.created = ? AND flow_run.updated <= ?", (AT.astimezone(east), AT))
        return (await store.flow_runs.find(tx))[0], await store.flow_runs.count(tx, condition)

    found, count = await database.read(look)
    assert (found["created"], found["updated"], count) == (AT, AT, 1)
    assert found["created"].tzinfo is UTC or found["created"].utcoffset() == timedelta(0)


async def test_nul_character_is_never_refused(database: Database) -> None:
    sample = row(store.flow_runs, name="a\0b", parameters={"k\0": ["v\0", "\\u0000"]}, tags=["t\0"])
    await database.write(lambda tx: store.flow_runs.add(tx, [sample]))
    found = (await database.read(lambda tx: store.flow_runs.find(tx, one_of("flow_run.name", ["a\0b"]))))[0]
    assert found["name"].replace("\0", "") == "ab"
    parameters = {
        key.replace("\0", ""): [item.replace("\0", "") for item in value] for key, value in found["parameters"].items()
    }
    assert parameters == {"k": ["v", "\\u0000"]}


def _nested(depth: int) -> Any:
    return functools.reduce(lambda value, _: [value], range(depth), [])


REFUSED: list[tuple[str, Any]] = [
    ("run_count", 2**63),
    ("run_count", 10**40),
    ("job_variables", _nested(2000)),
    ("job_variables", {"o": object()}),
]


@pytest.mark.parametrize("value", [{"n": 2**64}, {"n": [-(10**40)]}, {"s": "\ud800"}, {"\udc00": 1}], ids=range(4))
async def test_json_outside_of_the_common_range_is_kept_exactly(database: Database, value: Any) -> None:
    await database.write(lambda tx: store.flow_runs.add(tx, [row(store.flow_runs, job_variables=value)]))
    assert [found["job_variables"] for found in await database.read(store.flow_runs.find)] == [value]


@pytest.mark.parametrize(("name", "value"), REFUSED, ids=range(len(REFUSED)))
async def test_unstorable_value_is_refused(database: Database, name: str, value: Any) -> None:
    sample = row(store.flow_runs, **{name: value})
    with pytest.raises(Unstorable, match="cannot be stored: "):
        await database.write(lambda tx: store.flow_runs.add(tx, [sample]))
    if name != "job_variables":
        with pytest.raises(Unstorable, match="cannot be stored: "):
            await database.read(lambda tx: store.flow_runs.count(tx, Sql(f"flow_run.{name} = ?", (value,))))
    await put(database, "still", "works")


async def test_required_column_must_not_be_null(database: Database) -> None:
    with pytest.raises(StoreError, match=r"(?i)null"):
        await database.write(lambda tx: store.flows.add(tx, [{"id": new_id()}]))


async def test_duplicate_row_is_skipped_by_add_and_refused_by_change(database: Database) -> None:
    one, two = ({**row(store.variables, number), "name": name} for number, name in ((1, "a"), (2, "b")))

    async def fill(tx: Transaction) -> int:
        return await store.variables.add(tx, [one, two, {**row(store.variables, 3), "name": "a"}])

    assert await database.write(fill) == 2
    with pytest.raises(Duplicate, match="already"):
        await database.write(lambda tx: store.variables.change(tx, [{**two, "name": "a"}], ["name"]))
    assert await database.read(lambda tx: store.variables.count(tx, one_of("variable.name", ["a"]))) == 1


async def test_a_statement_that_is_wrong_is_no_riddle(database: Database) -> None:
    for transact in (database.read, database.write):
        with pytest.raises(StoreError, match="nowhere"):
            await transact(lambda tx: tx.fetch(Sql("SELECT 1 FROM nowhere")))
    assert await get(database, "a") is None


# --- transactions and units of work ----------------------------------------------------------------------------------


class Trouble(Exception):
    """What a unit of work raises here."""


async def test_failed_unit_is_rolled_back_alone(database: Database) -> None:
    async def unit(number: int) -> None:
        async def work(tx: Transaction) -> None:
            await store.meta.put(tx, {"key": str(number), "value": "x"})
            if number % 3 == 0:
                raise Trouble(str(number))

        await database.write(work)

    outcomes = await asyncio.gather(*(unit(number) for number in range(30)), return_exceptions=True)
    assert [str(outcome) for outcome in outcomes if outcome] == [str(number) for number in range(0, 30, 3)]
    assert await database.read(lambda tx: store.meta.count(tx)) == 20


async def test_failed_statement_rolls_back_only_its_unit(database: Database) -> None:
    async def unit(number: int) -> None:
        async def work(tx: Transaction) -> None:
            await store.meta.put(tx, {"key": str(number), "value": "x"})
            if number == 7:
                await tx.run(Sql("UPDATE nowhere SET x = 1"))

        await database.write(work)

    outcomes = await asyncio.gather(*(unit(number) for number in range(15)), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes if outcome] == [StoreError]
    assert await database.read(lambda tx: store.meta.count(tx)) == 14


async def test_read_transaction_cannot_write(database: Database) -> None:
    with pytest.raises(StoreError, match=r"(?i)read.?only"):
        await database.read(lambda tx: store.meta.add(tx, [{"key": "a", "value": "1"}]))
    async with database.reading() as tx:
        with pytest.raises(Exception, match=r"(?i)read.?only"):
            await store.meta.add(tx, [{"key": "a", "value": "1"}])
    assert await get(database, "a") is None
    await put(database, "a", "1")


async def test_read_transaction_sees_a_snapshot(database: Database) -> None:
    async with database.reading() as tx:
        before = await store.meta.count(tx)
        await put(database, "a", "1")
        assert (before, await store.meta.count(tx)) == (0, 0)
    assert await get(database, "a") == "1"


async def test_writing_block_is_all_or_nothing(database: Database) -> None:
    with pytest.raises(Trouble):
        async with database.writing() as tx:
            await store.meta.put(tx, {"key": "a", "value": "1"})
            raise Trouble
    async with database.writing() as tx:
        await store.meta.put(tx, {"key": "b", "value": "1"})
    assert (await get(database, "a"), await get(database, "b")) == (None, "1")


async def test_locked_rows_serialize_writers(database: Database) -> None:
    await put(database, "count", "0")

    async def add_one(tx: Transaction) -> None:
        found = await store.meta.get(tx, "count", lock=True)
        assert found is not None
        await store.meta.put(tx, {"key": "count", "value": str(int(found["value"]) + 1)})

    await asyncio.gather(*(database.write(add_one) for _ in range(40)))
    assert await get(database, "count") == "40"


async def test_get_many_locks_rows_in_key_order(database: Database) -> None:
    keys = [f"{number:02}" for number in range(20)]
    for key in keys:
        await put(database, key, "0")

    def adding(order: list[str]) -> Callable[[Transaction], Awaitable[None]]:
        async def work(tx: Transaction) -> None:
            found = await store.meta.get_many(tx, order, lock=True)
            rows = [{"key": key, "value": str(int(found[key]["value"]) + 1)} for key in order]
            await store.meta.change(tx, rows, ["value"])

        return work

    await asyncio.gather(*(database.write(adding(order)) for order in [keys, keys[::-1]] * 10))
    assert {await get(database, key) for key in keys} == {"20"}


async def test_cancelled_unit_is_all_or_nothing(database: Database) -> None:
    async def unit(number: int) -> None:
        async def work(tx: Transaction) -> None:
            await store.meta.add(tx, [{"key": f"{number}-{part}", "value": "x"} for part in range(50)])
            await store.meta.add(tx, [{"key": f"{number}-{part}", "value": "x"} for part in range(50, 100)])

        await database.write(work)

    tasks = [asyncio.create_task(unit(number)) for number in range(20)]
    for turn in range(20):
        await asyncio.sleep(0)
        tasks[turn].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.gather(*(unit(number) for number in range(100, 110)))
    count = await database.read(lambda tx: store.meta.count(tx))
    assert count % 100 == 0 and count >= 1000


async def test_units_queue_when_all_connections_are_in_use(database: Database) -> None:
    async def work(number: int) -> None:
        await put(database, str(number), "x")
        assert await get(database, str(number)) == "x"

    await asyncio.gather(*(work(number) for number in range(200)))
    assert await database.read(lambda tx: store.meta.count(tx)) == 200


async def test_closed_database_refuses_units(closed_database: Database) -> None:
    await closed_database.open()
    await put(closed_database, "a", "1")
    await closed_database.close()
    await closed_database.close()
    for transact in (closed_database.read, closed_database.write):
        with pytest.raises(StoreError, match="is closed"):
            await transact(lambda tx: store.meta.count(tx))
    await closed_database.open()
    assert await get(closed_database, "a") == "1"
    await closed_database.close()


async def test_close_finishes_queued_units(closed_database: Database) -> None:
    await closed_database.open()
    sample = [asyncio.ensure_future(put(closed_database, str(number), "x")) for number in range(20)]
    await asyncio.sleep(0)
    await closed_database.close()
    outcomes = await asyncio.gather(*sample, return_exceptions=True)
    await closed_database.open()
    assert await closed_database.read(lambda tx: store.meta.count(tx)) == outcomes.count(None)
    assert {type(outcome) for outcome in outcomes} <= {type(None), StoreUnavailable}, outcomes
    await closed_database.close()


# --- notifications ---------------------------------------------------------------------------------------------------


class Ears:
    """What was notifications, in order."""

    def __init__(self, database: Database) -> None:
        self._loop = asyncio.get_running_loop()
        self._news = asyncio.Event()
        self.notifications: Notifications = []
        database.listen(self._listen)

    def _listen(self, notifications: Notifications) -> None:
        self._loop.call_soon_threadsafe(self._keep, notifications)

    def _keep(self, notifications: Notifications) -> None:
        self.notifications += notifications
        self._news.set()

    async def wait_for(self, item: Any) -> Notifications:
        """What was notifications until `item` was."""
        async with asyncio.timeout(60):
            while all(pair[1] != item for pair in self.notifications):
                self._news.clear()
                await self._news.wait()
        return self.notifications


def notifying(*items: Any, error: Exception | None = None) -> Callable[[Transaction], Awaitable[None]]:
    async def work(tx: Transaction) -> None:
        for item in items:
            tx.notify("topic", item)
        if error is not None:
            raise error

    return work


async def ready(database: Database, listener: Ears) -> None:
    """PostgreSQL's listener connects in the background: tell something until it is wait_for."""
    async with asyncio.timeout(60):
        while not any(pair[1] == "ready" for pair in listener.notifications):
            await database.write(notifying("ready"))
            await asyncio.sleep(0.01)


async def test_notification_is_delivered_after_commit(database: Database) -> None:
    listener = Ears(database)
    await ready(database, listener)
    seen: list[int] = []

    async def work(tx: Transaction) -> None:
        await store.meta.put(tx, {"key": "a", "value": "1"})
        tx.notify("topic", {"id": "ü" * 10, "n": [1, None]})
        seen.append(sum(isinstance(pair[1], dict) for pair in listener.notifications))

    await database.write(work)
    with pytest.raises(Trouble):
        await database.write(notifying("never", error=Trouble()))
    await database.write(notifying("last"))
    notifications = [pair for pair in await listener.wait_for("last") if pair[1] != "ready"]
    assert seen == [0]
    assert notifications == [("topic", {"id": "ü" * 10, "n": [1, None]}), ("topic", "last")]


async def test_many_notifications_are_delivered_in_order(database: Database) -> None:
    listener = Ears(database)
    await ready(database, listener)
    items = [f"{number}-{'x' * 900}" for number in range(50)]
    await database.write(notifying(*items))
    await listener.wait_for(items[-1])
    assert [pair[1] for pair in listener.notifications if pair[1] != "ready"] == items
