"""Claims of flow runs: by one process each, and repeated until they are answered."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from prefect import get_client
from prefect.client.orchestration import PrefectClient
from prefect.runner import claims as claims_module
from prefect.runner.claims import Claims
from prefect.schemas.runs import FlowRun
from prefect.schemas.states import Crashed, Running, Scheduled, StateType


@pytest.fixture
async def client() -> AsyncIterator[PrefectClient]:
    async with get_client() as opened:
        yield opened


@pytest.fixture
async def flow_run(client: PrefectClient) -> FlowRun:
    deployment_id = await client.create_deployment(await client.create_flow_from_name("work"), "test")
    return await client.create_flow_run_from_deployment(deployment_id)


async def test_claimed_run_cannot_be_claimed_by_another(client: PrefectClient, flow_run: FlowRun) -> None:
    mine, other = Claims("one", is_renewed=True), Claims("two", is_renewed=True)
    assert await mine.claim(client, flow_run) is None
    assert await other.claim(client, flow_run) is not None
    assert other.get_environment(flow_run.id) == {}


async def test_start_after_a_lost_claim_is_refused(client: PrefectClient, flow_run: FlowRun) -> None:
    late, other = Claims("one", is_renewed=True), Claims("two", is_renewed=True)
    await late.claim(client, flow_run)
    await client.set_flow_run_state(flow_run.id, Scheduled(), force=True)
    assert await other.claim(client, flow_run) is None
    assert not await late.propose(client, flow_run.id, Running())
    assert not await late.propose(client, flow_run.id, Running(), force=True)
    assert await other.propose(client, flow_run.id, Running())


@pytest.mark.parametrize("is_received", [True, False])
async def test_claim_is_repeated_as_it_was_when_its_answer_is_lost(
    is_received: bool, client: PrefectClient, flow_run: FlowRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims_module, "RETRY_INTERVAL_SECONDS", 0)
    send = client.request
    sent: list[Any] = []

    async def request(*args: Any, **options: Any) -> Any:
        sent.append(options)
        if len(sent) == 1:
            if is_received:
                await send(*args, **options)
            raise ConnectionResetError
        return await send(*args, **options)

    monkeypatch.setattr(client, "request", request)
    claims = Claims("one", is_renewed=True)
    assert await claims.claim(client, flow_run) is None
    assert sent[0] == sent[-1]
    assert await claims.propose(client, flow_run.id, Running())


async def test_claim_of_a_run_that_has_ended_is_refused(client: PrefectClient, flow_run: FlowRun) -> None:
    other, late = Claims("one", is_renewed=True), Claims("two", is_renewed=True)
    await other.claim(client, flow_run)
    await other.propose(client, flow_run.id, Crashed())
    assert "has ended" in str(await late.claim(client, flow_run))
    assert (await client.read_flow_run(flow_run.id)).state_type == StateType.CRASHED


async def test_claim_is_not_repeated_when_others_have_started_the_run(
    client: PrefectClient, flow_run: FlowRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims_module, "RETRY_INTERVAL_SECONDS", 0)
    other, late = Claims("one", is_renewed=True), Claims("two", is_renewed=True)
    send = client.request

    async def start_and_fail(*args: Any, **options: Any) -> Any:
        monkeypatch.setattr(client, "request", send)
        await other.claim(client, flow_run)
        await other.propose(client, flow_run.id, Running())
        raise ConnectionResetError

    monkeypatch.setattr(client, "request", start_and_fail)
    assert await late.claim(client, flow_run) == "it is Running"
