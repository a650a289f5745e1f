"""Filters and sorts: what each asks, in which order, and that none of the schemas' is forgotten."""

from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from prefect._io import drive
from prefect.schemas import sorting as sorts
from prefect.schemas.filters import objects, runs
from prefect.schemas.wire import filters as wire_filters
from prefect.server import store
from prefect.server.db.dialect import SqliteDialect
from prefect.server.db.sqlite.database import SqliteDatabase
from prefect.server.services.catalog import artifacts
from prefect.server.services.core import reading
from prefect.server.services.core.errors import InvalidRequest
from prefect.server.services.runs.ingestion.journal_ingestion import apply_journal
from prefect.server.store import filters, sorting
from prefect.types import new_id
from tests.server.journal_records import FLOW_ID, at, flow, flow_run, log, state, task_run, write

OTHER_FLOW = UUID(int=7)


@pytest.fixture
def database(local_store: SqliteDatabase) -> SqliteDatabase:
    return local_store


@pytest.fixture
def ids(database: SqliteDatabase, home: Path) -> dict[str, UUID]:
    """Two flows, three flow runs (one a subflow run), three task runs."""
    ids = {name: new_id() for name in ("first", "second", "sub", "load", "child", "alone")}
    write(
        home,
        [
            flow("etl", tags=["daily"]),
            {**flow("report"), "id": OTHER_FLOW},
            flow_run(ids["first"], name="brave-fox", tags=["prod", "eu"], flow_version="1"),
            flow_run(ids["second"], name="calm-owl", tags=["prod"], created=at(100)),
            flow_run(ids["sub"], name="deep-sea", flow_id=OTHER_FLOW, parent_task_run_id=ids["child"]),
            task_run(ids["first"], ids["load"], name="load-1", tags=["io"]),
            task_run(ids["first"], ids["child"], name="report-0"),
            task_run(None, ids["alone"], name="Load-alone"),
            state("flow_run", ids["first"], "RUNNING", 10),
            state("flow_run", ids["first"], "COMPLETED", 20),
            state("flow_run", ids["second"], "SCHEDULED", 100, "Late", details={"scheduled_time": at(50)}),
            state("flow_run", ids["sub"], "FAILED", 15, "TimedOut"),
            state("task_run", ids["load"], "COMPLETED", 12),
            state("task_run", ids["child"], "RUNNING", 11),
            log(ids["first"], "Loaded 100% of\\rows", 1, task_run_id=ids["load"]),
            log(ids["first"], "A warning", 2, level=30),
            log(ids["second"], "Nothing to do", 3),
        ],
    )
    drive(apply_journal(database, home))
    return ids


async def found(database: SqliteDatabase, kind: str, **criteria: Any) -> list[dict[str, Any]]:
    finds = {"artifact": artifacts.find, "latest_artifact": artifacts.find_latest}
    async with database.reading() as tx:
        if kind in finds:
            return await finds[kind](tx, limit=None, offset=0, **criteria)
        return await getattr(reading, f"find_{kind}s")(tx, **criteria)


def names(database: SqliteDatabase, kind: str, sort: str = "NAME_ASC", **criteria: Any) -> list[str]:
    return [answer["name"] for answer in drive(found(database, kind, sort=sort, **criteria))]


FLOW_RUNS: list[tuple[dict[str, Any], str]] = [
    ({}, "brave-fox calm-owl deep-sea"),
    ({"id": {"any_": ["first", "sub"]}}, "brave-fox deep-sea"),
    ({"id": {"not_any_": ["first"]}}, "calm-owl deep-sea"),
    ({"id": {"any_": []}}, ""),
    ({"name": {"any_": ["calm-owl"]}}, "calm-owl"),
    ({"name": {"like_": "A"}}, "brave-fox calm-owl deep-sea"),
    ({"name": {"like_": "OWL"}}, "calm-owl"),
    ({"tags": {"all_": ["prod", "eu"]}}, "brave-fox"),
    ({"tags": {"any_": ["eu", "us"]}}, "brave-fox"),
    ({"tags": {"is_null_": True}}, "deep-sea"),
    ({"tags": {"is_null_": False}}, "brave-fox calm-owl"),
    ({"tags": {"operator": "or_", "all_": ["eu"], "is_null_": True}}, "brave-fox deep-sea"),
    ({"state": {"type": {"any_": ["COMPLETED", "FAILED"]}}}, "brave-fox deep-sea"),
    ({"state": {"type": {"not_any_": ["COMPLETED"]}}}, "calm-owl deep-sea"),
    ({"state": {"name": {"any_": ["Late"]}}}, "calm-owl"),
    ({"state": {"name": {"not_any_": ["Late"]}}}, "brave-fox deep-sea"),
    ({"state": {"type": {"any_": ["FAILED"]}, "name": {"any_": ["Failed"]}}}, ""),
    ({"state": {"operator": "or_", "type": {"any_": ["FAILED"]}, "name": {"any_": ["Late"]}}}, "calm-owl deep-sea"),
    ({"start_time": {"after_": at(10), "before_": at(10)}}, "brave-fox"),
    ({"start_time": {"is_null_": True}}, "calm-owl"),
    ({"start_time": {"after_": at(30)}}, "calm-owl"),  # it has not started, and is expected to then
    ({"end_time": {"after_": at(20)}}, "brave-fox"),
    ({"end_time": {"is_null_": False, "before_": at(19)}}, "deep-sea"),
    ({"expected_start_time": {"after_": at(30)}}, "calm-owl"),
    ({"next_scheduled_start_time": {"before_": at(50)}}, "calm-owl"),
    ({"flow_version": {"any_": ["1"]}}, "brave-fox"),
    ({"parent_flow_run_id": {"any_": ["first"]}}, "deep-sea"),
    ({"parent_task_run_id": {"any_": ["child"]}}, "deep-sea"),
    ({"parent_task_run_id": {"is_null_": True}}, "brave-fox calm-owl"),
    ({"deployment_id": {"is_null_": True}}, "brave-fox calm-owl deep-sea"),
    ({"work_queue_name": {"any_": ["q"]}}, ""),
    ({"idempotency_key": {"any_": ["k"]}}, ""),
    ({"idempotency_key": {"not_any_": ["k"]}}, "brave-fox calm-owl deep-sea"),
    ({"created_by": {"is_null_": True}}, "brave-fox calm-owl deep-sea"),
    ({"created_by": {"type_": ["SCHEDULE"]}}, ""),
    ({"name": {"any_": ["calm-owl"]}, "tags": {"any_": ["eu"]}}, ""),
    ({"operator": "or_", "name": {"any_": ["calm-owl"]}, "tags": {"any_": ["eu"]}}, "brave-fox calm-owl"),
]


def named(value: Any, ids: dict[str, UUID]) -> Any:
    """A filter with the ids in place of their names."""
    if isinstance(value, dict):
        return {key: named(item, ids) for key, item in value.items()}
    if isinstance(value, list):
        return [ids.get(item, item) for item in value]
    return value


@pytest.mark.parametrize(("criteria", "expected"), FLOW_RUNS, ids=[str(criteria) for criteria, _ in FLOW_RUNS])
def test_flow_run_filters(
    database: SqliteDatabase, ids: dict[str, UUID], criteria: dict[str, Any], expected: str
) -> None:
    filter_ = runs.FlowRunFilter.model_validate(named(criteria, ids))
    assert names(database, "flow_run", flow_runs=filter_) == expected.split()


TASK_RUNS: list[tuple[dict[str, Any], str]] = [
    ({"name": {"like_": "load"}}, "Load-alone load-1"),
    ({"flow_run_id": {"any_": ["first"]}}, "load-1 report-0"),
    ({"flow_run_id": {"is_null_": True}}, "Load-alone"),
    ({"subflow_runs": {"exists_": True}}, "report-0"),
    ({"subflow_runs": {"exists_": False}}, "Load-alone load-1"),
    ({"tags": {"all_": ["io"]}}, "load-1"),
    ({"state": {"type": {"any_": ["RUNNING"]}}}, "report-0"),
    ({"start_time": {"before_": at(11)}}, "report-0"),
    ({"end_time": {"is_null_": True}}, "Load-alone report-0"),
]


@pytest.mark.parametrize(("criteria", "expected"), TASK_RUNS, ids=[str(criteria) for criteria, _ in TASK_RUNS])
def test_task_run_filters(
    database: SqliteDatabase, ids: dict[str, UUID], criteria: dict[str, Any], expected: str
) -> None:
    filter_ = runs.TaskRunFilter.model_validate(named(criteria, ids))
    assert names(database, "task_run", task_runs=filter_) == expected.split()


def test_filters_on_related_objects(database: SqliteDatabase, ids: dict[str, UUID]) -> None:
    of_etl = runs.FlowFilter.model_validate({"name": {"any_": ["etl"]}})
    completed = runs.FlowRunFilter.model_validate({"state": {"type": {"any_": ["COMPLETED"]}}})
    loading = runs.TaskRunFilter.model_validate({"tags": {"all_": ["io"]}})
    assert names(database, "flow_run", flows=of_etl) == ["brave-fox", "calm-owl"]
    assert names(database, "flow_run", flows=of_etl, task_runs=loading) == ["brave-fox"]
    assert names(database, "task_run", flows=of_etl, flow_runs=completed) == ["load-1", "report-0"]
    assert names(database, "flow", flow_runs=completed) == ["etl"]
    assert names(database, "flow", task_runs=loading) == ["etl"]
    assert names(database, "flow", flows=runs.FlowFilter.model_validate({"tags": {"all_": ["daily"]}})) == ["etl"]
    assert names(database, "flow", flows=runs.FlowFilter.model_validate({"id": {"any_": [OTHER_FLOW]}})) == ["report"]


LOGS: list[tuple[dict[str, Any], list[str]]] = [
    ({"level": {"ge_": 30}}, ["A warning"]),
    ({"level": {"le_": 20}}, ["Loaded 100% of\\rows", "Nothing to do"]),
    ({"timestamp": {"after_": at(2), "before_": at(2)}}, ["A warning"]),
    ({"flow_run_id": {"any_": ["second"]}}, ["Nothing to do"]),
    ({"task_run_id": {"any_": ["load"]}}, ["Loaded 100% of\\rows"]),
    ({"text": {"query": "warning nothing"}}, ["A warning", "Nothing to do"]),
    ({"text": {"query": '"to do" -warning'}}, ["Nothing to do"]),
    ({"text": {"query": "+a !nothing +warn"}}, ["A warning"]),
    ({"text": {"query": "100%"}}, ["Loaded 100% of\\rows"]),
    ({"text": {"query": "of\\rows"}}, ["Loaded 100% of\\rows"]),
    ({"text": {"query": "0_%"}}, []),
    ({"text": {"query": "  "}}, ["Loaded 100% of\\rows", "A warning", "Nothing to do"]),
]


@pytest.mark.parametrize(("criteria", "expected"), LOGS, ids=[str(criteria) for criteria, _ in LOGS])
def test_log_filters(
    database: SqliteDatabase, ids: dict[str, UUID], criteria: dict[str, Any], expected: list[str]
) -> None:
    filter_ = runs.LogFilter.model_validate(named(criteria, ids))
    assert [line["message"] for line in drive(found(database, "log", logs=filter_))] == expected


def test_artifact_filters(database: SqliteDatabase, ids: dict[str, UUID], home: Path) -> None:
    made = [
        {"kind": "artifact", "id": new_id(), "key": key, "type": type_, "data": data, "created": at(data), **more}
        for key, type_, data, more in (
            ("rows", "table", 1, {"flow_run_id": ids["first"]}),
            ("rows", "table", 2, {"flow_run_id": ids["second"]}),
            ("note", "markdown", 3, {"task_run_id": ids["load"]}),
            (None, "image", 4, {}),
        )
    ]
    write(home, [*made, {"kind": "update", "of": "artifact", "id": made[0]["id"], "set": {"description": "d"}}])
    drive(apply_journal(database, home))

    def data(criteria: dict[str, Any] | None = None, kind: str = "artifact", **more: Any) -> list[Any]:
        model = objects.ArtifactFilter if kind == "artifact" else objects.ArtifactCollectionFilter
        filter_ = None if criteria is None else model.model_validate(criteria)
        return [
            answer["data"] for answer in drive(found(database, kind, sort="CREATED_DESC", artifacts=filter_, **more))
        ]

    assert data() == [4, 3, 2, 1]
    assert data({"key": {"any_": ["rows"]}}) == [2, 1]
    assert data({"key": {"like_": "ro%"}}) == [2, 1]
    assert data({"key": {"like_": "ro"}}) == []
    assert data({"key": {"exists_": False}}) == [4]
    assert data({"type": {"not_any_": ["table"]}}) == [4, 3]
    assert data({"flow_run_id": {"any_": [ids["first"]]}}) == [1]
    assert data(task_runs=runs.TaskRunFilter.model_validate({"name": {"any_": ["load-1"]}})) == [3]
    assert data(flows=runs.FlowFilter.model_validate({"name": {"any_": ["etl"]}})) == [2, 1]
    assert data(None, "latest_artifact") == [3, 2]
    assert data({"latest_id": {"any_": [made[1]["id"]]}}, "latest_artifact") == [2]
    assert data({"flow_run_id": {"any_": [ids["first"]]}}, "latest_artifact") == []


def test_sorts_limits_and_offsets(database: SqliteDatabase, ids: dict[str, UUID]) -> None:
    assert names(database, "flow_run", "NAME_DESC", limit=2) == ["deep-sea", "calm-owl"]
    assert names(database, "flow_run", "NAME_DESC", limit=2, offset=2) == ["brave-fox"]
    assert names(database, "flow_run", "NAME_ASC", offset=1) == ["calm-owl", "deep-sea"]
    assert names(database, "flow_run", "START_TIME_DESC") == ["calm-owl", "deep-sea", "brave-fox"]
    assert names(database, "flow_run", "EXPECTED_START_TIME_ASC") == ["brave-fox", "deep-sea", "calm-owl"]
    assert names(database, "flow_run", "END_TIME_DESC") == ["brave-fox", "deep-sea", "calm-owl"]
    with pytest.raises(InvalidRequest, match="'WEIGHT_ASC': use one of ID_DESC"):
        names(database, "flow_run", "WEIGHT_ASC")


@pytest.mark.parametrize("name", list(filters._COMPILERS))
def test_every_filter_field_compiles(name: str) -> None:
    model = getattr(wire_filters, name)
    assert set(model.model_fields) - {"operator"} <= set(filters._COMPILERS[name])


@pytest.mark.parametrize(
    "table", [collection.table.name for collection in (store.flows, store.flow_runs, store.task_runs)]
)
def test_every_sort_has_an_order(table: str) -> None:
    enum = getattr(sorts, "".join(word.capitalize() for word in table.split("_")) + "Sort")
    assert all(sorting.compile_order(SqliteDialect(), table, member, "") for member in enum)


def test_orders_put_nulls_before_all_values() -> None:
    ordered = [sorting.compile_order(SqliteDialect(), "flow_run", sort, "") for sort in ("END_TIME_DESC", "NAME_ASC")]
    assert ordered == [
        "flow_run.end_time DESC NULLS LAST, flow_run.id DESC",
        "flow_run.name ASC, flow_run.id ASC",
    ]
    assert store.logs.order("-timestamp", "flow_run_id") == "log.timestamp DESC, log.flow_run_id ASC NULLS FIRST"
    with pytest.raises(ValueError, match="has no column 'at; DROP TABLE log'"):
        store.logs.order("at; DROP TABLE log")


def test_filter_values_never_enter_the_sql_text() -> None:
    nasty = "x' OR 1=1; DROP TABLE flow --"
    condition = filters.compile_filter(
        SqliteDialect(), runs.FlowFilter.model_validate({"name": {"any_": [nasty], "like_": nasty}})
    )
    assert "DROP" not in condition.text
    assert FLOW_ID not in condition.values


def test_flow_run_listing_uses_its_index(database: SqliteDatabase, ids: dict[str, UUID]) -> None:
    async def plans() -> list[str]:
        from prefect.server.db.sql import Sql

        queries = [
            "SELECT id FROM flow_run ORDER BY flow_run.expected_start_time DESC, flow_run.id DESC LIMIT 15",
            "SELECT * FROM task_run WHERE task_run.flow_run_id = x'00'",
            "SELECT * FROM log WHERE log.flow_run_id = x'00' ORDER BY log.timestamp ASC",
            f"SELECT owner FROM task_run WHERE {owners_condition()}",
        ]
        async with database.reading() as tx:
            return [" ".join(str(line[3]) for line in await tx.fetch(Sql(f"EXPLAIN QUERY PLAN {q}"))) for q in queries]

    def owners_condition() -> str:
        from prefect.server.store.queries.runs import _owned

        return _owned(store.task_runs).text

    for plan, index in zip(
        drive(plans()), ("by_expected_start", "task_run_by_flow_run", "log_by_flow_run", "task_run_open"), strict=True
    ):
        assert index in plan
