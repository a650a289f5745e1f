"""Slots of limits and leases, on both databases: never one too many, also under simultaneous requests."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from prefect.server import store
from prefect.server.db.interface import Database, Transaction
from prefect.server.services.concurrency import leases, limits, tag_limits
from prefect.server.services.core.errors import InvalidRequest, Locked
from prefect.types import new_id

MINUTE = timedelta(minutes=1)


async def add(database: Database, name: str = "door", limit: int = 2, **values: Any) -> UUID:
    row = await database.write(lambda tx: limits.add(tx, {"name": name, "limit_": limit, **values}))
    return row["id"]


async def active(database: Database, id_: UUID) -> int:
    return (await database.read(lambda tx: limits.read(tx, id_)))["active_slots"]


async def test_take_slots_is_all_or_nothing(database: Database) -> None:
    wide, narrow = await add(database, "wide", 5), await add(database, "narrow", 1)
    assert await database.write(lambda tx: limits.take_slots(tx, [wide, narrow]))
    assert not await database.write(lambda tx: limits.take_slots(tx, [wide, narrow]))
    assert (await active(database, wide), await active(database, narrow)) == (1, 1)
    await database.write(lambda tx: limits.release_slots(tx, [wide, narrow], 3))
    assert (await active(database, wide), await active(database, narrow)) == (0, 0)


async def test_inactive_or_missing_limit_grants_slots(database: Database) -> None:
    off = await add(database, "off", 0, active=False)
    assert await database.write(lambda tx: limits.take_slots(tx, [off, new_id()], 10))
    assert await active(database, off) == 0


async def test_simultaneous_takes_never_exceed_the_limit(database: Database) -> None:
    first, second = await add(database, "first", 7), await add(database, "second", 9)

    async def attempt(order: list[UUID]) -> bool:
        return await database.write(lambda tx: limits.take_slots(tx, order))

    orders = [[first, second], [second, first]] * 20
    assert sum(await asyncio.gather(*map(attempt, orders))) == 7
    assert (await active(database, first), await active(database, second)) == (7, 7)


async def test_decay_keeps_fractions_of_slots(database: Database) -> None:
    id_ = await add(database, "rate", 10, slot_decay_per_second=0.5)
    await database.write(lambda tx: limits.take_slots(tx, [id_], 6))
    await _age(database, id_, 5.0)
    assert await active(database, id_) == 4  # two and a half have gone
    assert await database.write(lambda tx: limits.take_slots(tx, [id_], 6))
    await _age(database, id_, 1.1)
    assert await active(database, id_) == 9  # the half and the new one are a whole
    await _age(database, id_, 1000)
    assert await active(database, id_) == 0


async def _age(database: Database, id_: UUID, seconds: float) -> None:
    async def age(tx: Transaction) -> None:
        row = await store.concurrency_limits.get(tx, id_)
        assert row is not None
        row["updated"] -= timedelta(seconds=seconds)
        await store.concurrency_limits.change(tx, [row], ["updated"])

    await database.write(age)


async def test_refused_acquire_names_the_wait(database: Database) -> None:
    await add(database)
    await add(database, "rate", 1, slot_decay_per_second=0.01)
    await database.write(lambda tx: limits.acquire_slots(tx, ["door", "unknown"], 2))
    with pytest.raises(Locked) as full:
        await database.write(lambda tx: limits.acquire_slots(tx, ["door"], 1))
    assert full.value.retry_after is not None and 0 < full.value.retry_after <= 45
    with pytest.raises(InvalidRequest):
        await database.write(lambda tx: limits.acquire_slots(tx, ["door"], 3))
    with pytest.raises(InvalidRequest, match="'door'"):
        await database.write(lambda tx: limits.acquire_slots(tx, ["door", "rate"], 1, "rate_limit"))
    await database.write(lambda tx: limits.acquire_slots(tx, ["rate"], 1, "rate_limit"))
    with pytest.raises(Locked) as slow:
        await database.write(lambda tx: limits.acquire_slots(tx, ["rate"], 1, "rate_limit"))
    assert slow.value.retry_after is not None and 60 < slow.value.retry_after < 130


async def test_wait_follows_the_average_occupancy(database: Database) -> None:
    id_ = await add(database, limit=1)
    await database.write(lambda tx: limits.take_slots(tx, [id_]))
    await database.write(lambda tx: limits.release_by_name(tx, ["door"], 1, 20.0))
    await database.write(lambda tx: limits.take_slots(tx, [id_]))
    with pytest.raises(Locked) as full:
        await database.write(lambda tx: limits.acquire_slots(tx, ["door"], 1))
    assert full.value.retry_after is not None and 15 <= full.value.retry_after <= 25


# --- leases ----------------------------------------------------------------------------------------------------------


async def hold(database: Database, id_: UUID, length: timedelta | None = MINUTE, slots: int = 1) -> UUID:
    lease = await database.write(lambda tx: leases.take_slots(tx, [id_], slots, length))
    assert lease is not None
    return lease


async def test_end_lease_releases_slots_once(database: Database) -> None:
    id_ = await add(database, limit=10)
    await hold(database, id_, slots=4)
    lease = await hold(database, id_, slots=3)
    ended = await asyncio.gather(*(database.write(lambda tx: leases.end_lease(tx, lease)) for _ in range(10)))
    assert sum(ended) == 1
    assert await active(database, id_) == 4
    assert not await database.write(lambda tx: leases.renew_lease(tx, lease, MINUTE))


async def test_expired_leases_release_their_slots(database: Database) -> None:
    one, other = await add(database, "one", 10), await add(database, "other", 10)
    past = -MINUTE
    late = [await hold(database, one, past), await hold(database, one, past, 2), await hold(database, other, past)]
    kept = [await hold(database, one), await hold(database, other, None)]
    renewed = late.pop()
    assert await database.write(lambda tx: leases.renew_lease(tx, renewed, MINUTE))
    assert await database.write(leases.end_expired) == 2
    assert await database.write(leases.end_expired) == 0
    assert (await active(database, one), await active(database, other)) == (1, 2)
    for lease in (*kept, renewed):
        assert await database.read(lambda tx, lease=lease: leases.is_held(tx, lease))


async def test_lease_of_a_deleted_limit_ends(database: Database) -> None:
    id_ = await add(database)
    lease = await hold(database, id_)
    await database.write(lambda tx: limits.remove(tx, id_))
    assert await database.write(lambda tx: leases.end_lease(tx, lease))


# --- tags ------------------------------------------------------------------------------------------------------------


async def test_task_run_holds_one_slot_of_each_tag(database: Database) -> None:
    red, blue = await add(database, "tag:red", 1), await add(database, "tag:blue", 2)
    run, other = new_id(), new_id()
    for _ in range(2):
        assert await database.write(lambda tx: tag_limits.take_slots(tx, run, [red, blue]))
    assert await database.read(lambda tx: tag_limits.find_held_limits(tx, run)) == {red, blue}
    assert not await database.write(lambda tx: tag_limits.take_slots(tx, other, [red, blue]))
    assert await database.read(lambda tx: tag_limits.find_held_limits(tx, other)) == set()
    await database.write(lambda tx: tag_limits.release_slots(tx, run, [red]))
    assert await database.write(lambda tx: tag_limits.take_slots(tx, other, [red, blue]))
    for _ in range(2):
        await database.write(lambda tx: tag_limits.release_slots(tx, run))
    assert (await active(database, red), await active(database, blue)) == (1, 1)


async def test_simultaneous_task_runs_never_exceed_a_tag_limit(database: Database) -> None:
    red, blue = await add(database, "tag:red", 3), await add(database, "tag:blue", 5)
    runs = [new_id() for _ in range(8)]

    async def attempt(run: UUID) -> bool:
        return await database.write(lambda tx: tag_limits.take_slots(tx, run, [blue, red]))

    taken = await asyncio.gather(*map(attempt, runs * 3))
    assert len({run for run, got in zip(runs * 3, taken, strict=True) if got}) == 3
    assert (await active(database, red), await active(database, blue)) == (3, 3)
    await asyncio.gather(*(database.write(lambda tx, run=run: tag_limits.release_slots(tx, run)) for run in runs * 2))
    assert (await active(database, red), await active(database, blue)) == (0, 0)
    assert await database.read(store.leases.count) == 0


async def test_simultaneous_take_and_release_of_a_task_run_agree(database: Database) -> None:
    run, tags = new_id(), ["t"]
    await database.write(lambda tx: tag_limits.put(tx, "t", 3))

    async def turn() -> None:
        await database.write(lambda tx: tag_limits.acquire_slots(tx, tags, run))
        await database.write(lambda tx: tag_limits.release_by_tags(tx, tags, run))

    await asyncio.gather(*(turn() for _ in range(60)))
    (limit,) = await database.read(lambda tx: tag_limits.find_by_tags(tx, tags))
    assert limit["occupied"] == 0
    assert await database.read(lambda tx: tag_limits.find_held_limits(tx, run)) == set()
