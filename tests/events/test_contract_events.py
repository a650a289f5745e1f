"""Every event of the interface: what causes it, with the local store and with a server, or why nothing here can."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from prefect import flow, task
from prefect.artifacts import create_markdown_artifact, create_progress_artifact, update_progress_artifact
from prefect.assets import Asset, AssetProperties, materialize
from prefect.blocks.core import Block
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.concurrency.sync import concurrency
from prefect.concurrency.v1.sync import concurrency as tag_concurrency
from prefect.deployments.steps.core import run_steps
from prefect.events.worker import EventsWorker
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.types import new_id
from tools import serving

CONTRACT: dict[str, dict[str, Any]] = json.loads((Path(__file__).parent / "data" / "events.json").read_text())

ASSET_EVENTS = ("materialization.failed", "materialization.succeeded", "referenced")
CHANGES = ("created", "updated", "deleted")
STATUSES = ("not-ready", "paused", "ready")

CAUSED_HERE = {
    *(
        f"prefect.{kind}.{change}"
        for kind in ("variable", "flow", "block-type", "block-document")
        for change in CHANGES
    ),
    *(f"prefect.{kind}.{change}" for kind in ("artifact-collection", "automation", "deployment") for change in CHANGES),
    *(f"prefect.{kind}.{change}" for kind in ("work-pool", "work-queue", "concurrency-limit") for change in CHANGES),
    *(f"prefect.asset.{event}" for event in ASSET_EVENTS),
    *(f"prefect.concurrency-limit.{phase}" for phase in ("acquired", "released", "v1.acquired", "v1.released")),
    *("prefect.work-pool.paused", "prefect.work-queue.paused"),
    *("prefect.artifact.created", "prefect.artifact.updated", "prefect.block.{block_type_slug}.loaded"),
    *("prefect.flow-run.{StateName}", "prefect.task-run.{StateName}"),
    *("prefect.flow-run.pull-step.executed", "prefect.flow-run.pull-step.failed"),
}
"""What this module causes."""

CAUSED_ELSEWHERE = {
    "tests/server/loops/test_foreman.py": [
        *("prefect.work-pool.not-ready", "prefect.work-queue.not-ready", "prefect.deployment.not-ready"),
    ],
    "tests/server/services/work/test_work_pools.py": ["prefect.work-pool.ready"],
    "tests/server/services/work/test_dispatch.py": ["prefect.work-queue.ready", "prefect.deployment.ready"],
    "tests/server/services/runs/ingestion/test_heartbeat_events.py": ["prefect.flow-run.heartbeat"],
    "tests/server/services/automations/test_firings.py": [
        *("prefect.automation.triggered", "prefect.automation.action.triggered"),
    ],
    "tests/server/services/automations/test_sending.py": [
        *("prefect.automation.action.executed", "prefect.automation.action.failed"),
    ],
    "tests/server/services/automations/test_windows.py": ["prefect.automation.resolved"],
    "tests/runner/test_runner.py": ["prefect.runner.cancelled-flow-run"],
    "tests/workers/test_process_worker.py": [
        *(f"prefect.worker.{what}" for what in ("started", "stopped", "submitted-flow-run", "executed-flow-run")),
    ],
}
"""Events that need a clock, a process or a loop, by the tests that cause them."""

MISSING = {
    "prefect.workspace.transfer.started": "there is no command `prefect transfer`",
    "prefect.workspace.transfer.completed": "there is no command `prefect transfer`",
}
"""Events that nothing here emits, and why."""


def test_every_event_of_the_interface_is_caused_by_a_test_or_listed_as_missing() -> None:
    elsewhere = [event for events in CAUSED_ELSEWHERE.values() for event in events]
    assert sorted([*CAUSED_HERE, *elsewhere, *MISSING]) == sorted(CONTRACT)
    for path, events in CAUSED_ELSEWHERE.items():
        text = Path(__file__).parents[2].joinpath(path).read_text()
        assert [event for event in events if event.removeprefix("prefect.automation.") not in text] == [], path


# --- what causes events ----------------------------------------------------------------------------------------------


class Opened(Block):
    """A block that is saved, changed, loaded and deleted."""

    x: int = 1


class Renamed(Block):
    """A block whose type is described otherwise later."""


def cause_changes_of_objects(client: SyncPrefectClient) -> None:
    """Create, change and delete an object of each kind."""

    def call(method: str, route: str, body: Any = None, **params: Any) -> Any:
        answer = client.request(method, route, json=body, path_params=params)  # pyright: ignore[reportArgumentType]
        return answer.json() if answer.content else None

    variable = call("POST", "/variables/", {"name": "v", "value": 1})
    call("PATCH", "/variables/{id}", {"value": 2}, id=variable["id"])
    call("DELETE", "/variables/{id}", id=variable["id"])
    etl = call("POST", "/flows/", {"name": "etl"})
    call("PATCH", "/flows/{id}", {"tags": ["a"]}, id=etl["id"])
    limit = call("POST", "/v2/concurrency_limits/", {"name": "db", "limit": 1})
    call("PATCH", "/v2/concurrency_limits/{id_or_name}", {"limit": 2}, id_or_name="db")
    call("DELETE", "/v2/concurrency_limits/{id_or_name}", id_or_name=limit["id"])
    call("POST", "/work_pools/", {"name": "pool", "type": "process"})
    call("PATCH", "/work_pools/{name}", {"is_paused": True}, name="pool")
    call("PATCH", "/work_pools/{name}", {"description": "For tests.", "concurrency_limit": 2}, name="pool")
    call("POST", "/work_pools/{work_pool_name}/queues", {"name": "fast"}, work_pool_name="pool")
    call("PATCH", "/work_pools/{work_pool_name}/queues/{name}", {"is_paused": True}, work_pool_name="pool", name="fast")
    call(
        "PATCH",
        "/work_pools/{work_pool_name}/queues/{name}",
        {"concurrency_limit": 2},
        work_pool_name="pool",
        name="fast",
    )
    deployment = call("POST", "/deployments/", {"name": "daily", "flow_id": etl["id"]})
    call("PATCH", "/deployments/{id}", {"description": "Daily."}, id=deployment["id"])
    call("DELETE", "/deployments/{id}", id=deployment["id"])
    call("DELETE", "/flows/{id}", id=etl["id"])
    call("DELETE", "/work_pools/{work_pool_name}/queues/{name}", work_pool_name="pool", name="fast")
    call("DELETE", "/work_pools/{name}", name="pool")
    trigger = {"type": "event", "posture": "Reactive", "expect": ["never"], "threshold": 1, "within": 0}
    automation = call("POST", "/automations/", {"name": "a", "trigger": trigger, "actions": [{"type": "do-nothing"}]})
    call("PATCH", "/automations/{id}", {"enabled": False}, id=automation["id"])
    call("DELETE", "/automations/{id}", id=automation["id"])


def cause_events_of_blocks(client: SyncPrefectClient) -> None:
    """Save, change, load and delete a block, and change and delete a type."""
    Opened(x=1).save("mine")
    Opened(x=2).save("mine", overwrite=True)
    assert Opened.load("mine").x == 2
    Opened.delete("mine")
    Renamed.register_type_and_schema()
    Renamed._description = "Another description."
    try:
        Renamed.register_type_and_schema()
    finally:
        Renamed._description = None
    client.delete_block_type(client.read_block_type_by_slug("renamed").id)


@task
def source(fail: bool) -> str:
    return "data"


RAW = Asset(
    key="s3://shop/raw", properties=AssetProperties(name="Raw", description="-", url="https://a", owners=["me"])
)
ORDERS = Asset(key="s3://shop/orders", properties=RAW.properties)


@materialize(ORDERS, asset_deps=[RAW], by="dbt")
def make_orders(fail: bool) -> None:
    if fail:
        raise ValueError("no orders")


@flow
def run_all() -> None:
    """Do in a run what emits events."""
    create_markdown_artifact("# One", key="report")
    create_markdown_artifact("# Two", key="report")
    update_progress_artifact(create_progress_artifact(1.0), 2.0)
    make_orders(False)
    make_orders(True, return_state=True)
    with concurrency("rows", occupy=1), tag_concurrency("tagged", task_run_id=new_id()):
        pass


def cause_events_of_runs(client: SyncPrefectClient) -> None:
    """Run a flow, and steps of a flow run."""
    client.request("POST", "/v2/concurrency_limits/", json={"name": "rows", "limit": 1})
    client.create_concurrency_limit("tagged", 1)
    run_all()
    (artifact,) = client.read_latest_artifacts()
    for found in client.read_artifacts():
        if found.key == artifact.key:
            client.delete_artifact(found.id)


def cause_events_of_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run pull steps of a flow run, one of which fails."""
    monkeypatch.setenv("PREFECT__FLOW_RUN_ID", str(new_id()))
    step = "prefect.deployments.steps.set_working_directory"
    asyncio.run(run_steps([{step: {"directory": "/"}}], {}))
    with pytest.raises(Exception, match="no-such-directory"):
        asyncio.run(run_steps([{step: {"directory": "/no-such-directory"}}], {}))
    monkeypatch.delenv("PREFECT__FLOW_RUN_ID")


# --- what they caused ------------------------------------------------------------------------------------------------


@pytest.fixture(params=["home", "server"])
def api(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The local store, then a server."""
    if request.param == "home":
        yield request.param
        return
    with serving.server(tmp_path / "served") as served, temporary_settings({PREFECT_API_URL: served.url}):
        yield request.param


@pytest.mark.served
def test_events_of_the_interface_are_emitted(api: str, monkeypatch: pytest.MonkeyPatch) -> None:
    client = get_client(sync_client=True)
    cause_changes_of_objects(client)
    cause_events_of_blocks(client)
    cause_events_of_runs(client)
    cause_events_of_steps(monkeypatch)
    EventsWorker.instance().wait_until_empty()
    emitted = list(read_all_events(client))
    missing = [name for name in sorted(CAUSED_HERE) if not any(is_named(event, name) for event in emitted)]
    assert missing == []
    for name in CAUSED_HERE:
        check_shape(CONTRACT[name], next(event for event in emitted if is_named(event, name)))


def read_all_events(client: SyncPrefectClient) -> Iterator[dict[str, Any]]:
    page = client.request("POST", "/events/filter", json={"limit": 50}).json()
    while True:
        yield from page["events"]
        if page["next_page"] is None:
            return
        page = client.request("GET", "/events/filter/next", params={"page-token": token(page["next_page"])}).json()


def token(url: str) -> str:
    return parse_qs(urlsplit(url).query)["page-token"][0]


def is_named(event: dict[str, Any], name: str) -> bool:
    """Return whether an event has a name of the interface, in which a part in braces stands for any word."""
    pattern = re.sub(r"\\{[A-Za-z_]+\\}", r"[^.]+", re.escape(name))
    return re.fullmatch(pattern, event["event"]) is not None


def check_shape(shape: dict[str, Any], event: dict[str, Any]) -> None:
    """Check the resource of an event, its labels, and the roles of its related resources."""
    resource = event["resource"]
    pattern = re.sub(r"\\{[^}]*\\}", ".+", re.escape(shape["resource"]))
    assert re.fullmatch(pattern, resource["prefect.resource.id"]), event
    assert [label for label in shape["labels"] if label not in resource] == [], event
    roles = {related["prefect.resource.role"] for related in event["related"]}
    assert set(shape["roles"]) <= roles, event
