"""Concurrency limits over the API, by name and by tag, on both databases."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from prefect.server import store
from prefect.server.app import Server
from prefect.server.db.interface import Database, Transaction
from prefect.server.loops import Environment, all_loops, sweeps
from prefect.settings import get_current_settings
from prefect.types import new_id, now
from tests.server.route_calls import UNKNOWN_ID, call_route, find_events

V2 = "/v2/concurrency_limits"
V1 = "/concurrency_limits"


async def limit(api: httpx.AsyncClient, name: str = "door", size: int = 2, **more: Any) -> Any:
    return await call_route(api, "POST", f"{V2}/", {"name": name, "limit": size, **more}, 201)


async def active(api: httpx.AsyncClient, name: str = "door") -> int:
    return (await call_route(api, "GET", f"{V2}/{{id_or_name}}", id_or_name=name))["active_slots"]


async def take(api: httpx.AsyncClient, *names: str, status: int = 200, slots: int = 1, **more: Any) -> Any:
    return await call_route(api, "POST", f"{V2}/increment", {"names": names, "slots": slots, **more}, status)


async def test_limit_is_read_by_id_and_name(api: httpx.AsyncClient) -> None:
    made = await limit(api, "b", 2, slot_decay_per_second=0.5)
    await limit(api, "a", 1)
    shown = {name: value for name, value in made.items() if name not in ("denied_slots", "avg_slot_occupancy_seconds")}
    for key in ("b", made["id"]):
        assert await call_route(api, "GET", f"{V2}/{{id_or_name}}", id_or_name=key) == shown
    found = await call_route(api, "POST", f"{V2}/filter", {})
    assert [row["name"] for row in found] == ["a", "b"] and found[1] == shown
    await call_route(api, "PATCH", f"{V2}/{{id_or_name}}", {"limit": 7, "active_slots": 5}, 204, id_or_name="b")
    await call_route(api, "PATCH", f"{V2}/{{id_or_name}}", {"name": "c"}, 204, id_or_name=made["id"])
    assert (await call_route(api, "GET", f"{V2}/{{id_or_name}}", id_or_name="c"))["limit"] == 7
    await call_route(api, "DELETE", f"{V2}/{{id_or_name}}", None, 204, id_or_name="c")
    await call_route(api, "DELETE", f"{V2}/{{id_or_name}}", None, 404, id_or_name="c")
    events = await find_events(
        api, *(f"prefect.concurrency-limit.{what}" for what in ("created", "updated", "deleted"))
    )
    mine = [event for event in events if event["resource"]["prefect.resource.id"].endswith(made["id"])]
    assert [event["event"].rpartition(".")[2] for event in mine] == ["created", "updated", "updated", "deleted"]
    assert mine[-1]["payload"] == {"name": "c", "limit": 7, "active": True, "slot_decay_per_second": 0.5}


async def test_invalid_limits_are_refused(api: httpx.AsyncClient) -> None:
    await limit(api)
    await limit(api, "other")
    await call_route(api, "POST", f"{V2}/", {"name": "door", "limit": 1}, 409)
    for body in ({"name": "", "limit": 1}, {"name": "a/b", "limit": 1}, {"name": "n", "limit": -1}, {"name": "n"}):
        await call_route(api, "POST", f"{V2}/", body, 422)
    for body in ({"name": "other"}, {"limit": None}):
        await call_route(api, "PATCH", f"{V2}/{{id_or_name}}", body, 409, id_or_name="door")
    for key in ("nobody", UNKNOWN_ID):
        await call_route(api, "GET", f"{V2}/{{id_or_name}}", None, 404, id_or_name=key)
        await call_route(api, "PATCH", f"{V2}/{{id_or_name}}", {"limit": 1}, 404, id_or_name=key)
    for body in ({"slots": 0, "names": ["door"]}, {"names": ["door"]}, {"slots": 1, "names": ["door"], "mode": "x"}):
        await call_route(api, "POST", f"{V2}/increment", body, 422)
    await call_route(api, "POST", f"{V2}/decrement", {"slots": 1, "names": ["door"], "occupancy_seconds": 0}, 422)
    for seconds in (59, 86401):
        body = {"slots": 1, "names": ["door"], "lease_duration": seconds}
        await call_route(api, "POST", f"{V2}/increment-with-lease", body, 422)


async def test_increment_and_decrement_change_the_slots(api: httpx.AsyncClient) -> None:
    made = await limit(api)
    await limit(api, "off", 0, active=False)
    short = {"id": made["id"], "name": "door", "limit": 2}
    assert await take(api, "door", "nobody") == [short]
    assert [row["name"] for row in await take(api, "off", "door")] == ["door", "off"]
    assert await take(api, "nobody", create_if_missing=True) == []
    await take(api, status=422)
    await call_route(api, "GET", f"{V2}/{{id_or_name}}", None, 404, id_or_name="nobody")
    refused = await api.post(f"{V2}/increment", json={"names": ["door"], "slots": 1})
    assert refused.status_code == 423 and float(refused.headers["retry-after"]) > 0
    await take(api, "door", slots=3, status=422)
    await take(api, "door", mode="rate_limit", status=422)
    assert await active(api) == 2
    body = {"names": ["door", "nobody"], "slots": 5, "occupancy_seconds": 3.5}
    assert await call_route(api, "POST", f"{V2}/decrement", body) == [short]
    assert await active(api) == 0


async def test_simultaneous_increments_never_exceed_the_limit(api: httpx.AsyncClient) -> None:
    await limit(api, "door", 5)
    body = {"names": ["door"], "slots": 1}
    answers = await asyncio.gather(*(api.post(f"{V2}/increment-with-lease", json=body) for _ in range(20)))
    assert sorted(answer.status_code for answer in answers) == [200] * 5 + [423] * 15
    leases = [answer.json()["lease_id"] for answer in answers if answer.status_code == 200]
    ends = [api.post(f"{V2}/decrement-with-lease", json={"lease_id": lease}) for lease in leases * 3]
    assert {answer.status_code for answer in await asyncio.gather(*ends)} == {204}
    assert await active(api) == 0


async def test_lease_renewal_fails_after_expiry(api: httpx.AsyncClient, server: Server, database: Database) -> None:
    await limit(api)
    body = {"names": ["door"], "slots": 1, "lease_duration": 60, "holder": {"type": "flow_run", "id": UNKNOWN_ID}}
    lost = (await call_route(api, "POST", f"{V2}/increment-with-lease", body))["lease_id"]
    kept = (await call_route(api, "POST", f"{V2}/increment-with-lease", body))["lease_id"]
    await call_route(
        api, "POST", f"{V2}/increment-with-lease", {**body, "holder": {"type": "x", "id": UNKNOWN_ID}}, 422
    )

    async def late(tx: Transaction) -> None:
        rows = [{"id": UUID(lease), "expires": now() - timedelta(seconds=1)} for lease in (lost, kept)]
        await store.leases.change(tx, rows, ["expires"])

    await database.write(late)
    renew = f"{V2}/leases/{{lease_id}}/renew"
    await call_route(api, "POST", renew, {"lease_duration": 300}, 204, lease_id=kept)
    await sweeps.end_expired_leases(Environment(database, server.bus, server.settings))
    assert await active(api) == 1
    await call_route(api, "POST", renew, {}, 410, lease_id=lost)
    await call_route(api, "POST", renew, {}, 204, lease_id=kept)
    await call_route(api, "POST", renew, {"lease_duration": 1}, 422, lease_id=kept)


async def test_expired_lease_frees_slots_for_a_request(api: httpx.AsyncClient, database: Database) -> None:
    await limit(api, "door", 1)
    body = {"names": ["door"], "slots": 1}
    lost = (await call_route(api, "POST", f"{V2}/increment-with-lease", body))["lease_id"]
    await call_route(api, "POST", f"{V2}/increment-with-lease", body, 423)

    async def late(tx: Transaction) -> None:
        await store.leases.change(tx, [{"id": UUID(lost), "expires": now() - timedelta(seconds=1)}], ["expires"])

    await database.write(late)
    await call_route(api, "POST", f"{V2}/increment-with-lease", body)
    await take(api, "door", status=423)
    assert await active(api) == 1


def test_repossessor_is_among_the_loops() -> None:
    assert "Repossessor" in [loop.name for loop in all_loops(get_current_settings())]


# --- tags ------------------------------------------------------------------------------------------------------------


async def tag(api: httpx.AsyncClient, name: str, size: int, status: int = 201) -> Any:
    return await call_route(api, "POST", f"{V1}/", {"tag": name, "concurrency_limit": size}, status)


async def holders(api: httpx.AsyncClient, name: str) -> list[str]:
    return (await call_route(api, "GET", f"{V1}/tag/{{tag}}", tag=name))["active_slots"]


async def test_tag_limit_is_a_limit_named_for_its_tag(api: httpx.AsyncClient) -> None:
    made = await tag(api, "red", 2)
    assert (made["tag"], made["concurrency_limit"], made["active_slots"]) == ("red", 2, [])
    again = await tag(api, "red", 3, 200)
    assert (again["id"], again["concurrency_limit"]) == (made["id"], 3)
    assert await call_route(api, "GET", f"{V1}/{{id}}", id=made["id"]) == again
    assert (await call_route(api, "GET", f"{V2}/{{id_or_name}}", id_or_name="tag:red"))["limit"] == 3
    other = await limit(api, "red")
    await call_route(api, "GET", f"{V1}/{{id}}", None, 404, id=other["id"])
    await limit(api, "tag:blue", 1)
    assert [row["tag"] for row in await call_route(api, "POST", f"{V1}/filter", {})] == ["blue", "red"]
    await call_route(api, "DELETE", f"{V1}/tag/{{tag}}", tag="blue")
    await call_route(api, "DELETE", f"{V1}/{{id}}", id=made["id"])
    for name in ("red", "blue"):
        await call_route(api, "GET", f"{V1}/tag/{{tag}}", None, 404, tag=name)
        await call_route(api, "DELETE", f"{V1}/tag/{{tag}}", None, 404, tag=name)


async def test_task_runs_take_slots_of_their_tags(api: httpx.AsyncClient) -> None:
    made = await tag(api, "red", 2)
    one, two, three = (str(new_id()) for _ in range(3))

    async def ask_for(what: str, run: str, status: int = 200) -> Any:
        return await call_route(api, "POST", f"{V1}/{what}", {"names": ["red", "none"], "task_run_id": run}, status)

    assert await ask_for("increment", one) == [{"id": made["id"], "name": "red", "limit": 2}]
    await ask_for("increment", one)
    await ask_for("increment", two)
    refused = await api.post(f"{V1}/increment", json={"names": ["red"], "task_run_id": three})
    assert refused.status_code == 423 and float(refused.headers["retry-after"]) == 10
    assert await holders(api, "red") == [one, two]
    assert [row["name"] for row in await ask_for("decrement", one)] == ["tag:red"]
    await ask_for("decrement", three)
    assert await holders(api, "red") == [two]
    await tag(api, "red", 0, 200)
    refused = await api.post(f"{V1}/increment", json={"names": ["red"], "task_run_id": three})
    assert refused.status_code == 423 and "retry-after" not in refused.headers


async def test_lease_of_a_task_run_counts_among_holders(api: httpx.AsyncClient) -> None:
    await tag(api, "red", 2)
    run = str(new_id())
    body = {"names": ["tag:red"], "slots": 1, "holder": {"type": "task_run", "id": run}}
    await call_route(api, "POST", f"{V2}/increment-with-lease", body)
    assert await holders(api, "red") == [run]


@pytest.mark.parametrize("number", [0, 3])
async def test_reset_moves_slots_to_other_task_runs(api: httpx.AsyncClient, number: int) -> None:
    await tag(api, "red", 2)
    await tag(api, "blue", 2)
    both, other = str(new_id()), str(new_id())
    await call_route(api, "POST", f"{V1}/increment", {"names": ["red", "blue"], "task_run_id": both})
    chosen = [both, other, str(new_id())][:number]
    await call_route(api, "POST", f"{V1}/tag/{{tag}}/reset", {"slot_override": chosen} if chosen else {}, tag="red")
    assert sorted(await holders(api, "red")) == sorted(chosen)
    assert await active(api, "tag:red") == number
    assert await holders(api, "blue") == [both]
    await call_route(api, "POST", f"{V1}/decrement", {"names": ["red", "blue"], "task_run_id": both})
    assert await active(api, "tag:red") == max(0, number - 1)
    assert await active(api, "tag:blue") == 0
    await call_route(api, "POST", f"{V1}/tag/{{tag}}/reset", {}, 404, tag="nobody")
