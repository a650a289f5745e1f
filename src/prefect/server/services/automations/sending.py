"""Actions on the world outside: notifications and webhooks. They are prepared in one transaction and sent after it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias
from uuid import UUID

from prefect._lazy import lazy, lazy_from
from prefect.form_values import bounded_templates
from prefect.server.db.interface import Transaction
from prefect.server.services.automations.action_context import ActionContext, ActionFailed, read_variables
from prefect.server.services.catalog import block_documents
from prefect.server.services.core.errors import InvalidRequest, ServiceError
from prefect.types import json_codec
from prefect.types.mappings import Values

if TYPE_CHECKING:
    import httpx

    from prefect.notifications import sending, webhooks
else:
    httpx = lazy("httpx")
    sending, webhooks = lazy_from("prefect.notifications", "sending", "webhooks")

Send: TypeAlias = "Callable[[httpx.AsyncClient], Awaitable[Values]]"
"""Sends what was prepared with a client, and returns further fields of the event about the action."""

SHOWN_BODY_CHARACTERS = 10_000
"""Maximum length of the part of a webhook's response that the event of its call has."""

IDEMPOTENCY_HEADER = "Idempotency-Key"


async def prepare(tx: Transaction, contexts: Sequence[ActionContext]) -> list[Send | ServiceError]:
    """Return for each action what sends it, or why it cannot be sent; a block of several is read once."""
    documents: dict[UUID, Values] = {}
    prepared: list[Send | ServiceError] = []
    for context, variables in zip(contexts, await read_variables(tx, contexts), strict=True):
        try:
            document = await _read_block(tx, context, documents)
            prepared.append(SENDERS[context.kind](context, document, variables))
        except ServiceError as error:
            prepared.append(error)
    return prepared


def _prepare_notification(context: ActionContext, document: Values, variables: Values) -> Send:
    """Return what sends a notification."""
    action = context.action
    subject = _render(action["subject"], variables, "subject")
    body = _render(action["body"], variables, "body")
    slug, data = document["block_type"]["slug"], {"name": document["name"], **document["data"]}

    async def send(_: httpx.AsyncClient) -> Values:
        try:
            await sending.send_notification(slug, data, body, subject)
        except sending.NotificationError as error:
            reason = f"The notification block {_name(document)} could not send: {error}"
            raise ActionFailed(reason, {"notification_log": error.log}, is_final=False) from None
        except (ValueError, KeyError, ImportError) as error:
            text = error.args[0] if error.args else error
            raise ActionFailed(f"The notification block {_name(document)} cannot send: {text}") from None
        return {}

    return send


def _prepare_webhook(context: ActionContext, document: Values, variables: Values) -> Send:
    """Return what calls a webhook."""
    if document["block_type"]["slug"] != "webhook":
        raise ActionFailed(
            f"The block document {_name(document)} is not a webhook: choose a block of the type 'webhook'."
        )
    text = _render(context.action["payload"], variables, "payload")
    payload = _parse_payload(text) if text else None
    data = document["data"]
    headers = {**(data.get("headers") or {}), IDEMPOTENCY_HEADER: str(context.job_id)}

    async def send(client: httpx.AsyncClient) -> Values:
        try:
            response = await webhooks.call_webhook({**data, "headers": headers}, payload, client)
        except httpx.TransportError as error:
            reason = f"The webhook {_name(document)} cannot be reached: {str(error) or type(error).__name__}."
            raise ActionFailed(reason, is_final=False) from None
        except (ValueError, KeyError, httpx.InvalidURL) as error:
            raise ActionFailed(f"The webhook {_name(document)} cannot be called: {error}") from None
        answer = {
            "status_code": response.status_code,
            "response_body": response.text[:SHOWN_BODY_CHARACTERS],
            "response_headers": dict(response.headers),
        }
        if not response.is_success:
            is_final = response.status_code < 500 and response.status_code not in (408, 425, 429)
            reason = f"The webhook {_name(document)} answered {response.status_code} {response.reason_phrase}".rstrip()
            raise ActionFailed(f"{reason}.", answer, is_final=is_final)
        return answer

    return send


SENDERS: Mapping[str, Callable[[ActionContext, Values, Values], Send]] = {
    "send-notification": _prepare_notification,
    "call-webhook": _prepare_webhook,
}
"""How each action on the world outside is prepared, by its type."""


async def _read_block(tx: Transaction, context: ActionContext, known: dict[UUID, Values]) -> Values:
    """Return the block document of an action; `known` are those that have been read in the transaction."""
    id_ = UUID(context.action["block_document_id"])
    context.add_target("block-document", id_, role="block")
    if id_ not in known:
        try:
            known[id_] = await block_documents.get(tx, id_, include_secrets=True)
        except InvalidRequest as error:  # encrypted with another key
            raise ActionFailed(f"The block document {id_} cannot be used. {error}") from None
    document = known[id_]
    block_type = document["block_type"]
    if block_type is None:
        raise ActionFailed(f"The block document {document['name']!r} has a type that does not exist any more.")
    context.related.append(
        {"prefect.resource.id": f"prefect.block-type.{block_type['slug']}", "prefect.resource.role": "block-type"}
    )
    context.block = document
    return document


def _name(document: Values) -> str:
    return f"{document['block_type']['slug']}/{document['name']}"


def _render(template: str, variables: Values, what: str) -> str:
    try:
        return bounded_templates.render(template, variables)
    except Exception as error:  # a template may fail in any way
        details = {"template_error": str(error), "template_source": template}
        raise ActionFailed(f"The template of the {what} cannot be rendered: {error}", details) from None


def _parse_payload(text: str) -> dict[str, Any] | str:
    """Return the body of a webhook's call: an object when it is JSON of one."""
    try:
        value = json_codec.loads_foreign(text.encode())
    except json_codec.JSONDecodeError:
        return text
    return value if isinstance(value, dict) else text
