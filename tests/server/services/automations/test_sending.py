"""Notifications and webhooks of automations: what is sent and tried again, and that no endpoint holds up others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from cryptography.fernet import Fernet

from prefect.notifications import requests
from prefect.notifications.requests import Request
from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.loops import automations as loop
from prefect.server.loops.automations import ActionExecutor
from prefect.server.services.automations import jobs
from prefect.server.services.catalog import system_blocks
from prefect.server.services.security import encryption
from prefect.settings import PREFECT_UI_URL, temporary_settings
from prefect.types import now
from tests.server.route_calls import call_route
from tests.server.services.automations.endpoint import Endpoint, serve_endpoint
from tests.server.services.automations.reactions import Reactions


@pytest.fixture
async def endpoint() -> AsyncIterator[Endpoint]:
    async with serve_endpoint() as served:
        yield served


@pytest.fixture(autouse=True)
def no_delay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "FIRST_RETRY_DELAY", timedelta(0))


async def make_block(reactions: Reactions, slug: str, data: dict[str, Any], name: str = "hook") -> str:
    """Create a document of one of the block types that a server registers when it starts."""
    await reactions.environment.database.write(system_blocks.install_block_types)
    block_type = await call_route(reactions.api, "GET", "/block_types/slug/{slug}", slug=slug)
    criteria = {"block_schemas": {"block_type_id": {"any_": [block_type["id"]]}}}
    (schema,) = await call_route(reactions.api, "POST", "/block_schemas/filter", criteria)
    body = {"name": name, "block_type_id": block_type["id"], "block_schema_id": schema["id"], "data": data}
    return (await call_route(reactions.api, "POST", "/block_documents/", body, 201))["id"]


async def webhook(reactions: Reactions, url: str, payload: Any = "", **data: Any) -> str:
    """Create an automation that calls a webhook."""
    block_id = await make_block(
        reactions, "webhook", {"url": url, **data}, f"hook-{len(await reactions.rows(store.block_documents))}"
    )
    action = {"type": "call-webhook", "block_document_id": block_id, "payload": payload}
    return await reactions.automation(None, action)


async def test_webhook_is_called_with_its_payload_and_an_idempotency_key(
    reactions: Reactions, endpoint: Endpoint
) -> None:
    payload = {"event": "{{ event.event }}", "of": "{{ event.resource.id }}"}
    await webhook(reactions, endpoint.url, payload, headers={"X-Token": "s3cret"})
    await reactions.emit()
    await reactions.react()
    (call,) = endpoint.calls
    (event,) = await reactions.events("action.executed")
    (loaded,) = await reactions.find_events("prefect.block.webhook.loaded")
    assert loaded["resource"]["prefect.resource.name"].startswith("hook")
    assert [one["prefect.resource.id"] for one in loaded["related"]] == ["prefect.block-type.webhook"]
    assert call.body.replace(" ", "") == '{"event":"a","of":"x.1"}'
    assert call.headers["x-token"] == "s3cret"
    assert call.headers["idempotency-key"] == event["payload"]["invocation"]
    assert event["payload"]["status_code"] == 200 and event["payload"]["response_body"] == "ok"
    assert [labels["prefect.resource.role"] for labels in event["related"]][:1] == ["block"]
    assert "s3cret" not in str(event)


async def test_template_links_to_the_page(reactions: Reactions, endpoint: Endpoint) -> None:
    flow = await call_route(reactions.api, "POST", "/flows/", {"name": "etl"}, 201)
    await webhook(reactions, endpoint.url, "{{ flow|ui_url }} {{ event.resource|ui_url }} {{ automation|ui_url }}")
    await reactions.emit(resource=f"prefect.flow.{flow['id']}")
    with temporary_settings({PREFECT_UI_URL: "https://pages.example"}):
        await reactions.react()
    (automation,) = await reactions.rows(store.automations)
    page = f"https://pages.example/flows/flow/{flow['id']}"
    expected = f"{page} {page} https://pages.example/automations/automation/{automation['id']}"
    assert [call.body for call in endpoint.calls] == [expected]


async def test_action_is_sent_after_the_evaluation_that_leads_to_it(reactions: Reactions, endpoint: Endpoint) -> None:
    await webhook(reactions, endpoint.url, "{{ event.id }}")
    await reactions.act()
    event_id = await reactions.emit()
    await reactions.evaluate()
    await asyncio.wait(reactions.executor.tasks)
    assert [call.body for call in endpoint.calls] == [event_id]
    assert await reactions.rows(store.action_jobs) == []


async def test_actions_are_left_to_the_server_that_carries_them_out(reactions: Reactions, endpoint: Endpoint) -> None:
    await webhook(reactions, endpoint.url)
    await reactions.emit()
    await reactions.evaluate()
    assert reactions.executor.tasks == [] and len(await reactions.rows(store.action_jobs)) == 1
    await reactions.act()
    assert len(endpoint.calls) == 1


async def test_many_actions_are_left_to_the_next_round(reactions: Reactions, endpoint: Endpoint) -> None:
    await webhook(reactions, endpoint.url)
    await reactions.act()
    for _ in range(loop.MAX_BRIEF_JOBS + 1):
        await reactions.emit()
    await reactions.evaluate()
    assert reactions.executor.tasks == []
    await reactions.act()
    assert len(endpoint.calls) == loop.MAX_BRIEF_JOBS + 1


async def test_actions_that_cannot_be_started_with_their_evaluation_are_started_by_the_next_round(
    reactions: Reactions, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(tx: Transaction, *args: Any) -> Any:
        await store.action_jobs.remove(tx, {})
        raise RuntimeError("on purpose")

    await webhook(reactions, endpoint.url)
    await reactions.act()
    await reactions.emit()
    with monkeypatch.context() as patch:
        patch.setattr(jobs, "start_new", fail)
        await reactions.evaluate()
    assert len(await reactions.events("triggered")) == 1
    await reactions.act()
    assert len(endpoint.calls) == 1


async def test_jobs_that_took_long_to_begin_are_not_begun_in_the_event_loop_again(
    reactions: Reactions, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    briefs: list[bool] = []
    database = reactions.environment.database
    write = database.write_in_background

    async def observe(work: Any, brief: bool = False) -> Any:
        result = await write(work, brief)
        if not isinstance(result, jobs.StartResult) or result.found:
            briefs.append(brief)
        return result

    monkeypatch.setattr(loop, "MAX_BRIEF_SECONDS", 1e-9)
    monkeypatch.setattr(loop, "LEADING_SECONDS", 0)
    await webhook(reactions, endpoint.url, "{{ event.id }}")
    for _ in range(2):
        await reactions.emit()
        await reactions.evaluate()
        with monkeypatch.context() as patch:
            patch.setattr(database, "write_in_background", observe)
            await reactions.act()
    assert briefs == [True, True, False, True]  # each time to begin, then to end


@pytest.mark.parametrize("statuses", [[500], [503, 500, 429, 502]])
async def test_webhook_that_answers_an_error_is_called_again_with_the_same_key(
    reactions: Reactions, endpoint: Endpoint, statuses: list[int]
) -> None:
    endpoint.statuses = list(statuses)
    await webhook(reactions, endpoint.url)
    await reactions.emit()
    await reactions.react()
    assert len(endpoint.calls) == len(statuses) + 1
    assert len({call.headers["idempotency-key"] for call in endpoint.calls}) == 1
    assert len(await reactions.events("action.executed")) == len(await reactions.events("action.triggered")) == 1


@pytest.mark.parametrize(("statuses", "calls", "reason"), [([404], 1, "404"), ([500] * 9, 5, "500")])
async def test_webhook_that_keeps_failing_fails_its_action(
    reactions: Reactions, endpoint: Endpoint, statuses: list[int], calls: int, reason: str
) -> None:
    endpoint.statuses = list(statuses)
    await webhook(reactions, endpoint.url)
    await reactions.emit()
    await reactions.react()
    (event,) = await reactions.events("action.failed")
    assert len(endpoint.calls) == calls
    assert reason in event["payload"]["reason"] and "webhook/hook" in event["payload"]["reason"]
    assert event["payload"]["status_code"] == int(reason)
    assert await reactions.rows(store.action_jobs) == []


async def test_webhook_that_refuses_fails_its_action(reactions: Reactions, endpoint: Endpoint) -> None:
    async with serve_endpoint() as gone:
        url = gone.url
    await webhook(reactions, url)
    await reactions.emit()
    await reactions.react()
    (event,) = await reactions.events("action.failed")
    assert "cannot be reached" in event["payload"]["reason"]


async def test_webhook_that_hangs_holds_up_no_other(reactions: Reactions, endpoint: Endpoint) -> None:
    async with serve_endpoint() as hanging:
        hanging.statuses = [0] * 100
        await webhook(reactions, hanging.url)
        for _ in range(2 * loop.CONCURRENT_ACTIONS_PER_AUTOMATION):
            await reactions.emit()
        await reactions.evaluate()
        await reactions.executor.run_once(reactions.environment)
        await asyncio.wait_for(hanging.called.wait(), 60)
        assert len(reactions.executor.tasks) == loop.CONCURRENT_ACTIONS_PER_AUTOMATION
        await webhook(reactions, endpoint.url)
        await reactions.emit()
        await reactions.evaluate()
        await reactions.executor.run_once(reactions.environment)
        await asyncio.wait_for(endpoint.called.wait(), 60)
        await reactions.executor.close()


async def test_many_endpoints_that_hang_hold_up_no_other(endpoint: Endpoint) -> None:
    async with serve_endpoint() as hanging, requests.create_client() as client:
        hanging.statuses = [0] * 200
        waiting = [asyncio.create_task(requests.send(Request("POST", hanging.url), client)) for _ in range(150)]
        assert (await requests.send(Request("POST", endpoint.url), client)).status_code == 200
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)


async def test_webhook_without_an_answer_is_abandoned_in_time(
    reactions: Reactions, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "ACTION_TIMEOUT_SECONDS", 0.05)
    endpoint.statuses = [0] * 9
    await webhook(reactions, endpoint.url)
    await reactions.emit()
    await reactions.react()
    (event,) = await reactions.events("action.failed")
    assert "no answer within" in event["payload"]["reason"]


async def test_call_that_a_killed_server_had_begun_is_made_again_with_the_same_key(
    reactions: Reactions, endpoint: Endpoint
) -> None:
    endpoint.statuses = [0]
    await webhook(reactions, endpoint.url)
    await reactions.emit()
    await reactions.evaluate()
    await reactions.executor.run_once(reactions.environment)
    await asyncio.wait_for(endpoint.called.wait(), 60)
    await reactions.executor.close()
    (job,) = await reactions.rows(store.action_jobs)
    assert job["owner"] is not None and job["due"] > now()
    reactions.executor = ActionExecutor()
    await reactions.act()
    assert len(endpoint.calls) == 2 and len({call.headers["idempotency-key"] for call in endpoint.calls}) == 1
    assert len(await reactions.events("action.executed")) == 1


async def test_notification_is_sent_by_its_block(reactions: Reactions, endpoint: Endpoint) -> None:
    data = {"name": "n", "url": endpoint.url, "json_data": {"text": "{{ subject }}: {{ body }}"}, "method": "POST"}
    block_id = await make_block(reactions, "custom-webhook", data)
    action = {
        "type": "send-notification",
        "block_document_id": block_id,
        "subject": "{{ automation.name }}",
        "body": "{{ event.event }} at {{ event.occurred }}",
    }
    await reactions.automation(None, action)
    await reactions.emit()
    await reactions.react()
    assert '"watch: a at 20' in endpoint.calls[0].body
    assert len(await reactions.events("action.executed")) == 1


async def test_block_of_another_type_is_refused(reactions: Reactions) -> None:
    block_id = await make_block(reactions, "secret", {"value": "x"})
    for action in (
        {"type": "call-webhook", "block_document_id": block_id},
        {"type": "send-notification", "block_document_id": block_id, "subject": "", "body": ""},
    ):
        await reactions.automation(None, action)
    await reactions.emit()
    await reactions.react()
    reasons = [event["payload"]["reason"] for event in await reactions.events("action.failed")]
    assert len(reasons) == 2 and all("secret/hook" in reason for reason in reasons)


async def test_block_under_another_key_fails_the_action_and_names_the_block(
    reactions: Reactions, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(encryption.KEY_VARIABLE, Fernet.generate_key().decode())
    await webhook(reactions, endpoint.url)
    await reactions.emit()
    monkeypatch.setenv(encryption.KEY_VARIABLE, Fernet.generate_key().decode())
    await reactions.react()
    (event,) = await reactions.events("action.failed")
    assert "hook" in event["payload"]["reason"] and "key" in event["payload"]["reason"]
    assert endpoint.calls == []
