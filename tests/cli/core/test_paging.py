"""Listings of more than a page, where the API allows pages of its own size."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from prefect.cli.core import lookup
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.schemas.actions import (
    ArtifactCreate,
    GlobalConcurrencyLimitCreate,
    VariableCreate,
    WorkPoolCreate,
)
from prefect.types import new_id
from tests.cli.conftest import Run, table
from tests.server.journal_records import flow, flow_run, log, task_run, write

COUNT = 7
"""Objects of each kind; the API allows three a page."""


LISTINGS = [
    (("flow-run", "ls", "--limit", "500"), 2 * COUNT),
    (("flow-run", "ls", "--limit", "5"), 5),
    (("flow-run", "ls", "--limit", "2"), 2),
    (("task-run", "ls", "--limit", "500"), COUNT),
    (("flow", "ls", "--limit", "500"), COUNT + 1),
    (("flow", "ls"), COUNT + 1),
    (("variable", "ls"), COUNT),
    (("variable", "ls", "--limit", "4"), 4),
    (("artifact", "ls"), COUNT + 1),
    (("artifact", "ls", "--all"), 2 * COUNT),
    (("deployment", "ls"), COUNT),
    (("work-pool", "ls"), COUNT),
    (("work-pool", "preview", "pool-0"), COUNT),
    (("work-queue", "ls", "-p", "pool-0"), COUNT + 1),
    (("work-queue", "read-runs", "default", "-p", "pool-0"), COUNT),
    (("concurrency-limit", "ls"), COUNT),
    (("concurrency-limit", "ls", "--limit", "2", "--offset", "6"), 1),
    (("global-concurrency-limit", "ls"), 3 * COUNT),
]
"""Commands, and the rows that they print."""


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_SERVER_API_DEFAULT_LIMIT", "3")


@pytest.fixture
def run_id(home: Path) -> UUID:
    """Seven of everything; the id of the flow run that the task runs and logs belong to."""
    id_ = new_id()
    records: list[Any] = [flow(), flow_run(id_, name="first")]
    records += [flow_run(name=f"run-{number}") for number in range(COUNT - 1)]
    records += [{**flow(f"flow-{number}"), "id": new_id()} for number in range(COUNT - 1)]
    records += [task_run(id_, name=f"task-{number}", dynamic_key=str(number)) for number in range(COUNT)]
    records += [log(id_, f"line {number}", number) for number in range(COUNT)]
    write(home, records)
    client = get_client(sync_client=True)
    _add_work(client)
    for number in range(COUNT):
        client.create_variable(VariableCreate(name=f"v{number}", value=number))
        client.create_artifact(ArtifactCreate(key=f"a{number}", type="markdown"))
        client.create_artifact(ArtifactCreate(key="many", type="markdown"))
        client.create_concurrency_limit(f"tag-{number}", 1)
        client.create_global_concurrency_limit(GlobalConcurrencyLimitCreate(name=f"g{number}", limit=1))
    return id_


def _add_work(client: SyncPrefectClient) -> None:
    for number in range(COUNT):
        client.create_work_pool(WorkPoolCreate(name=f"pool-{number}", type="process"))
        client.create_work_queue(f"queue-{number}", work_pool_name="pool-0")
    flow_id = client.create_flow_from_name("deployed")
    for number in range(COUNT):
        deployment = client.create_deployment(flow_id, f"d{number}", work_pool_name="pool-0", concurrency_limit=1)
        client.create_flow_run_from_deployment(deployment, name=f"waiting-{number}")


def test_listings_read_all_pages(run: Run, run_id: UUID) -> None:
    for args, rows in LISTINGS:
        outcome = run(*args)
        assert (outcome.code, outcome.err) == (0, ""), args
        found = table(outcome.out)
        assert len(found) == len({tuple(row) for row in found}) == rows, args


def test_listings_name_the_objects_of_all_pages(run: Run, run_id: UUID) -> None:
    assert all(row[0].startswith("deployed/") for row in table(run("deployment", "ls").out))
    shown = run("flow-run", "inspect", str(run_id)).out
    assert f"{COUNT} " in shown.partition("Task runs")[2].splitlines()[0]
    assert len(run("flow-run", "logs", "first").out.splitlines()) == COUNT
    assert len(run("flow-run", "logs", "first", "-n", "5").out.splitlines()) == 5


def test_run_is_found_by_a_name_behind_the_first_page(run: Run, run_id: UUID) -> None:
    assert run("flow-run", "inspect", "first", "-o", "json").json["id"] == str(run_id)
    assert run("task-run", "inspect", "task-0", "-o", "json").json["name"] == "task-0"


def test_artifact_delete_deletes_versions_of_all_pages(run: Run, run_id: UUID) -> None:
    assert run("artifact", "delete", "many").out == "Deleted artifact 'many'.\n"
    assert run("artifact", "inspect", "many").code == 1


def test_read_all_pages_asks_once_for_a_page_that_is_not_full() -> None:
    page_requests: list[tuple[int | None, int]] = []

    def read(limit: int | None, offset: int) -> list[int]:
        page_requests.append((limit, offset))
        return list(range(450))[offset : offset + (limit or 3)]

    assert len(lookup.read_all_pages(read)) == 450
    assert page_requests == [(200, 0), (200, 200), (200, 400)]
    page_requests.clear()
    assert lookup.read_all_pages(read, 5) == [0, 1, 2, 3, 4]
    assert page_requests == [(5, 0)]
    page_requests.clear()
    assert len(lookup.read_all_pages(read, 300)) == 300
    assert page_requests == [(200, 0), (100, 200)]
