"""Integers beyond 64 bits and lone surrogates, kept exact over HTTP and in process, on both databases."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx

from prefect import flow
from prefect.client.orchestration import get_client
from prefect.events import emit_event
from prefect.schemas.actions import ArtifactCreate, VariableCreate
from prefect.server import store
from prefect.server.db.interface import Database
from prefect.types import json_codec, new_id, now

VALUE = {"big": 1 << 80, "list": [-(1 << 70), {"lone": "a\ud800b"}], "key\udc80": 1 << 64, "plain": [1, "ä", None]}


async def send(api: httpx.AsyncClient, method: str, path: str, body: Any = None) -> Any:
    """Send a body as another program's JSON library writes it, and return the answer."""
    content = None if body is None else json.dumps(body).encode()
    response = await api.request(method, path, content=content, headers={"content-type": "application/json"})
    assert response.is_success, response.text
    return json.loads(response.content) if response.content else None


async def test_parameters_are_exact(api: httpx.AsyncClient) -> None:
    flow_id = (await send(api, "POST", "/flows/", {"name": "f"}))["id"]
    run = await send(api, "POST", "/flow_runs/", {"flow_id": flow_id, "parameters": VALUE, "context": VALUE})
    read = await send(api, "GET", f"/flow_runs/{run['id']}")
    assert (read["parameters"], read["context"]) == (VALUE, VALUE)
    found = await send(api, "POST", "/flow_runs/filter", {})
    assert [one["parameters"] for one in found] == [VALUE]
    body = {"name": "d", "flow_id": flow_id, "parameters": VALUE, "enforce_parameter_schema": False}
    deployment = (await send(api, "POST", "/deployments/", body))["id"]
    assert (await send(api, "GET", f"/deployments/{deployment}"))["parameters"] == VALUE
    created = await send(api, "POST", f"/deployments/{deployment}/create_flow_run", {"parameters": {"more": 1 << 90}})
    assert created["parameters"] == {**VALUE, "more": 1 << 90}


async def test_variables_and_artifacts_are_exact(api: httpx.AsyncClient) -> None:
    await send(api, "POST", "/variables/", {"name": "v", "value": VALUE})
    assert (await send(api, "GET", "/variables/name/v"))["value"] == VALUE
    artifact = await send(api, "POST", "/artifacts/", {"key": "k", "type": "x", "data": VALUE})
    assert (await send(api, "GET", f"/artifacts/{artifact['id']}"))["data"] == VALUE
    assert [one["data"] for one in await send(api, "POST", "/artifacts/latest/filter", {})] == [VALUE]


async def test_event_payloads_are_exact(api: httpx.AsyncClient) -> None:
    event = {
        "id": str(new_id()),
        "occurred": now().isoformat(),
        "event": "x.y",
        "resource": {"prefect.resource.id": "r"},
        "payload": VALUE,
    }
    await send(api, "POST", "/events", [event])
    criteria = {"filter": {"event": {"name": ["x.y"]}}}
    assert [one["payload"] for one in (await send(api, "POST", "/events/filter", criteria))["events"]] == [VALUE]


async def test_journal_records_are_exact(api: httpx.AsyncClient, database: Database) -> None:
    flow_id, run_id, artifact_id = new_id(), new_id(), new_id()
    at = now().isoformat()
    records: list[dict[str, Any]] = [
        {"kind": "flow", "id": str(flow_id), "name": "f", "tags": [], "labels": {}, "created": at},
        {"kind": "flow_run", "id": str(run_id), "flow_id": str(flow_id), "name": "r", "parameters": VALUE, "tags": [],
         "context": {}, "labels": {}, "flow_version": None, "parent_task_run_id": None, "deployment_id": None,
         "empirical_policy": {}, "created": at, "owner": None, "states": []},
        {"kind": "artifact", "id": str(artifact_id), "key": "k", "type": "x", "description": "t\ud800", "data": VALUE,
         "metadata_": None, "flow_run_id": str(run_id), "task_run_id": None, "created": at},
    ]  # fmt: skip
    body = b"\n".join(map(json_codec.dumps, records))
    assert (await api.post("/journal", content=body)).json() == {"records": 3, "dead_lettered": 0}
    run = await database.read(lambda tx: store.flow_runs.get(tx, run_id))
    artifact = await database.read(lambda tx: store.artifacts.get(tx, artifact_id))
    assert run is not None and run["parameters"] == VALUE
    assert artifact is not None and (artifact["data"], artifact["description"]) == (VALUE, "t\\ud800")


async def test_texts_with_lone_surrogates_are_stored_readably(api: httpx.AsyncClient) -> None:
    flow_id = (await send(api, "POST", "/flows/", {"name": "f", "tags": ["t\ud800"]}))["id"]
    shown = await send(api, "GET", f"/flows/{flow_id}")
    assert shown["tags"] == ["t\\ud800"]
    state = {"type": "FAILED", "message": "m\ud800", "data": {"n": 1 << 80}}
    run = (await send(api, "POST", "/flow_runs/", {"flow_id": flow_id, "state": state}))["id"]
    shown = await send(api, "GET", f"/flow_runs/{run}")
    assert (shown["state"]["message"], shown["state"]["data"]) == ("m\\ud800", {"n": 1 << 80})
    body = {"flows": {"name": {"any_": ["f", "f\ud800"]}, "tags": {"all_": ["t\\ud800"]}}}
    assert len(await send(api, "POST", "/flows/filter", body)) == 1


@flow
def keep(value: Any, number: int) -> None:
    pass


def test_values_are_exact_in_process(home: Path) -> None:
    keep(VALUE, 1 << 80, return_state=True)
    keep("a\ud800", -(1 << 70), return_state=True)
    client = get_client(sync_client=True)
    runs = sorted(client.read_flow_runs(), key=lambda run: run.created or now())
    assert [run.parameters for run in runs] == [
        {"value": VALUE, "number": 1 << 80},
        {"value": "a\ud800", "number": -(1 << 70)},
    ]
    client.create_variable(VariableCreate(name="v", value=VALUE))
    found = client.read_variable_by_name("v")
    assert found is not None and found.value == VALUE
    artifact = client.create_artifact(ArtifactCreate(key="k", type="x", data=VALUE))
    assert client.read_artifacts()[0].data == artifact.data == VALUE
    emitted = emit_event("x.y", resource={"prefect.resource.id": "r"}, payload=VALUE)
    assert emitted is not None and emitted.size_bytes > 100
