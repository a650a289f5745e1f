"""Waiting for the end of a flow run: one request where the server waits, polling where it does not."""

from __future__ import annotations

from typing import Any

import pytest

from prefect import get_client
from prefect.client import run_waiting
from prefect.client.run_waiting import wait_until_ended
from prefect.types import new_id
from tests.client.serving import FakeApi, Reply

RUN_ID = new_id()


def reply(state_type: str) -> Reply:
    state = {"id": str(new_id()), "type": state_type, "name": state_type.title(), "timestamp": "2026-01-01T00:00:00Z"}
    return Reply(200, {"id": str(RUN_ID), "flow_id": str(new_id()), "name": "run", "state": state})


async def test_one_request_waits_for_the_end(server: FakeApi) -> None:
    server.replies = [reply("COMPLETED")]
    async with get_client() as client:
        run = await wait_until_ended(client, RUN_ID)
    assert run.state is not None and run.state.is_completed()
    (request,) = server.requests
    assert request.headers["prefer"] == "wait=20.000"


async def test_server_that_answers_immediately_is_polled(server: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    monkeypatch.setattr(run_waiting, "sleep", sleep)
    server.replies = [reply("SCHEDULED"), reply("RUNNING"), reply("RUNNING"), reply("FAILED")]
    seen: list[Any] = []
    async with get_client() as client:
        run = await wait_until_ended(client, RUN_ID, max_interval=0.12, on_read=lambda run: seen.append(run.state))
    assert run.state is not None and run.state.is_failed()
    assert pauses == pytest.approx([0.1, 0.12, 0.12])
    assert [state.type.value for state in seen] == ["SCHEDULED", "RUNNING", "RUNNING", "FAILED"]
    assert not any("prefer" in request.headers for request in server.requests)
