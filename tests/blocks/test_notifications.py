"""Notification blocks and webhooks, against an HTTP and a mail server on loopback."""

import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiosmtpd.controller import Controller
from apprise.plugins.sendgrid import NotifySendGrid
from apprise.plugins.twilio import NotifyTwilio

from prefect import flow
from prefect._lazy import lazy
from prefect.blocks import notifications
from prefect.blocks.core import Block
from prefect.blocks.notifications import AppriseNotificationBlock, CustomWebhookNotificationBlock, NotificationError
from prefect.blocks.persistence import dump_document
from prefect.blocks.redis import RedisStorageContainer
from prefect.blocks.schemas import compute_class_checksum
from prefect.blocks.webhook import Webhook
from prefect.filesystems import SMB, LocalFileSystem, RemoteFileSystem
from prefect.notifications import sending, services
from tests.endpoints import Endpoint, open_endpoint
from tools.ports import find_free_port

CANARY = "canary4f1c"
DATA = Path(__file__).parent / "data"

BLOCKS: dict[str, dict[str, Any]] = {
    "SlackWebhook": {"url": f"https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/{CANARY * 2}5678"},
    "MicrosoftTeamsWebhook": {
        "url": f"https://prod-12.westus.logic.azure.com:443/workflows/{'a' * 16}/triggers/manual/paths/invoke"
        f"?api-version=2016-06-01&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig={CANARY}",
        "wrap": False,
    },
    "PagerDutyWebHook": {"integration_key": CANARY, "api_key": CANARY, "custom_details": {"a": "b"}, "group": "g"},
    "TwilioSMS": {
        "account_sid": "AC" + "a" * 32,
        "auth_token": "b" * 32,
        "from_phone_number": "18001234567",
        "to_phone_numbers": ["18004242424"],
    },
    "OpsgenieWebhook": {"apikey": CANARY, "target_user": ["u"], "target_team": ["t"], "tags": ["x"]},
    "MattermostWebhook": {"hostname": "mm.example.com", "token": CANARY, "channels": ["c"], "path": "sub"},
    "DiscordWebhook": {"webhook_id": "i" * 18, "webhook_token": "t" * 20, "botname": "bot"},
    "SendgridEmail": {"api_key": CANARY, "sender_email": "a@example.com", "to_emails": ["b@example.com"]},
}
URLS = {
    "SlackWebhook": f"slack://T1JJ3T3L2/A1BRTD4JD/{CANARY * 2}5678//",
    "MicrosoftTeamsWebhook": f"workflow://prod-12.westus.logic.azure.com:443/{'a' * 16}/{CANARY}/?image=yes&wrap=no",
    "PagerDutyWebHook": f"pagerduty://{CANARY}@{CANARY}/Prefect/Notification?region=us&image=yes&group=g&%2Ba=b",
    "TwilioSMS": f"twilio://AC{'a' * 32}:{'b' * 32}@%2B18001234567/%2B18004242424/",
    "OpsgenieWebhook": f"opsgenie://{CANARY}/%23t/%40u?action=",
    "MattermostWebhook": f"mmost://mm.example.com:8065/sub//{CANARY}/?image=no",
    "DiscordWebhook": f"discord://bot@{'i' * 18}/{'t' * 20}/?tts=no&avatar=no",
    "SendgridEmail": f"sendgrid://{CANARY}:a@example.com/b%40example.com?format=html",
}
CHECKSUMS = json.loads((DATA / "checksums.json").read_text())


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with open_endpoint() as opened:
        yield opened


def test_checksums_are_those_of_the_interface():
    modules = [notifications, sys.modules[Webhook.__module__]]
    classes = [value for each in modules for value in vars(each).values() if Block.is_block_class(value)]
    found = {cls.__name__: cls for cls in (*classes, SMB, LocalFileSystem, RemoteFileSystem, RedisStorageContainer)}
    assert {name: compute_class_checksum(found[name]) for name in CHECKSUMS} == CHECKSUMS


@pytest.mark.parametrize("name", BLOCKS)
def test_block_describes_its_service_to_apprise(name):
    import apprise

    block = getattr(notifications, name)(**BLOCKS[name])
    client = apprise.Apprise()
    assert client.add(services.describe_service(block._service, dump_document(block)))
    assert client.urls()[0].startswith(URLS[name])
    assert block.get_block_capabilities() == {"notify"}


@pytest.mark.parametrize("name", BLOCKS)
def test_block_is_saved_and_loaded_with_its_secrets(name):
    block = getattr(notifications, name)(**BLOCKS[name])
    block.save("alerts")
    assert dump_document(type(block).load("alerts")) == dump_document(block)
    assert CANARY not in repr(block)


@pytest.mark.parametrize(
    ("name", "plugin", "attribute"),
    [
        ("TwilioSMS", NotifyTwilio, "notify_sms_url"),
        ("SendgridEmail", NotifySendGrid, "notify_url"),
    ],
)
def test_block_sends_to_its_service(name, plugin, attribute, endpoint, monkeypatch):
    monkeypatch.setattr(plugin, attribute, f"{endpoint.url}/x")
    block = getattr(notifications, name)(**BLOCKS[name])
    with block.raise_on_failure():
        block.notify("the body", "the subject")
    (request,) = endpoint.received
    assert b"the body" in request.body.replace(b"+", b" ")


def test_pager_duty_alert_has_the_fields_of_the_block(endpoint, monkeypatch):
    monkeypatch.setattr("apprise.plugins.pagerduty.PAGERDUTY_API_LOOKUP", {"us": f"{endpoint.url}/x"})
    block = notifications.PagerDutyWebHook(**BLOCKS["PagerDutyWebHook"], notify_type="failure")
    with block.raise_on_failure():
        block.notify("the body")
    (request,) = endpoint.received
    assert request.json["routing_key"] == CANARY
    assert request.json["payload"]["severity"] == "critical" and request.json["payload"]["group"] == "g"


def test_mattermost_post_goes_to_its_channels(endpoint):
    block = notifications.MattermostWebhook(
        hostname="127.0.0.1", port=endpoint.port, token="tok", channels=["one", "two"], botname="bot", path="sub"
    )
    block.notify("the body", "the subject")
    assert {request.path for request in endpoint.received} == {"/sub/hooks/tok"}
    assert {request.json["channel"] for request in endpoint.received} == {"one", "two"}
    assert all(request.json["username"] == "bot" for request in endpoint.received)


class TestApprise:
    def block(self, endpoint: Endpoint, **fields: Any) -> AppriseNotificationBlock:
        return AppriseNotificationBlock(url=f"json://127.0.0.1:{endpoint.port}/{CANARY}", **fields)

    def test_notify_sends_body_subject_and_type(self, endpoint):
        assert self.block(endpoint, notify_type="failure").notify("the body", "the subject") is None
        (request,) = endpoint.received
        assert request.path == f"/{CANARY}" and request.headers["user-agent"] == "Prefect Notifications"
        assert (request.json["title"], request.json["message"], request.json["type"]) == (
            "the subject",
            "the body",
            "failure",
        )

    async def test_notify_is_awaited_in_async_code(self, endpoint):
        await self.block(endpoint).notify("one")
        await self.block(endpoint).anotify("two")
        assert [request.json["message"] for request in endpoint.received] == ["one", "two"]

    def test_notify_works_in_a_flow(self, endpoint):
        self.block(endpoint).save("alerts")

        @flow
        def report() -> None:
            AppriseNotificationBlock.load("alerts").notify("done")

        report()
        assert endpoint.received[0].json["message"] == "done"

    def test_failure_is_a_warning_without_the_secret(self, endpoint, caplog):
        endpoint.status = 500
        with caplog.at_level(logging.DEBUG):
            self.block(endpoint).notify("x")
        assert "was not sent" in caplog.text and "500" in caplog.text and CANARY not in caplog.text

    def test_failure_raises_inside_raise_on_failure(self, endpoint):
        endpoint.status = 500
        block = self.block(endpoint)
        with block.raise_on_failure(), pytest.raises(NotificationError, match="500") as caught:
            block.notify("x")
        assert "500" in caught.value.log and CANARY not in str(caught.value)

    def test_unknown_url_is_a_failure_that_does_not_show_it(self, caplog):
        block = AppriseNotificationBlock(url=f"https://example.com/{CANARY}")
        with caplog.at_level(logging.DEBUG), block.raise_on_failure():
            with pytest.raises(NotificationError, match="knows no service") as caught:
                block.notify("x")
        assert CANARY not in str(caught.value) + caplog.text

    def test_private_url_is_refused_where_the_block_forbids_it(self, endpoint):
        block = notifications.SlackWebhook(url=f"{endpoint.url}/{CANARY}", allow_private_urls=False)
        with pytest.raises(ValueError, match="private address") as caught:
            block.notify("x")
        assert CANARY not in str(caught.value) and not endpoint.received


def test_missing_apprise_is_one_clear_sentence(monkeypatch):
    monkeypatch.setattr(sending, "apprise", lazy("apprise"))
    monkeypatch.setitem(sys.modules, "apprise", None)
    with pytest.raises(ImportError, match=r"pip install 'pluperfect\[notifications\]'"):
        AppriseNotificationBlock(url="json://127.0.0.1/").notify("x")


def test_mail_is_sent_by_its_apprise_url():
    received: list[Any] = []

    class Mailbox:
        async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
            received.append(envelope)
            return "250 OK"

    port = find_free_port()
    controller = Controller(Mailbox(), hostname="127.0.0.1", port=port)
    controller.start()
    try:
        address = f"mailto://127.0.0.1:{port}?from=me@example.com&to=you@example.com&mode=insecure&smtp=127.0.0.1"
        block = AppriseNotificationBlock(url=address)
        with block.raise_on_failure():
            block.notify("the body", "the subject")
    finally:
        controller.stop()
    (envelope,) = received
    assert envelope.rcpt_tos == ["you@example.com"] and b"the subject" in envelope.content


class TestCustomWebhook:
    def block(self, endpoint: Endpoint, **fields: Any) -> CustomWebhookNotificationBlock:
        url = endpoint.url + "/{{path}}?subject={{subject}}"
        return CustomWebhookNotificationBlock(name="mine", url=url, secrets={"path": CANARY, "token": "T0K"}, **fields)

    def test_placeholders_are_filled_everywhere(self, endpoint):
        self.block(
            endpoint,
            json_data={"text": "{{subject}}: {{body}}", "from": ["{{ name }}"]},
            headers={"X-Token": "{{token}}"},
            cookies={"c": "{{token}}"},
        ).notify("the body", "sub")
        (request,) = endpoint.received
        assert (request.method, request.path) == ("POST", f"/{CANARY}?subject=sub")
        assert request.json == {"text": "sub: the body", "from": ["mine"]}
        assert request.headers["x-token"] == "T0K" and request.headers["cookie"] == "c=T0K"

    @pytest.mark.parametrize(("data", "sent"), [({"a": "{{body}}"}, b"a=x"), ("raw {{body}}", b"raw x")])
    def test_form_data_is_encoded_or_raw(self, data, sent, endpoint):
        self.block(endpoint, form_data=data, method="PUT", params={"q": "{{body}}"}).notify("x", "s")
        assert (endpoint.received[0].method, endpoint.received[0].body) == ("PUT", sent)

    async def test_notify_is_awaited_in_async_code(self, endpoint):
        await self.block(endpoint).notify("x", "s")
        assert len(endpoint.received) == 1

    def test_error_status_raises_without_the_secret(self, endpoint):
        endpoint.status = 500
        with pytest.raises(httpx.HTTPStatusError, match=r"'mine' .* 500") as caught:
            self.block(endpoint).notify("x")
        assert caught.value.response.status_code == 500 and CANARY not in str(caught.value)

    def test_invalid_values_are_refused_when_it_is_made(self, endpoint):
        with pytest.raises(ValueError, match="both `Form Data` and `JSON Data`"):
            self.block(endpoint, form_data={"a": "b"}, json_data={"a": "b"})
        with pytest.raises(KeyError, match=r"json_data of .*'mine' has the placeholder {{nope}}"):
            self.block(endpoint, json_data={"a": ["{{nope}}"]})

    def test_private_url_is_refused_where_the_block_forbids_it(self, endpoint):
        with pytest.raises(ValueError, match="private address"):
            self.block(endpoint, allow_private_urls=False).notify("x")
        assert not endpoint.received


class TestWebhook:
    async def test_call_sends_json_text_or_nothing(self, endpoint):
        webhook = Webhook(url=f"{endpoint.url}/{CANARY}", headers={"X-Token": "T0K"})
        response = await webhook.call({"rows": 3})
        await webhook.call("text")
        await Webhook(url=endpoint.url, method="GET").call()
        first, second, third = endpoint.received
        assert response.status_code == 200 and first.json == {"rows": 3} and first.headers["x-token"] == "T0K"
        assert (second.body, third.method, third.body) == (b"text", "GET", b"")
        assert CANARY not in repr(webhook) and "T0K" not in repr(webhook)

    async def test_call_returns_an_answer_of_any_status(self, endpoint):
        endpoint.status = 500
        assert (await Webhook(url=endpoint.url).call()).status_code == 500

    async def test_call_refuses_a_private_url_where_the_block_forbids_it(self, endpoint):
        with pytest.raises(ValueError, match="private address") as caught:
            await Webhook(url=f"{endpoint.url}/{CANARY}", allow_private_urls=False).call()
        assert CANARY not in str(caught.value) and not endpoint.received


class TestSendNotification:
    """What the server's automations call: a block as its type's slug and its values."""

    async def test_values_of_a_document_are_sent(self, endpoint):
        data = {"url": f"json://127.0.0.1:{endpoint.port}/"}
        await sending.send_notification("apprisenotificationblock", data, "one", "s")
        await sending.send_notification("custom-webhook", {"name": "n", "url": endpoint.url}, "two")
        assert [request.path for request in endpoint.received] == ["/", "/"]

    @pytest.mark.parametrize("slug", ["apprisenotificationblock", "custom-webhook"])
    async def test_every_failure_of_a_service_is_a_notification_error(self, slug, endpoint):
        scheme = "http" if slug == "custom-webhook" else "json"
        data = {"name": "n", "url": f"{scheme}://127.0.0.1:{endpoint.port}/{CANARY}"}
        endpoint.status = 503
        with pytest.raises(NotificationError, match="503") as caught:
            await sending.send_notification(slug, data, "x")
        assert CANARY not in str(caught.value)
        with pytest.raises(NotificationError):
            await sending.send_notification(slug, {**data, "url": f"{scheme}://127.0.0.1:1/"}, "x")

    async def test_type_that_sends_nothing_is_refused(self):
        with pytest.raises(ValueError, match="'secret' sends no notifications"):
            await sending.send_notification("secret", {"value": CANARY}, "x")


def test_defining_blocks_imports_neither_apprise_nor_httpx():
    program = (
        "import sys, prefect.blocks.notifications, prefect.blocks.webhook, prefect.notifications.sending\n"
        "print([name for name in ('apprise', 'httpx', 'requests') if name in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert out == "[]\n"
