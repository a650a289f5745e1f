"""`prefect events`: stream and emit events."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from prefect._lazy import lazy_from, lazy_modules
from prefect.cli.core.command import flag, group, positional
from prefect.cli.core.formats import as_text
from prefect.cli.core.lookup import get_client
from prefect.cli.core.output import describe_error, fail, print_notice
from prefect.types import now

if TYPE_CHECKING:
    import asyncio

    from prefect import outbox, settings
    from prefect.events import clients, worker
    from prefect.schemas import event_filters, events
    from prefect.schemas.events import Event
    from prefect.types import json_codec
else:
    asyncio, json_codec = lazy_modules("asyncio", "prefect.types.json_codec")
    clients, worker = lazy_from("prefect.events", "clients", "worker")
    event_filters, events = lazy_from("prefect.schemas", "event_filters", "events")
    outbox, settings = lazy_from("prefect", "outbox", "settings")

command = group("events", "Stream and emit events.")

POLL_INTERVAL_SECONDS = 1.0
"""Seconds between two polls of the local store, which has no websocket."""

LOOKBACK = timedelta(minutes=1)
"""Maximum age of the first streamed events; the same as of a server's websocket."""


@command.command("stream")
@click.option(
    "--format",
    "shape",
    type=click.Choice(["json", "text"]),
    default="json",
    show_default=True,
    help="Output format.",
)
@click.option("--output-file", metavar="FILE", help="Append events to this file instead of printing them.")
@flag("--account", help="Stream events of all workspaces of a Prefect Cloud account.")
@flag("--run-once", help="Stop after one event.")
def stream(shape: str, output_file: str | None, account: bool, run_once: bool) -> None:
    """Print events as they arrive, starting with the events of the last minute."""
    write = _open_file_writer(Path(output_file)) if output_file else click.echo
    print_notice("Waiting for events. Press Ctrl+C to stop.")
    try:
        asyncio.run(_print_events(account, lambda event: write(_format_event(event, shape)), run_once))
    except KeyboardInterrupt:
        return  # the way to end it
    except RuntimeError as error:  # the server refused the websocket
        fail(str(error))


async def _print_events(account: bool, print_event: Callable[[Event], None], run_once: bool) -> None:
    async with aclosing(_subscribe(account)) as stream:
        async for event in stream:
            print_event(event)
            if run_once:
                return


async def _subscribe(account: bool) -> AsyncGenerator[Event]:
    if account:
        async with clients.PrefectCloudAccountEventSubscriber() as subscriber:
            async for event in subscriber:
                yield event
    elif settings.get_current_settings().api.url:
        async with clients.get_events_subscriber() as subscriber:
            async for event in subscriber:
                yield event
    else:
        async for event in _poll_local_events():
            yield event


async def _poll_local_events() -> AsyncGenerator[Event]:
    """Poll the local store for new events."""
    since = now() - LOOKBACK
    seen: set[Any] = set()
    while True:
        occurred = event_filters.EventOccurredFilter(since=since, until=now() + timedelta(days=1))
        event_filter = event_filters.EventFilter(occurred=occurred, order=event_filters.EventOrder.ASC)
        page = await asyncio.to_thread(get_client().read_events, event_filter)
        while page is not None:
            for event in page.events:
                if event.id not in seen:
                    seen.add(event.id)
                    yield event
                    since = max(since, event.occurred - LOOKBACK)
            page = await asyncio.to_thread(get_client().read_events_page, page.next_page) if page.next_page else None
        await asyncio.sleep(POLL_INTERVAL_SECONDS)


def _format_event(event: Event, shape: str) -> str:
    if shape == "json":
        return as_text(event)
    return f"{event.occurred.isoformat()} {event.event} {event.resource.id}"


def _open_file_writer(file: Path) -> Callable[[str], None]:
    def write(text: str) -> None:
        with file.open("a") as out:
            out.write(text + "\n")

    return write


@command.command("emit")
@positional("event", help="Pass the name of the event.")
@click.option("--resource", "-r", metavar="LABELS", help="Labels of the resource, as JSON or one as NAME=VALUE.")
@click.option("--resource-id", metavar="ID", help="Id of the resource.")
@click.option("--related", metavar="JSON", help="Related resource with a role, or a list of them.")
@click.option("--payload", "-p", metavar="JSON", help="Payload, a JSON object.")
def emit(event: str, resource: str | None, resource_id: str | None, related: str | None, payload: str | None) -> None:
    """Emit an event."""
    if not event.strip():
        fail("An event requires a name.")
    resource_labels = _parse_resource(resource, resource_id)
    related_resources = _parse_json(related, "--related") if related else []
    payload_values = _parse_json(payload, "--payload") if payload else {}
    if not isinstance(payload_values, dict):
        fail(f"--payload expects a JSON object, got a {type(payload_values).__name__}.")
    try:
        new = events.Event(
            event=event,
            resource=resource_labels,  # pyright: ignore[reportArgumentType]
            related=related_resources if isinstance(related_resources, list) else [related_resources],
            payload=payload_values,  # pyright: ignore[reportUnknownArgumentType]
        )
    except ValueError as error:
        fail(f"Invalid event: {describe_error(error)}.")
    limit = settings.get_current_settings().server.events.maximum_size_bytes
    if new.size_bytes > limit:
        fail(f"The event {event!r} takes {new.size_bytes} bytes, and {limit} are allowed.")
    _send(new)


def _send(event: Event) -> None:
    """Record an event, and send it if the server answers; else it is sent once the server is back."""
    sender = worker.EventsWorker.instance()
    sender.send(event)
    sender.wait_until_empty()
    refusal = outbox.find_refusal(str(event.id))
    if refusal is not None:
        fail(f"The server refused the event {event.event!r}: {refusal}")
    reason = outbox.find_unavailable_reason()
    if reason is None:
        click.echo(f"Sent event {event.event!r} ({event.id}).")
        return
    outbox.leave_waiting()
    click.echo(f"Recorded event {event.event!r} ({event.id}), which is sent when the server is back: {reason}")


def _parse_resource(text: str | None, id: str | None) -> dict[str, Any]:
    labels: dict[str, Any] = {}
    if text is not None and text.lstrip().startswith("{"):
        labels = _parse_json(text, "--resource")
    elif text is not None:
        name, equals, value = text.partition("=")
        if not equals:
            fail(f"--resource expects JSON or one label as NAME=VALUE, got {text!r}.")
        labels = {name: value}
    if id is not None:
        labels["prefect.resource.id"] = id
    if not labels.get("prefect.resource.id"):
        fail("An event requires a resource. Pass --resource-id, or --resource with the label 'prefect.resource.id'.")
    return labels


def _parse_json(text: str, option: str) -> Any:
    try:
        return json_codec.loads(text)
    except ValueError as error:
        fail(f"{option} expects JSON: {error}.")
