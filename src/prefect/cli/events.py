"""`prefect events`: follow events, and send them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from prefect._lazy import lazy
from prefect.cli._command import flag, group, positional
from prefect.cli._lookup import get_client
from prefect.cli._output import as_text, describe_error, fail, print_notice
from prefect.types import now

if TYPE_CHECKING:
    import asyncio

    import orjson

    from prefect import settings
    from prefect.events import clients
    from prefect.schemas import event_filters, events
    from prefect.schemas.events import Event
else:
    asyncio = lazy("asyncio")
    clients = lazy("prefect.events.clients")
    event_filters = lazy("prefect.schemas.event_filters")
    events = lazy("prefect.schemas.events")
    orjson = lazy("orjson")
    settings = lazy("prefect.settings")

command = group("events", "Follow events, and send them.")

POLL_INTERVAL_SECONDS = 1.0
"""Seconds between two looks for new events, where there is no server to tell of them."""

RECONNECTION_ATTEMPTS = 2
"""How often a server that does not take an event is tried again: a person waits."""

LOOKBACK = timedelta(minutes=1)
"""How far back an event may have happened that is told: what a server tells to who begins to listen."""


@command.command("stream")
@click.option(
    "--format",
    "shape",
    type=click.Choice(["json", "text"]),
    default="json",
    show_default=True,
    help="How to print them.",
)
@click.option("--output-file", metavar="FILE", help="Add them to this file rather than print them.")
@flag("--account", help="Those of all workspaces of a Prefect Cloud account.")
@flag("--run-once", help="End after one event.")
def stream(shape: str, output_file: str | None, account: bool, run_once: bool) -> None:
    """Print events as they come, those of the last minute first."""
    write = _open_file_writer(Path(output_file)) if output_file else click.echo
    print_notice("Waiting for events; Ctrl-C ends it.")
    asyncio.run(_print_events(account, lambda event: write(_format_event(event, shape)), run_once))


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
    """What is recorded in the local store, looked for again and again."""
    since = now() - LOOKBACK
    seen: set[Any] = set()
    while True:
        occurred = event_filters.EventOccurredFilter(since=since, until=now() + timedelta(days=1))
        wanted = event_filters.EventFilter(occurred=occurred, order=event_filters.EventOrder.ASC)
        page = await asyncio.to_thread(get_client().read_events, wanted)
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
@positional("event", help="Give the name of the event.")
@click.option("--resource", "-r", metavar="LABELS", help="What it is about: labels as JSON, or one as NAME=VALUE.")
@click.option("--resource-id", metavar="ID", help="The id of the resource.")
@click.option("--related", metavar="JSON", help="What else is involved: a resource with a role, or a list of them.")
@click.option("--payload", "-p", metavar="JSON", help="What else there is to say: a JSON object.")
def emit(event: str, resource: str | None, resource_id: str | None, related: str | None, payload: str | None) -> None:
    """Send an event."""
    resource_labels = _parse_resource(resource, resource_id)
    related_resources = _parse_json(related, "--related") if related else []
    payload_values = _parse_json(payload, "--payload") if payload else {}
    if not isinstance(payload_values, dict):
        fail(f"--payload takes a JSON object, and this is a {type(payload_values).__name__}.")
    try:
        new = events.Event(
            event=event,
            resource=resource_labels,  # pyright: ignore[reportArgumentType]
            related=related_resources if isinstance(related_resources, list) else [related_resources],
            payload=payload_values,  # pyright: ignore[reportUnknownArgumentType]
        )
    except ValueError as error:
        fail(f"This is no event: {describe_error(error)}.")
    asyncio.run(_send(new))
    click.echo(f"Sent event {event!r} ({new.id}).")


async def _send(event: Event) -> None:
    async with clients.get_events_client(reconnection_attempts=RECONNECTION_ATTEMPTS) as sender:
        await sender.emit(event)


def _parse_resource(text: str | None, id: str | None) -> dict[str, Any]:
    labels: dict[str, Any] = {}
    if text is not None and text.lstrip().startswith("{"):
        labels = _parse_json(text, "--resource")
    elif text is not None:
        name, equals, value = text.partition("=")
        if not equals:
            fail(f"--resource takes JSON or one label as NAME=VALUE, and {text!r} is neither.")
        labels = {name: value}
    if id is not None:
        labels["prefect.resource.id"] = id
    if not labels.get("prefect.resource.id"):
        fail("An event is about a resource: give --resource-id, or --resource with the label 'prefect.resource.id'.")
    return labels


def _parse_json(text: str, option: str) -> Any:
    try:
        return orjson.loads(text)
    except ValueError as error:
        fail(f"{option} takes JSON, and this is none ({error}).")
