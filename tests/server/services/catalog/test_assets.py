"""Assets and their graph follow from the events of runs, in whatever order and however often they arrive."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from prefect.types import new_id
from tests.server.route_calls import call_route

START = datetime(2026, 1, 2, tzinfo=UTC)


def event(name: str, key: str, minute: int, sources: tuple[str, ...] = (), **more: Any) -> dict[str, Any]:
    """An event of an asset as a client sends it."""
    labels, payload, related = more.get("labels", {}), more.get("payload", {}), more.get("related", [])
    assets = [{"prefect.resource.id": source, "prefect.resource.role": "asset"} for source in sources]
    return {
        "id": str(new_id()),
        "event": f"prefect.asset.{name}",
        "occurred": (START + timedelta(minutes=minute)).isoformat(),
        "resource": {"prefect.resource.id": key, **labels},
        "related": [*assets, *related],
        "payload": payload,
    }


def made(key: str, minute: int, *sources: str, **more: Any) -> dict[str, Any]:
    return event("materialization.succeeded", key, minute, sources, **more)


async def send(api: httpx.AsyncClient, *events: dict[str, Any]) -> None:
    await call_route(api, "POST", "/events", list(events), 204)


async def read(api: httpx.AsyncClient, key: str, status: int = 200) -> Any:
    return await call_route(api, "GET", "/ui/assets/one", None, status, {"key": key})


async def graph(api: httpx.AsyncClient, **query: str) -> tuple[list[str], list[tuple[str, str]]]:
    found = await call_route(api, "GET", "/ui/assets/graph", None, 200, query)
    return [each["key"] for each in found["assets"]], [(each["source"], each["target"]) for each in found["edges"]]


async def test_materialization_describes_the_asset_and_its_run(api: httpx.AsyncClient) -> None:
    flow_run, task_run = uuid4(), uuid4()
    related = [
        {"prefect.resource.id": f"prefect.flow-run.{flow_run}", "prefect.resource.role": "flow-run"},
        {"prefect.resource.id": f"prefect.task-run.{task_run}", "prefect.resource.role": "task-run"},
        {"prefect.resource.id": "dbt", "prefect.resource.role": "asset-materialized-by"},
    ]
    labels = {
        "prefect.resource.name": "Orders",
        "prefect.asset.description": "All.",
        "prefect.asset.url": "https://shop",
        "prefect.asset.owners": '["me"]',
    }
    sent = made("s3://orders", 1, "s3://raw", labels=labels, related=related, payload={"rows": 3})
    await send(api, event("referenced", "s3://raw", 1), sent)
    found = await read(api, "s3://orders")
    last = found.pop("last_materialization")
    assert datetime.fromisoformat(last.pop("occurred")) == START + timedelta(minutes=1)
    assert last == {
        "outcome": "succeeded",
        "event_id": sent["id"],
        "flow_run_id": str(flow_run),
        "task_run_id": str(task_run),
        "materialized_by": "dbt",
        "metadata": {"rows": 3},
    }
    assert (found["name"], found["description"], found["url"], found["owners"]) == (
        "Orders",
        "All.",
        "https://shop",
        ["me"],
    )
    assert (found["sources"], found["targets"]) == (["s3://raw"], [])
    raw = await read(api, "s3://raw")
    assert raw["last_materialization"] is None and raw["targets"] == ["s3://orders"]


async def test_failure_is_the_last_materialization_but_keeps_what_was_made(api: httpx.AsyncClient) -> None:
    await send(api, made("s3://a", 1, "s3://b"), event("materialization.failed", "s3://a", 2, ("s3://c",)))
    found = await read(api, "s3://a")
    assert found["last_materialization"]["outcome"] == "failed"
    assert datetime.fromisoformat(found["materialized"]) == START + timedelta(minutes=1)
    assert found["sources"] == ["s3://b"]


async def test_last_materialization_counts_in_any_order_of_events(api: httpx.AsyncClient) -> None:
    old = made("s3://a", 1, "s3://old", labels={"prefect.resource.name": "Old"})
    new = made("s3://a", 2, "s3://new", labels={"prefect.resource.name": "New"}, payload={"n": 2})
    await send(api, new)
    await send(api, old)
    await send(api, new, old)  # once more
    found = await read(api, "s3://a")
    assert (found["name"], found["sources"]) == ("New", ["s3://new"])
    assert found["last_materialization"]["metadata"] == {"n": 2}


async def test_description_of_before_stays_when_an_event_has_none(api: httpx.AsyncClient) -> None:
    await send(api, made("s3://a", 1, labels={"prefect.resource.name": "A"}))
    await send(api, event("referenced", "s3://a", 2))
    assert (await read(api, "s3://a"))["name"] == "A"


async def test_assets_are_listed_and_searched(api: httpx.AsyncClient) -> None:
    await send(
        api, made("s3://a_1", 1), made("s3://a-1", 3), made("s3://B", 2, labels={"prefect.resource.name": "Bee"})
    )

    async def keys(**query: Any) -> list[str]:
        return [each["key"] for each in await call_route(api, "GET", "/ui/assets/", None, 200, query)]

    assert await keys() == ["s3://a-1", "s3://B", "s3://a_1"]
    assert await keys(limit=1, offset=1) == ["s3://B"]
    assert (await keys(q="BEE"), await keys(q="a_"), await keys(q="%")) == (["s3://B"], ["s3://a_1"], [])


async def test_graph_is_all_that_an_asset_is_connected_with(api: httpx.AsyncClient) -> None:
    await send(api, made("s3://b", 1, "s3://a"), made("s3://c", 2, "s3://b"), made("s3://d", 3, "s3://b"))
    await send(api, made("s3://y", 4, "s3://x"))
    edges = [("s3://a", "s3://b"), ("s3://b", "s3://c"), ("s3://b", "s3://d")]
    assert await graph(api, key="s3://c") == (["s3://b", "s3://c", "s3://d"], edges)
    keys, edges_of_all = await graph(api)
    assert keys == ["s3://b", "s3://c", "s3://d", "s3://y"] and edges_of_all == edges[1:]


async def test_graph_of_assets_that_are_made_of_each_other_ends(api: httpx.AsyncClient) -> None:
    await send(api, made("s3://a", 1, "s3://b", "s3://a"), made("s3://b", 2, "s3://a"))
    keys, edges = await graph(api, key="s3://a")
    assert keys == ["s3://a", "s3://b"]
    assert edges == [("s3://a", "s3://a"), ("s3://a", "s3://b"), ("s3://b", "s3://a")]


async def test_large_graph_is_cut(api: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("prefect.server.services.catalog.assets.MAX_GRAPH_SIZE", 2)
    await send(api, made("s3://b", 1, "s3://a"), made("s3://c", 2, "s3://b"), made("s3://d", 3, "s3://c"))
    for query in ({}, {"key": "s3://d"}):
        assert not (await call_route(api, "GET", "/ui/assets/graph", None, 200, query))["is_complete"]


async def test_unknown_asset_is_not_found(api: httpx.AsyncClient) -> None:
    assert (await read(api, "s3://none", 404))["detail"] == "There is no asset 's3://none'."
    await call_route(api, "GET", "/ui/assets/graph", None, 404, {"key": "s3://none"})


@pytest.mark.parametrize("owners", ["no JSON", '"text"', ""])
async def test_owners_that_are_no_list_are_left_out(owners: str, api: httpx.AsyncClient) -> None:
    await send(api, made("s3://a", 1, labels={"prefect.asset.owners": owners}))
    assert (await read(api, "s3://a"))["owners"] == []
