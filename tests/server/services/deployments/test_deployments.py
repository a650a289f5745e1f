"""Deployments, their schedules and their runs over the API."""

from __future__ import annotations

import socket
from typing import Any

import httpx
import pytest

from tests.server.path_client import PathClient

SCHEMA = {
    "type": "object",
    "properties": {"x": {"type": "integer"}, "y": {"type": "string"}, "z": {"type": "string", "default": "z"}},
    "required": ["x"],
}
TEMPLATE = {
    "job_configuration": {"image": "{{ image }}"},
    "variables": {
        "type": "object",
        "properties": {"image": {"type": "string"}, "cpus": {"type": "integer"}},
        "required": ["image"],
    },
}
MISSING_ID = "00000000-0000-0000-0000-000000000000"


@pytest.fixture
def ask(api: httpx.AsyncClient) -> PathClient:
    return PathClient(api)


@pytest.fixture
async def flow(ask: PathClient) -> str:
    return (await ask.post("/flows/", {"name": "flow", "labels": {"of": "flow"}}))["id"]


async def deploy(ask: PathClient, flow: str, name: str = "d", status: int = 201, **more: Any) -> dict[str, Any]:
    return await ask.post("/deployments/", {"name": name, "flow_id": flow, **more}, status)


class TestCreating:
    async def test_create_returns_the_new_deployment(self, ask: PathClient, flow: str) -> None:
        made = await deploy(ask, flow)
        expected = {
            "name": "d",
            "flow_id": flow,
            "paused": False,
            "status": "NOT_READY",
            "enforce_parameter_schema": True,
            "schedules": [],
            "tags": [],
            "parameters": {},
            "pull_steps": [],
            "job_variables": {},
            "parameter_openapi_schema": {},
            "labels": {"prefect.flow.id": flow},
            "work_pool_name": None,
            "work_queue_name": None,
            "global_concurrency_limit": None,
            "concurrency_options": None,
        }
        assert {name: made[name] for name in expected} == expected
        assert await ask.get(f"/deployments/{made['id']}") == made
        assert await ask.get("/deployments/name/flow/d") == made

    async def test_create_changes_the_existing_deployment(self, ask: PathClient, flow: str) -> None:
        kept = {"tags": ["t"], "description": "first", "version": "1", "paused": True, "job_variables": {"a": 1}}
        replaced = {"parameters": {"p": 1}, "labels": {"l": 1}, "schedules": [{"schedule": {"interval": 60}}]}
        made = await deploy(ask, flow, **kept, **replaced)
        again = await deploy(ask, flow, status=200, version="2")
        assert again["id"] == made["id"]
        assert {name: again[name] for name in kept} == {**kept, "version": "2"}
        assert (again["parameters"], again["schedules"]) == ({}, [])
        assert again["labels"] == {"prefect.flow.id": flow}

    async def test_missing_objects_are_not_found(self, ask: PathClient, flow: str) -> None:
        await ask.post("/deployments/", {"name": "d", "flow_id": MISSING_ID}, 404)
        await deploy(ask, flow, status=404, work_pool_name="none")
        await deploy(ask, flow, status=404, global_concurrency_limit_id=MISSING_ID)
        await ask.get(f"/deployments/{MISSING_ID}", 404)
        await ask.get("/deployments/name/flow/none", 404)
        await ask.patch(f"/deployments/{MISSING_ID}", {"paused": True}, 404)
        await ask.delete(f"/deployments/{MISSING_ID}", 404)
        await ask.post(f"/deployments/{MISSING_ID}/pause_deployment", status=404)
        await ask.post(f"/deployments/{MISSING_ID}/create_flow_run", status=404)

    async def test_work_queue_follows_the_request(self, ask: PathClient, flow: str) -> None:
        pool = await ask.post("/work_pools/", {"name": "pool", "type": "process"}, 201)
        made = await deploy(ask, flow, work_pool_name="pool")
        assert (made["work_pool_name"], made["work_queue_name"]) == ("pool", "default")
        assert made["work_queue_id"] == pool["default_queue_id"]
        made = await deploy(ask, flow, status=200, work_pool_name="pool", work_queue_name="new")
        queue = await ask.get("/work_pools/pool/queues/new")
        assert (made["work_queue_name"], made["work_queue_id"]) == ("new", queue["id"])
        alone = await deploy(ask, flow, "alone", work_queue_name="alone")
        assert (alone["work_pool_name"], alone["work_queue_name"]) == ("default-agent-pool", "alone")

    async def test_job_variables_must_satisfy_the_pool_template(self, ask: PathClient, flow: str) -> None:
        await ask.post("/work_pools/", {"name": "pool", "type": "process", "base_job_template": TEMPLATE}, 201)
        await deploy(ask, flow, work_pool_name="pool", job_variables={"cpus": "many"}, status=422)
        made = await deploy(ask, flow, work_pool_name="pool", job_variables={"cpus": 2, "other": "kept"})
        assert made["job_variables"] == {"cpus": 2, "other": "kept"}


class TestChanging:
    async def test_change_sets_only_the_values_of_the_request(self, ask: PathClient, flow: str) -> None:
        id_ = (await deploy(ask, flow, description="old", tags=["old"]))["id"]
        values = {
            "description": None,
            "tags": ["new"],
            "paused": True,
            "path": "here",
            "entrypoint": "f.py:f",
            "version": "2",
            "pull_steps": [{"a": 1}],
            "job_variables": {"b": 1},
            "enforce_parameter_schema": False,
        }
        await ask.patch(f"/deployments/{id_}", values)
        changed = await ask.get(f"/deployments/{id_}")
        assert {name: changed[name] for name in values} == values

    async def test_parameters_must_satisfy_the_schema(self, ask: PathClient, flow: str) -> None:
        id_ = (await deploy(ask, flow, parameter_openapi_schema=SCHEMA))["id"]
        await ask.patch(f"/deployments/{id_}", {"parameters": {"x": "one"}}, 409)
        await ask.patch(f"/deployments/{id_}", {"parameters": {"y": "only some"}})
        await ask.patch(f"/deployments/{id_}", {"parameters": {"x": "one"}, "enforce_parameter_schema": False})
        broken = {"parameter_openapi_schema": {"type": "nothing"}, "parameters": {"x": 1}}
        await ask.patch(f"/deployments/{id_}", {**broken, "enforce_parameter_schema": True}, 422)

    async def test_work_queue_follows_the_request(self, ask: PathClient, flow: str) -> None:
        await ask.post("/work_pools/", {"name": "pool", "type": "process"}, 201)
        id_ = (await deploy(ask, flow))["id"]
        for values, place in (
            ({"work_pool_name": "pool"}, ("pool", "default")),
            ({"work_queue_name": "new"}, ("pool", "new")),
            ({"work_queue_name": None}, ("pool", "new")),
            ({"work_pool_name": None}, (None, None)),
        ):
            await ask.patch(f"/deployments/{id_}", values)
            changed = await ask.get(f"/deployments/{id_}")
            assert (changed["work_pool_name"], changed["work_queue_name"]) == place, values
        await ask.patch(f"/deployments/{id_}", {"work_pool_name": "none"}, 404)

    async def test_limit_is_own_or_shared(self, ask: PathClient, flow: str) -> None:
        options = {"collision_strategy": "CANCEL_NEW"}
        made = await deploy(ask, flow, concurrency_limit=2, concurrency_options=options)
        assert made["concurrency_options"] == {**options, "grace_period_seconds": None}
        assert made["concurrency_limit"] is None
        limit = made["global_concurrency_limit"]
        assert (limit["name"], limit["limit"], limit["active_slots"]) == (f"deployment:{made['id']}", 2, 0)
        path = f"/deployments/{made['id']}"
        await ask.patch(path, {"concurrency_limit": 3})
        assert (await ask.get(path))["global_concurrency_limit"]["limit"] == 3
        await ask.patch(path, {"concurrency_limit": None})
        assert (await ask.get(path))["global_concurrency_limit"] is None
        shared = await ask.post("/v2/concurrency_limits/", {"name": "shared", "limit": 7})
        await ask.patch(path, {"global_concurrency_limit_id": shared["id"]})
        assert (await ask.get(path))["global_concurrency_limit"]["name"] == "shared"
        await ask.patch(path, {"global_concurrency_limit_id": shared["id"], "concurrency_limit": 1}, 422)
        await ask.patch(path, {"concurrency_limit": 0}, 422)
        await ask.delete(path)
        assert (await ask.get(f"/v2/concurrency_limits/{shared['id']}"))["limit"] == 7

    async def test_removing_a_flow_removes_own_limits_only(self, ask: PathClient, flow: str) -> None:
        shared = await ask.post("/v2/concurrency_limits/", {"name": "shared", "limit": 7})
        await deploy(ask, flow, "shares", global_concurrency_limit_id=shared["id"])
        own = (await deploy(ask, flow, "owns", concurrency_limit=2))["global_concurrency_limit"]
        await ask.delete(f"/flows/{flow}")
        assert await ask.post("/deployments/count") == 0
        assert (await ask.get("/v2/concurrency_limits/shared"))["limit"] == 7
        await ask.get(f"/v2/concurrency_limits/{own['id']}", 404)

    async def test_schema_references_are_never_fetched(self, ask: PathClient, flow: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as holder:
            holder.setblocking(False)
            elsewhere = f"http://127.0.0.1:{holder.getsockname()[1]}/schema"
            made = await deploy(ask, flow, parameter_openapi_schema={"properties": {"x": {"$ref": elsewhere}}})
            await ask.post(f"/deployments/{made['id']}/create_flow_run", {"parameters": {"x": 1}}, 422)
            with pytest.raises(BlockingIOError):
                holder.accept()

    async def test_changes_emit_events(self, ask: PathClient, flow: str) -> None:
        await ask.post("/work_pools/", {"name": "pool", "type": "process"}, 201)
        made = await deploy(ask, flow, work_pool_name="pool", concurrency_limit=1)
        await ask.patch(f"/deployments/{made['id']}", {"description": "new"})
        await ask.patch(f"/deployments/{made['id']}", {"description": "new"})
        await ask.delete(f"/deployments/{made['id']}")
        events = await ask.events("prefect.deployment")
        assert [event["event"] for event in events] == [
            "prefect.deployment.created",
            "prefect.deployment.updated",
            "prefect.deployment.deleted",
        ]
        assert events[0]["resource"]["prefect.resource.name"] == "d"
        roles = [related["prefect.resource.role"] for related in events[0]["related"]]
        assert roles == ["flow", "work-queue", "work-pool", "concurrency-limit"]
        assert events[1]["payload"] == {
            "updated_fields": ["description"],
            "updates": {"description": {"from": None, "to": "new"}},
        }


class TestSchedules:
    async def test_schedules_are_added_changed_and_deleted(self, ask: PathClient, flow: str) -> None:
        path = f"/deployments/{(await deploy(ask, flow))['id']}/schedules"
        made = await ask.post(
            path,
            [{"schedule": {"interval": 60}, "slug": "a"}, {"schedule": {"cron": "0 0 * * *"}, "active": False}],
            201,
        )
        assert [(schedule["slug"], schedule["active"]) for schedule in made] == [("a", True), (None, False)]
        assert set(made[0]["schedule"]) == {"interval", "anchor_date", "timezone"}
        await ask.post(path, [{"schedule": {"rrule": "FREQ=DAILY"}, "slug": "a"}], 409)
        await ask.post(path, [{"schedule": {"cron": "never"}}], 422)
        await ask.patch(f"{path}/{made[1]['id']}", {"active": True, "slug": "b", "max_scheduled_runs": 2})
        await ask.patch(f"{path}/{made[1]['id']}", {"slug": "a"}, 409)
        shown = await ask.get(path)
        assert [(schedule["slug"], schedule["max_scheduled_runs"]) for schedule in shown] == [("b", 2), ("a", None)]
        assert shown[0]["schedule"] == made[1]["schedule"]
        await ask.delete(f"{path}/{made[0]['id']}")
        await ask.delete(f"{path}/{made[0]['id']}", 404)
        await ask.patch(f"{path}/{MISSING_ID}", {"active": True}, 404)
        await ask.get(f"/deployments/{MISSING_ID}/schedules", 404)

    async def test_change_matches_schedules_by_slug(self, ask: PathClient, flow: str) -> None:
        every = {"schedule": {"interval": 60}}
        id_ = (await deploy(ask, flow, schedules=[{**every, "slug": "a"}]))["id"]

        async def slugs() -> dict[str, tuple[str, bool]]:
            found = (await ask.get(f"/deployments/{id_}"))["schedules"]
            return {schedule["slug"]: (schedule["id"], schedule["active"]) for schedule in found}

        first = (await slugs())["a"]
        await ask.patch(f"/deployments/{id_}", {"schedules": [every]}, 422)
        await ask.patch(f"/deployments/{id_}", {"schedules": [{"slug": "b", "active": True}]}, 422)
        await ask.patch(f"/deployments/{id_}", {"schedules": [{**every, "slug": "b"}, {**every, "slug": "b"}]}, 409)
        await ask.patch(f"/deployments/{id_}", {"schedules": [{**every, "slug": "b", "active": False}]})
        await ask.patch(f"/deployments/{id_}", {"schedules": [{"slug": "a", "active": False}]})
        assert (await slugs())["a"] == (first[0], False)
        await ask.patch(f"/deployments/{id_}", {"schedules": [{**every, "slug": "c", "replaces": "a"}]})
        assert {slug: id_ for slug, (id_, _) in (await slugs()).items()}["c"] == first[0]
        assert set(await slugs()) == {"b", "c"}

    @pytest.mark.parametrize(("slugs", "left"), [(("a", "b"), 2), (("a", None), 0), ((None, None), 0)])
    async def test_change_to_no_schedules_removes_those_without_slugs(
        self, ask: PathClient, flow: str, slugs: tuple[str | None, ...], left: int
    ) -> None:
        schedules = [{"schedule": {"interval": 3600}, "slug": slug} for slug in slugs]
        body = {"name": "d", "flow_id": flow, "schedules": schedules}
        path = f"/deployments/{(await ask.post('/deployments/', body, 201))['id']}"
        await ask.patch(path, {"description": "x"})
        assert len((await ask.get(path))["schedules"]) == 2
        await ask.patch(path, {"schedules": []})
        assert len((await ask.get(path))["schedules"]) == left

    async def test_change_replaces_all_schedules_when_one_has_no_slug(self, ask: PathClient, flow: str) -> None:
        every = {"schedule": {"interval": 60}}
        id_ = (await deploy(ask, flow, schedules=[{**every, "slug": "a"}, every]))["id"]
        await ask.patch(f"/deployments/{id_}", {"schedules": [{"schedule": {"interval": 5}, "slug": "b"}]})
        assert [schedule["slug"] for schedule in (await ask.get(f"/deployments/{id_}"))["schedules"]] == ["b"]


class TestRuns:
    async def test_run_inherits_values_of_its_deployment(self, ask: PathClient, flow: str) -> None:
        await ask.post("/work_pools/", {"name": "pool", "type": "process"}, 201)
        values = {"parameters": {"x": 1}, "tags": ["a"], "labels": {"l": 1}, "version": "7"}
        id_ = (await deploy(ask, flow, work_pool_name="pool", **values))["id"]
        run = await ask.post(f"/deployments/{id_}/create_flow_run", {}, 201)
        assert (run["state_type"], run["parameters"], run["tags"]) == ("SCHEDULED", {"x": 1}, ["a"])
        assert run["expected_start_time"] is not None
        assert run["deployment_version"] == "7"
        assert run["job_variables"] == {}
        assert (run["work_pool_name"], run["work_queue_name"]) == ("pool", "default")
        assert run["labels"] == {"of": "flow", "prefect.flow.id": flow, "prefect.deployment.id": id_, "l": 1}

    async def test_run_request_overrides_values(self, ask: PathClient, flow: str) -> None:
        await ask.post("/work_pools/", {"name": "pool", "type": "process"}, 201)
        id_ = (await deploy(ask, flow, work_pool_name="pool", parameters={"x": 1, "y": 1}, tags=["a"]))["id"]
        values = {
            "parameters": {"y": 2},
            "tags": ["b", "a"],
            "labels": {"m": "2"},
            "job_variables": {"v": 1},
            "name": "mine",
            "work_queue_name": "new",
            "context": {"c": 1},
            "state": {"type": "PENDING"},
        }
        run = await ask.post(f"/deployments/{id_}/create_flow_run", values, 201)
        assert (run["name"], run["state_type"], run["context"]) == ("mine", "PENDING", {"c": 1})
        assert (run["parameters"], run["tags"], run["job_variables"]) == ({"x": 1, "y": 2}, ["a", "b"], {"v": 1})
        assert (run["work_queue_name"], run["labels"]["m"]) == ("new", "2")

    async def test_idempotency_key_creates_one_run(self, ask: PathClient, flow: str) -> None:
        path = f"/deployments/{(await deploy(ask, flow))['id']}/create_flow_run"
        first = await ask.post(path, {"idempotency_key": "k"}, 201)
        assert (await ask.post(path, {"idempotency_key": "k", "name": "other"}, 200))["id"] == first["id"]

    @pytest.mark.parametrize(
        ("parameters", "reason"),
        [
            ({}, "'x' is a required property"),
            ({"x": "one"}, "field 'x'. Failure reason: 'one' is not of type 'integer'"),
            ({"x": 1, "z": None}, "field 'z'. Failure reason: None is not of type 'string'"),
            ({"x": 1, "y": None}, None),
            ({"x": 1, "unknown": 2}, None),
        ],
    )
    async def test_parameters_must_satisfy_the_schema(
        self, ask: PathClient, flow: str, parameters: dict[str, Any], reason: str | None
    ) -> None:
        path = f"/deployments/{(await deploy(ask, flow, parameter_openapi_schema=SCHEMA))['id']}/create_flow_run"
        refused = await ask.post(path, {"parameters": parameters}, 409 if reason else 201)
        assert not reason or reason in refused["detail"]
        await ask.post(path, {"parameters": parameters, "enforce_parameter_schema": False}, 201)

    async def test_form_parameters_are_hydrated(self, ask: PathClient, flow: str) -> None:
        await ask.post("/variables/", {"name": "answer", "value": {"is": 42}}, 201)
        path = f"/deployments/{(await deploy(ask, flow))['id']}/create_flow_run"

        def kind(name: str, **more: Any) -> dict[str, Any]:
            return {"__prefect_kind": name, **more}

        written = {
            "json": kind("json", value='{"a": [1]}'),
            "plain": kind("none", value=1),
            "text": kind("jinja", template="{{ 6 * 7 }}{{ unknown.field }}"),
            "variable": [kind("workspace_variable", variable_name="answer")],
            "unfinished": kind("json"),
        }
        run = await ask.post(path, {"parameters": written}, 201)
        assert run["parameters"] == {"json": {"a": [1]}, "plain": 1, "text": "42", "variable": [{"is": 42}]}
        for wrong in (
            kind("json", value="{"),
            kind("jinja", template="{{"),
            kind("jinja", template="{{ 1 // 0 }}"),
            kind("workspace_variable", variable_name="none"),
            kind("other"),
        ):
            assert "parameters" in (await ask.post(path, {"parameters": {"x": wrong}}, 400))["detail"]

    async def test_job_variables_must_satisfy_the_pool_template(self, ask: PathClient, flow: str) -> None:
        await ask.post("/work_pools/", {"name": "pool", "type": "process", "base_job_template": TEMPLATE}, 201)
        path = f"/deployments/{(await deploy(ask, flow, work_pool_name='pool'))['id']}/create_flow_run"
        await ask.post(path, {"job_variables": {"cpus": "many"}}, 422)
        await ask.post(path, {"job_variables": {"cpus": 1}}, 201)

    async def test_work_queue_is_refused_without_a_pool(self, ask: PathClient, flow: str) -> None:
        path = f"/deployments/{(await deploy(ask, flow))['id']}/create_flow_run"
        assert "no work pool" in (await ask.post(path, {"work_queue_name": "new"}, 400))["detail"]

    async def test_create_many_reports_each_outcome(self, ask: PathClient, flow: str) -> None:
        path = f"/deployments/{(await deploy(ask, flow, parameter_openapi_schema=SCHEMA))['id']}/create_flow_run/bulk"
        good, bad = {"parameters": {"x": 1}, "idempotency_key": "k"}, {"parameters": {"x": "one"}}
        results = (await ask.post(path, [good, bad, good], 200))["results"]
        assert [result["status"] for result in results] == ["CREATED", "FAILED", "CREATED"]
        assert results[0]["flow_run_id"] == results[2]["flow_run_id"]
        assert "not of type 'integer'" in results[1]["error"]
        assert await ask.post(path, []) == {"results": []}
        await ask.post(path, [good] * 101, 400)


class TestReading:
    @pytest.fixture
    async def named(self, ask: PathClient, flow: str) -> None:
        await ask.post("/work_pools/", {"name": "pool", "type": "process"}, 201)
        other = (await ask.post("/flows/", {"name": "nightly"}))["id"]
        await deploy(ask, flow, "one", tags=["a", "b"], work_pool_name="pool", work_queue_name="q")
        await deploy(ask, flow, "two", tags=["a"], paused=True)
        three = await deploy(ask, other, "three", work_pool_name="pool")
        await ask.post(f"/deployments/{three['id']}/create_flow_run", {"name": "run"}, 201)

    @pytest.mark.parametrize(
        ("body", "names"),
        [
            ({}, ["one", "three", "two"]),
            ({"sort": "NAME_DESC", "limit": 2, "offset": 1}, ["three", "one"]),
            ({"sort": "CREATED_DESC"}, ["three", "two", "one"]),
            ({"deployments": {"name": {"like_": "O"}}}, ["one", "two"]),
            ({"deployments": {"flow_or_deployment_name": {"like_": "night"}}}, ["three"]),
            ({"deployments": {"paused": {"eq_": True}}}, ["two"]),
            ({"deployments": {"tags": {"all_": ["a", "b"]}}}, ["one"]),
            ({"deployments": {"tags": {"any_": ["b", "c"]}}}, ["one"]),
            ({"deployments": {"tags": {"is_null_": True}}}, ["three"]),
            ({"deployments": {"work_queue_name": {"any_": ["q"]}}}, ["one"]),
            ({"deployments": {"operator": "or_", "paused": {"eq_": True}, "name": {"any_": ["one"]}}}, ["one", "two"]),
            ({"work_pools": {"name": {"any_": ["pool"]}}}, ["one", "three"]),
            ({"work_pool_queues": {"name": {"startswith_": ["q"]}}}, ["one"]),
            ({"flows": {"name": {"any_": ["nightly"]}}}, ["three"]),
            ({"flow_runs": {"name": {"any_": ["run"]}}}, ["three"]),
            ({"task_runs": {"name": {"any_": ["none"]}}}, []),
        ],
    )
    async def test_filter_selects_deployments(
        self, ask: PathClient, named: None, body: dict[str, Any], names: list[str]
    ) -> None:
        assert [found["name"] for found in await ask.post("/deployments/filter", body)] == names
        if "limit" not in body:
            filters = {name: value for name, value in body.items() if name != "sort"}
            assert await ask.post("/deployments/count", filters) == len(names)

    async def test_paginate_returns_pages(self, ask: PathClient, named: None) -> None:
        page = await ask.post("/deployments/paginate", {"limit": 2, "page": 2})
        assert [found["name"] for found in page.pop("results")] == ["two"]
        assert page == {"count": 3, "limit": 2, "pages": 2, "page": 2}

    async def test_flows_are_filtered_by_deployments(self, ask: PathClient, named: None) -> None:
        await ask.post("/flows/", {"name": "without"})
        body = {"flows": {"deployment": {"is_null_": True}}}
        assert [found["name"] for found in await ask.post("/flows/filter", body)] == ["without"]


class TestDeleting:
    async def test_remove_deletes_runs_that_have_not_started(self, ask: PathClient, flow: str) -> None:
        id_ = (await deploy(ask, flow, concurrency_limit=1, schedules=[{"schedule": {"interval": 3600}}]))["id"]
        waiting, running = [(await ask.post(f"/deployments/{id_}/create_flow_run", status=201))["id"] for _ in range(2)]
        await ask.post(f"/flow_runs/{running}/set_state", {"state": {"type": "PENDING"}, "force": True})
        await ask.post(f"/deployments/{id_}/schedule")
        await ask.delete(f"/deployments/{id_}")
        await ask.get(f"/flow_runs/{waiting}", 404)
        assert await ask.post("/flow_runs/count") == 1
        assert (await ask.get(f"/flow_runs/{running}"))["deployment_id"] == id_
        await ask.get(f"/v2/concurrency_limits/deployment:{id_}", 404)

    async def test_remove_deletes_matching_deployments(self, ask: PathClient, flow: str) -> None:
        made = [(await deploy(ask, flow, f"d{number}"))["id"] for number in range(3)]
        some = {"deployments": {"id": {"any_": made[:2]}}}
        assert set((await ask.post("/deployments/bulk_delete", some))["deleted"]) == set(made[:2])
        assert (await ask.post("/deployments/bulk_delete", {"limit": 1}))["deleted"] == made[2:]
        await ask.post("/deployments/bulk_delete", {"limit": 51}, 422)
