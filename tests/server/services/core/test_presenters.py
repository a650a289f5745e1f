"""Rows as the API shows them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from prefect.server.services.core import presenters

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
ID = UUID(int=1)


def run(**columns: Any) -> dict[str, Any]:
    return {
        "total_run_time": None,
        "state_type": "COMPLETED",
        "state_timestamp": AT,
        "expected_start_time": None,
        "start_time": None,
        "end_time": None,
        **columns,
    }


@pytest.mark.parametrize(
    ("columns", "seconds"),
    [
        ({}, 0),
        ({"total_run_time": timedelta(seconds=5)}, 5),
        ({"state_type": "RUNNING"}, 10),
        ({"state_type": "RUNNING", "total_run_time": timedelta(seconds=5)}, 15),
        ({"state_type": "RUNNING", "state_timestamp": AT + timedelta(minutes=1)}, 0),
    ],
)
def test_run_time_includes_the_current_attempt(columns: dict[str, Any], seconds: int) -> None:
    at = AT + timedelta(seconds=10)
    assert presenters.estimate_run_time(run(**columns), at) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("expected", "started", "ended", "seconds"),
    [
        (None, None, None, 0),
        (-30, None, None, 30),
        (30, None, None, 0),
        (-30, -10, None, 20),
        (-10, -30, None, 0),
        (-30, None, -5, 0),
    ],
)
def test_start_delay_is_that_of_the_start_or_so_far(
    expected: int | None, started: int | None, ended: int | None, seconds: int
) -> None:
    def time(offset: int | None) -> datetime | None:
        return None if offset is None else AT + timedelta(seconds=offset)

    row = run(expected_start_time=time(expected), start_time=time(started), end_time=time(ended))
    assert presenters.compute_start_delay(row, AT) == timedelta(seconds=seconds)


def test_present_state_fills_in_name_time_and_details() -> None:
    stored: Any = {"id": str(ID), "type": "COMPLETED", "timestamp": 1_000_000, "details": {"cache_key": "k"}}
    shown = presenters.present_state(stored, {"flow_run_id": ID})
    assert (shown["id"], shown["name"], shown["message"], shown["data"]) == (ID, "Completed", None, None)
    assert shown["timestamp"] == datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)
    assert (shown["state_details"]["cache_key"], shown["state_details"]["flow_run_id"]) == ("k", ID)
    assert presenters.present_state(stored, {}, AT)["timestamp"] == AT


def test_artifact_collection_has_one_id_for_each_key() -> None:
    first, second = (presenters.present_artifact_collection({"id": UUID(int=n), "key": "report"}) for n in (1, 2))
    assert first["id"] == second["id"] and (first["latest_id"], second["latest_id"]) == (UUID(int=1), UUID(int=2))
    assert presenters.present_artifact_collection({"id": UUID(int=1), "key": "other"})["id"] != first["id"]


def test_log_was_created_when_it_was_written() -> None:
    shown = presenters.present_log({"timestamp": AT, "message": "m", "worker_id": None})
    assert (shown["created"], shown["updated"]) == (AT, AT)
