"""A look at the results of runs."""

from __future__ import annotations

import base64
import pickle
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
import pytest

from prefect.server.services.pages.run_detail import results
from prefect.settings import PREFECT_LOCAL_STORAGE_PATH, temporary_settings
from tests.server import journal_records
from tests.server.route_client import RouteClient

PAGE = "/ui/pages/task-run/{id}/result"


async def add_task(call: RouteClient, data: Any) -> str:
    """Add a completed task run with the data of a state."""
    state = {"type": "COMPLETED", "data": data}
    return await call.task_run(await call.flow_run("RUNNING"), state=state)


def write_result(path: Path, serializer: str, body: str) -> dict[str, Any]:
    """Write a result as programs do, and return what its state says of it."""
    metadata = {"storage_key": str(path), "serializer": {"type": serializer}, "storage_block_id": None}
    path.write_bytes(orjson.dumps({"metadata": metadata, "result": body}))
    return metadata


async def look(call: RouteClient, directory: Path, data: Any) -> Any:
    with temporary_settings({PREFECT_LOCAL_STORAGE_PATH: directory}):
        return await call("GET", PAGE, id=await add_task(call, data))


class Own:
    """A class of a user's."""


@pytest.mark.parametrize(
    ("value", "shown", "name"),
    [
        ({"rows": [1, 2], "at": datetime(2026, 1, 2)}, {"rows": [1, 2], "at": "2026-01-02 00:00:00"}, "dict"),
        ({(1, 2): b"x"}, {"(tuple)": "b'x'"}, "dict"),
        ([None, True, 1.5, {3}], [None, True, 1.5, [3]], "list"),
    ],
)
async def test_pickle_of_plain_values_is_shown(
    call: RouteClient, tmp_path: Path, value: Any, shown: Any, name: str
) -> None:
    body = base64.encodebytes(pickle.dumps(value)).decode()
    preview = await look(call, tmp_path, write_result(tmp_path / "one", "pickle", body))
    assert (preview["value"], preview["type"], preview["reason"]) == (shown, name, None)


async def test_pickle_that_needs_a_class_runs_nothing(call: RouteClient, tmp_path: Path) -> None:
    body = base64.encodebytes(pickle.dumps([Own()])).decode()
    preview = await look(call, tmp_path, write_result(tmp_path / "one", "pickle", body))
    assert preview["value"] is None
    assert preview["reason"].startswith(f"It needs the class {__name__}.Own")


async def test_json_is_shown_and_cut(call: RouteClient, tmp_path: Path) -> None:
    data = write_result(tmp_path / "one", "json", orjson.dumps(list(range(5000))).decode())
    preview = await look(call, tmp_path, data)
    assert (preview["value"][:3], preview["is_cut"], preview["type"]) == ([0, 1, 2], True, "list")
    assert len(preview["value"]) <= results.MAX_VALUES


@pytest.mark.parametrize("link", [False, True])
async def test_file_outside_of_the_directory_of_results_is_not_read(
    call: RouteClient, tmp_path: Path, link: bool
) -> None:
    directory = tmp_path / "storage"
    directory.mkdir()
    data = write_result(tmp_path / "secret", "json", "1")
    if link:
        (directory / "link").symlink_to(tmp_path / "secret")
        data["storage_key"] = str(directory / "link")
    preview = await look(call, directory, data)
    assert preview["value"] is None and "outside of the directory" in preview["reason"]


@pytest.mark.parametrize(
    "content", [b"", b"no json", b"{}", b'{"metadata": {"serializer": {"type": "pickle"}}, "result": "%"}']
)
async def test_file_that_is_no_result_is_reported(call: RouteClient, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "one").write_bytes(content)
    preview = await look(call, tmp_path, {"storage_key": "one"})
    assert preview["value"] is None and "cannot be read" in preview["reason"]


async def test_result_that_is_not_here_reports_the_reason(call: RouteClient, tmp_path: Path) -> None:
    missing = await look(call, tmp_path, {"storage_key": "gone"})
    assert missing["reason"] == "It is not kept on the server's machine, or not any more."
    elsewhere = {"storage_key": "a", "storage_block_id": "01a228db-0000-7000-8000-000000000000"}
    assert "block" in (await look(call, tmp_path, elsewhere))["reason"]
    assert (await look(call, tmp_path, None))["reason"] == "It was not kept."


def test_nested_lists_that_share_their_parts_are_cut() -> None:
    value: list[Any] = [1]
    for _ in range(60):
        value = [value, value]
    assert results._build_preview(value, 0)["is_cut"]


async def add_finished_task(call: RouteClient, flow_id: str, seconds: float) -> None:
    """Add a flow run with a task run that took so long."""
    run = journal_records.task_run(UUID(await call.flow_run("COMPLETED", flow_id=flow_id)))
    states = [
        journal_records.state("task_run", run["id"], type_, at)
        for type_, at in (("PENDING", 0), ("RUNNING", 1), ("COMPLETED", 1 + seconds))
    ]
    answer = await call.client.post("/journal", content=b"\n".join(map(orjson.dumps, (run, *states))))
    assert answer.status_code == 200


async def test_usual_duration_is_the_median_of_former_runs(call: RouteClient) -> None:
    flow = await call.flow("etl")
    for seconds in (2, 4, 30):
        await add_finished_task(call, flow, seconds)
    body = {"flow_run_id": await call.flow_run("RUNNING", flow_id=flow), "task_key": "add-1", "dynamic_key": "0"}
    current = (await call("POST", "/task_runs/", body))["id"]
    assert (await call("GET", "/ui/pages/task-run/{id}", id=current))["usual_seconds"] == 4
    other = await call.task_run(body["flow_run_id"], "1")
    assert (await call("GET", "/ui/pages/task-run/{id}", id=other))["usual_seconds"] is None


class Expanding:
    """A few bytes of a pickle that would become a large set."""

    def __reduce__(self) -> Any:
        return set, (range(10**12),)


async def test_pickle_that_asks_for_a_large_value_is_not_read(call: RouteClient, tmp_path: Path) -> None:
    body = base64.encodebytes(pickle.dumps(Expanding())).decode()
    preview = await look(call, tmp_path, write_result(tmp_path / "one", "pickle", body))
    assert preview["reason"] == "It needs the class builtins.set, so only a program can read it."
