"""The page of concurrency limits."""

from __future__ import annotations

from typing import Any

import pytest

from tests.server.route_client import RouteClient

PAGE = "/ui/pages/concurrency-limits"


async def read(call: RouteClient, **params: Any) -> dict[str, Any]:
    """Read the page of limits."""
    return await call("GET", PAGE, **params)


async def test_limits_of_tags_and_global_ones_are_paged_apart(call: RouteClient) -> None:
    for n in range(3):
        await call("POST", "/v2/concurrency_limits/", {"name": f"limit-{n}", "limit": 1})
        await call("POST", "/concurrency_limits/", {"tag": f"tag-{n}", "concurrency_limit": n}, status=201)
    first = await read(call, size=2)
    assert [row["limit"]["name"] for row in first["rows"]] == ["limit-0", "limit-1"]
    assert [row["limit"]["tag"] for row in first["tags"]] == ["tag-0", "tag-1"]
    assert (first["total"], first["tags_total"]) == (3, 3)
    second = await read(call, size=2, page=2, tag_page=1)
    assert [row["limit"]["name"] for row in second["rows"]] == ["limit-2"]
    assert second["tags"] == first["tags"]


async def test_limit_of_a_deployment_has_its_name(call: RouteClient) -> None:
    deployment = {"name": "prod", "flow_id": await call.flow(), "concurrency_limit": 4}
    id_ = (await call("POST", "/deployments/", deployment))["id"]
    (row,) = (await read(call))["rows"]
    assert row["limit"]["name"] == f"deployment:{id_}"
    assert row["deployment"] == {"id": id_, "name": "prod"}


@pytest.mark.parametrize(
    ("text", "names", "tags"),
    [("data", ["database"], []), ("PRO", ["deployment"], []), ("gpu", [], ["gpu"]), ("tag", [], []), ("a_a", [], [])],
)
async def test_limits_are_found_by_their_name_or_their_deployments(
    call: RouteClient, text: str, names: list[str], tags: list[str]
) -> None:
    await call("POST", "/v2/concurrency_limits/", {"name": "database", "limit": 1})
    await call("POST", "/concurrency_limits/", {"tag": "gpu", "concurrency_limit": 1}, status=201)
    await call("POST", "/deployments/", {"name": "prod", "flow_id": await call.flow(), "concurrency_limit": 4})
    page = await read(call, q=text)
    assert [row["limit"]["name"].split(":")[0] for row in page["rows"]] == names
    assert [row["limit"]["tag"] for row in page["tags"]] == tags


async def test_limit_of_a_tag_names_the_task_runs_that_hold_its_slots(call: RouteClient) -> None:
    await call("POST", "/concurrency_limits/", {"tag": "gpu", "concurrency_limit": 3}, status=201)
    task = await call.task_run(await call.flow_run(), name="train-0")
    await call("POST", "/concurrency_limits/increment", {"names": ["gpu"], "task_run_id": task})
    (row,) = (await read(call))["tags"]
    assert row["holders"] == [{"id": task, "name": "train-0"}]
