"""Leases that wait for slots, on both databases: who gets them, in which order, and who does not."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from prefect import _processes
from prefect.server import store
from prefect.server.db.interface import Database, Transaction
from prefect.server.services.concurrency import leases, limits
from prefect.server.services.core.errors import Locked
from prefect.types import new_id, now
from tests.server.route_calls import call_route

MINUTE = timedelta(minutes=1)


async def add(database: Database, name: str = "door", limit: int = 1, **values: object) -> UUID:
    row = await database.write(lambda tx: limits.add(tx, {"name": name, "limit_": limit, **values}))
    return row["id"]


def wanted(*names: str, slots: int = 1, wait: timedelta = MINUTE, **more: object) -> leases.SlotRequest:
    request = leases.SlotRequest(names, slots, "concurrency", MINUTE, lease_id=new_id(), wait=wait)
    return replace(request, **more)


async def request(database: Database, wanted: leases.SlotRequest) -> bool:
    return (await database.write(lambda tx: leases.request_slots(tx, wanted))).is_granted


async def holds(database: Database, request: leases.SlotRequest) -> bool:
    assert request.lease_id is not None
    lease_id = request.lease_id
    return await database.read(lambda tx: leases.is_held(tx, lease_id))


async def end(database: Database, request: leases.SlotRequest) -> None:
    assert request.lease_id is not None
    lease_id = request.lease_id
    await database.write(lambda tx: leases.end_lease(tx, lease_id))


async def test_slots_are_granted_to_waiters_in_order(database: Database) -> None:
    await add(database)
    first, second, third = (wanted("door") for _ in range(3))
    assert [await request(database, each) for each in (first, second, third)] == [True, False, False]
    await end(database, first)
    assert [await holds(database, each) for each in (second, third)] == [True, False]
    await end(database, second)
    assert await holds(database, third)


async def test_hand_over_costs_the_same_with_many_waiters(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    await add(database)
    first, second, *others = (wanted("door") for _ in range(60))
    for each in (first, second, *others):
        await request(database, each)
    statements: list[str] = []
    notified: list[str] = []
    database.listen(lambda notifications: notified.extend(topic for topic, _ in notifications))
    async with database.reading() as tx:
        kind = type(tx)
    for name in ("fetch", "run", "insert", "update"):
        monkeypatch.setattr(kind, name, counting(getattr(kind, name), statements))
    await end(database, first)
    assert len(statements) <= 14, statements
    assert await holds(database, second)
    statements.clear()
    assert not await request(database, others[-1])
    assert len(statements) <= 8, statements
    assert [topic for topic in notified if topic.startswith("slots:")] == [f"slots:{second.lease_id}"]


def counting(fn: Callable[..., Awaitable[Any]], calls: list[str]) -> Callable[..., Awaitable[Any]]:
    async def call(self: object, *args: Any) -> Any:
        calls.append(str(args[0]))
        return await fn(self, *args)

    return call


async def test_slots_released_together_go_to_all_waiters(database: Database) -> None:
    await add(database, limit=1)
    await request(database, wanted("door"))
    waiting = [wanted("door") for _ in range(220)]
    for each in waiting:
        await request(database, each)
    await database.write(lambda tx: limits.change(tx, "door", {"limit": 500}))
    assert all([await holds(database, each) for each in waiting])


async def test_new_request_stands_back_behind_one_that_needs_more(database: Database) -> None:
    await add(database, limit=3)
    held, large, small = wanted("door"), wanted("door", slots=3), wanted("door")
    assert await request(database, held)
    assert not await request(database, large)
    assert not await request(database, small)
    await end(database, held)
    assert [await holds(database, each) for each in (large, small)] == [True, False]


async def test_waiting_lease_does_not_block_a_limit_with_free_slots(database: Database) -> None:
    """Who holds `b` and takes `a` must not wait for somebody who waits for `b` with `a` free."""
    for name in "ab":
        await add(database, name)
    holder, both, nested = wanted("b"), wanted("a", "b"), wanted("a")
    assert await request(database, holder)
    assert not await request(database, both)
    assert await request(database, nested)
    await end(database, nested)
    assert not await holds(database, both)
    await end(database, holder)
    assert await holds(database, both)


async def test_repeated_request_keeps_its_place_and_takes_slots_once(database: Database) -> None:
    await add(database)
    first, second, third = (wanted("door") for _ in range(3))
    for each in (first, second, third, second):
        await request(database, each)
    with pytest.raises(Locked):
        await request(database, replace(third, wait=timedelta(0)))
    await end(database, first)
    assert await request(database, second) and await request(database, second)
    assert (await database.read(lambda tx: limits.read(tx, "door")))["active_slots"] == 1
    await end(database, second)
    assert await holds(database, third)


async def test_slots_are_not_granted_to_a_process_that_has_gone(database: Database) -> None:
    await add(database)
    gone = {"pid": os.getpid(), "host": _processes.host(), "start": "1@another-boot/0"}
    first, dead, third = wanted("door"), wanted("door", process=gone), wanted("door")
    for each in (first, dead, third):
        await request(database, each)
    await end(database, first)
    assert [await holds(database, each) for each in (dead, third)] == [False, True]


async def test_lease_of_a_process_that_has_gone_frees_its_slots(database: Database) -> None:
    await add(database)
    gone = {"pid": os.getpid(), "host": _processes.host(), "start": "1@another-boot/0"}
    assert await request(database, wanted("door", process=gone))
    assert await request(database, wanted("door"))


async def test_expired_lease_holds_nothing_and_goes_on_if_its_slot_is_free(database: Database) -> None:
    id_ = await add(database)
    lease = await database.write(lambda tx: leases.take_slots(tx, [id_], 1, -MINUTE))
    assert lease is not None
    assert (await database.read(lambda tx: limits.read(tx, "door")))["active_slots"] == 0
    assert await database.write(lambda tx: leases.renew_lease(tx, lease, MINUTE))
    expired = {"id": lease, "expires": now() - MINUTE}
    await database.write(lambda tx: store.leases.change(tx, [expired], ["expires"]))

    async def take_and_renew(tx: Transaction) -> bool:
        await store.leases.add(tx, [{"id": other, "created": now(), "granted": now()}])
        await store.held_slots.add(tx, [{"limit_id": id_, "lease_id": other, "slots": 1}])
        return await leases.renew_lease(tx, lease, MINUTE)

    other = new_id()
    assert not await database.write(take_and_renew)


@pytest.mark.parametrize("change", [{"limit": 2}, {"active": False}])
async def test_change_of_a_limit_grants_slots_to_waiters(database: Database, change: dict[str, object]) -> None:
    await add(database)
    first, second = wanted("door"), wanted("door")
    await request(database, first)
    await request(database, second)
    await database.write(lambda tx: limits.change(tx, "door", change))
    assert await holds(database, second)


async def test_reset_ends_leases(database: Database) -> None:
    await add(database)
    held = wanted("door")
    assert await request(database, held)
    await database.write(lambda tx: leases.change_limit(tx, "door", {"active_slots": 0}))
    assert not await holds(database, held)
    assert await request(database, wanted("door"))


async def test_holders_lists_holders_and_waiters(database: Database) -> None:
    await add(database)
    run = {"type": "task_run", "id": str(new_id())}
    first, second = wanted("door", holder=run), wanted("door")
    await request(database, first)
    await request(database, second)
    found = await database.read(lambda tx: leases.find_holders(tx, "door"))
    assert [(each["status"], each["holder"], each["lease_id"]) for each in found] == [
        ("held", run, first.lease_id),
        ("waiting", None, second.lease_id),
    ]


# --- over HTTP -------------------------------------------------------------------------------------------------------

TAKE, GIVE = "/v2/concurrency_limits/increment-with-lease", "/v2/concurrency_limits/decrement-with-lease"


async def test_request_waits_until_a_slot_is_released(api: httpx.AsyncClient) -> None:
    await call_route(api, "POST", "/v2/concurrency_limits/", {"name": "door", "limit": 1}, 201)
    body = {"names": ["door"], "slots": 1}
    first = (await call_route(api, "POST", TAKE, body))["lease_id"]
    refused = await api.post(TAKE, json=body, headers={"prefer": "wait=0"})
    assert refused.status_code == 423
    waiting = asyncio.create_task(api.post(TAKE, json=body, headers={"prefer": "wait=20, lease=30"}))
    while [each["status"] for each in await holders(api)] != ["held", "waiting"]:  # it is on its way
        await asyncio.sleep(0)
    await call_route(api, "POST", GIVE, {"lease_id": first}, 204)
    answer = await waiting
    assert answer.status_code == 200 and answer.json()["limits"][0]["name"] == "door"
    assert [each["status"] for each in await holders(api)] == ["held"]


async def test_holders_have_the_names_of_their_runs(api: httpx.AsyncClient) -> None:
    flow = await call_route(api, "POST", "/flows/", {"name": "etl"}, 201)
    run = await call_route(api, "POST", "/flow_runs/", {"flow_id": flow["id"], "name": "calm-lynx"}, 201)
    await call_route(api, "POST", "/v2/concurrency_limits/", {"name": "door", "limit": 2}, 201)
    for holder in ({"type": "flow_run", "id": run["id"]}, {"type": "task_run", "id": str(new_id())}):
        await call_route(api, "POST", TAKE, {"names": ["door"], "slots": 1, "holder": holder})
    assert [each["name"] for each in await holders(api)] == ["calm-lynx", None]


async def test_request_that_waited_in_vain_is_refused(api: httpx.AsyncClient) -> None:
    await call_route(api, "POST", "/v2/concurrency_limits/", {"name": "door", "limit": 1}, 201)
    body = {"names": ["door"], "slots": 1}
    await call_route(api, "POST", TAKE, body)
    answer = await api.post(TAKE, json=body, headers={"prefer": "wait=0.05"})
    assert answer.status_code == 423
    assert [each["status"] for each in await holders(api)] == ["held"]


async def test_slots_that_decay_are_waited_for(api: httpx.AsyncClient) -> None:
    await call_route(
        api, "POST", "/v2/concurrency_limits/", {"name": "rate", "limit": 1, "slot_decay_per_second": 50}, 201
    )
    body = {"names": ["rate"], "slots": 1, "mode": "rate_limit"}
    for _ in range(3):
        answer = await api.post(
            "/v2/concurrency_limits/increment",
            json=body,
            headers={"prefer": "wait=5", "idempotency-key": str(new_id())},
        )
        assert [limit["name"] for limit in answer.json()] == ["rate"]
    assert await holders(api, "rate") == []


async def holders(api: httpx.AsyncClient, name: str = "door") -> list[dict[str, object]]:
    return (await api.get(f"/v2/concurrency_limits/{name}/holders")).json()
