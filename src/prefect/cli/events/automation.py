"""`prefect automation`: list, inspect, create and change automations."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import click

from prefect._lazy import lazy_from, lazy_modules
from prefect.cli.core.command import flag, group, output_option, positional
from prefect.cli.core.formats import as_text, format_time
from prefect.cli.core.lookup import fail_not_found, get_client, parse_uuid, read_all_pages
from prefect.cli.core.output import (
    confirm,
    describe_fields,
    drop_other_types,
    fail,
    format_location,
    print_fields,
    print_json,
    print_notice,
    print_table,
)
from prefect.cli.core.times import parse_duration
from prefect.exceptions import ObjectNotFound
from prefect.types import now

if TYPE_CHECKING:
    import orjson
    import pydantic
    import yaml

    from prefect.schemas import automation_actions, automations, event_filters, model_tools
    from prefect.schemas.automations import Automation, AutomationCore
    from prefect.triggers import occurrences, simulation, trees
    from prefect.triggers.occurrences import Firing, Occurrence
else:
    automation_actions, automations, model_tools = lazy_from(
        "prefect.schemas", "automation_actions", "automations", "model_tools"
    )
    event_filters, orjson, pydantic, yaml = lazy_modules("prefect.schemas.event_filters", "orjson", "pydantic", "yaml")
    occurrences, simulation, trees = lazy_from("prefect.triggers", "occurrences", "simulation", "trees")

command = group("automation", "Manage automations.")
command.aliases |= {"enable": "resume", "disable": "pause"}

_name_argument = positional("name", help="Pass the name of an automation.", required=False)
_id_option = click.option("--id", metavar="ID", help="Id of the automation. Names are not unique.")
_from_file = click.option("--from-file", "-f", metavar="FILE", help="YAML or JSON file with the definition.")
_from_json = click.option("--from-json", "-j", metavar="JSON", help="Definition as JSON.")


def _read_all() -> list[Automation]:
    return read_all_pages(lambda limit, offset: get_client().read_automations(limit=limit, offset=offset))


def _find(name: str | None, id: str | None) -> list[Automation]:
    """Return the automation with this id, or all with this name."""
    if (name is None) == (id is None):
        fail("Pass either the name of an automation or --id.")
    if id is not None:
        parsed_id = parse_uuid(id)
        try:
            found = get_client().read_automation(parsed_id) if parsed_id else None
        except ObjectNotFound:
            found = None
        return [found] if found else fail_not_found("automation", id, [])
    assert name is not None
    return get_client().read_automations_by_name(name) or fail_not_found(
        "automation", name, [one.name for one in _read_all()]
    )


@command.command("ls")
def ls() -> None:
    """List automations, sorted by name."""
    print_table(
        ["Automation", "ID", "Enabled", "Trigger", "Actions"],
        [
            [
                *(one.name, one.id, one.enabled, " ".join(one.trigger.describe_for_cli().split())),
                "; ".join(_describe_actions(one)),
            ]
            for one in sorted(_read_all(), key=lambda one: one.name)
        ],
    )


def _describe_actions(one: AutomationCore) -> list[str]:
    return [
        f"{when}{action.describe_for_cli()}"
        for when, some in (
            ("", one.actions),
            ("on trigger: ", one.actions_on_trigger),
            ("on resolve: ", one.actions_on_resolve),
        )
        for action in some
    ]


@command.command("inspect")
@_name_argument
@_id_option
@flag("--yaml", "as_yaml", help="Print YAML.")
@flag("--json", "as_json", help="Print JSON; same as -o json.")
@output_option
def inspect(name: str | None, id: str | None, as_yaml: bool, as_json: bool, output: str | None) -> None:
    """Show an automation, or all automations with this name."""
    if as_yaml and (as_json or output):
        fail("Use either --yaml or --json.")
    found = _find(name, id)
    if as_yaml or as_json or output:
        shown: Any = [one.model_dump(mode="json") for one in found]
        shown = shown[0] if id is not None else shown
        return click.echo(yaml.safe_dump(shown, sort_keys=False)) if as_yaml else print_json(shown)
    for index, one in enumerate(found):
        if index:
            click.echo()
        _print_automation(one)
    return None


def _print_automation(one: Automation) -> None:
    print_fields(
        {
            "ID": one.id,
            "Name": one.name,
            "Description": one.description or None,
            "Enabled": "yes" if one.enabled else "no",
            "Tags": ", ".join(one.tags) or None,
            "Owner": one.owner_resource,
            "Trigger": one.trigger.describe_for_cli(),
            "Definition": as_text(one.trigger.model_dump(mode="json")),
            "Actions": "; ".join(_describe_actions(one)) or None,
        }
    )


@command.command("pause")
@_name_argument
@_id_option
def pause(name: str | None, id: str | None) -> None:
    """Pause an automation, or all automations with this name."""
    _set_enabled(name, id, get_client().pause_automation, "Paused")


@command.command("resume")
@_name_argument
@_id_option
def resume(name: str | None, id: str | None) -> None:
    """Resume an automation, or all automations with this name."""
    _set_enabled(name, id, get_client().resume_automation, "Resumed")


def _set_enabled(name: str | None, id: str | None, switch: Callable[[UUID], None], done: str) -> None:
    for one in _find(name, id):
        switch(one.id)
        click.echo(f"{done} automation {one.name!r} ({one.id}).")


@command.command("delete")
@_name_argument
@_id_option
@flag("--all", "delete_all", help="Delete all automations.")
def delete(name: str | None, id: str | None, delete_all: bool) -> None:
    """Delete an automation, or all of them."""
    if delete_all:
        if name or id:
            fail("Pass either --all or one automation.")
        found = _read_all()
        if not found:
            return click.echo("There are no automations.")
        confirm(f"Delete all {len(found)} automations?")
    else:
        found = _find(name, id)
        if len(found) > 1:
            fail(f"{len(found)} automations are named {name!r}: use --id, for example --id {found[0].id}.")
        confirm(f"Delete the automation {found[0].name!r}?")
    for one in found:
        get_client().delete_automation(one.id)
        click.echo(f"Deleted automation {one.name!r} ({one.id}).")
    return None


# --- definitions -----------------------------------------------------------------------------------------------------


@command.command("create")
@_from_file
@_from_json
def create(from_file: str | None, from_json: str | None) -> None:
    """Create automations from a definition: one, a list, or a mapping with the key `automations`."""
    for one in _read_definitions(from_file, from_json):
        click.echo(f"Created automation {one.name!r} ({get_client().create_automation(one)}).")


@command.command("update")
@click.option("--id", metavar="ID", required=True, help="Id of the automation.")
@_from_file
@_from_json
def update(id: str, from_file: str | None, from_json: str | None) -> None:
    """Replace the definition of an automation."""
    definitions = _read_definitions(from_file, from_json)
    if len(definitions) != 1:
        fail(f"An update takes exactly one automation, got {len(definitions)}.")
    existing = _find(None, id)[0]
    get_client().update_automation(existing.id, definitions[0])
    click.echo(f"Updated automation {definitions[0].name!r} ({existing.id}).")


def _read_definitions(from_file: str | None, from_json: str | None) -> list[AutomationCore]:
    if (from_file is None) == (from_json is None):
        fail("Pass either --from-file or --from-json.")
    source = from_file or "--from-json"
    try:
        if from_json is not None:
            read: Any = orjson.loads(from_json)
        else:
            assert from_file is not None
            text = Path(from_file).read_text()
            read = orjson.loads(text) if from_file.endswith(".json") else yaml.safe_load(text)
    except OSError as error:
        fail(f"{source} cannot be read: {error.strerror}.")
    except (ValueError, yaml.YAMLError) as error:
        fail(f"{source} cannot be parsed: {' '.join(str(error).split())}.")
    if isinstance(read, dict) and "automations" in read:
        read = read["automations"]
    values: list[Any] = read if isinstance(read, list) else [read]
    if not values:
        fail(f"{source} contains no automation.")
    return [_parse_automation(value, source) for value in values]


def _parse_automation(value: Any, source: str) -> AutomationCore:
    try:
        automation = automations.AutomationCore.model_validate(value)
    except pydantic.ValidationError as error:
        fail(f"{source} contains an invalid automation: {_describe_invalid(error)}.")
    for place, similar in model_tools.find_misspelled_fields(value, automation):
        name = format_location(place)
        fail(f"{source} contains an invalid automation: there is no field {name!r}. Did you mean {similar!r}?")
    for action in (*automation.actions, *automation.actions_on_trigger, *automation.actions_on_resolve):
        if isinstance(action, automation_actions.UnknownAction):
            known = ", ".join(sorted(automation_actions.KNOWN_ACTION_TYPES))
            fail(f"{source} contains an invalid automation: the action type {action.type!r} is not one of {known}.")
    return automation


def _describe_invalid(error: pydantic.ValidationError) -> str:
    """Describe validation errors; in a union of triggers or actions only the errors of the declared type."""
    errors = error.errors()
    left = drop_other_types(errors)
    for one in left:
        if one["type"] == "union_tag_invalid":
            place, values = format_location(one["loc"]), one.get("ctx", {})
            known = values.get("expected_tags", "").replace("'", "")
            return f"{place}: the type {values.get('tag')!r} is not one of {known}"
    if left:
        return describe_fields(left)
    untyped = [one for one in errors if one["type"] == "literal_error" and one["loc"][-1] == "type"]
    known = sorted(one.get("ctx", {}).get("expected", "") for one in untyped)
    return f"the type {untyped[0]['input']!r} is not one of {', '.join(known)}"


# --- what would have fired -------------------------------------------------------------------------------------------


@command.command("test")
@positional("file", help="Pass the file with the definition.")
@click.option(
    "--since", metavar="DURATION", default="24h", show_default=True, help="Period of the past events, for example 24h."
)
@output_option
def test(file: str, since: str, output: str | None) -> None:
    """Show which past events would have fired the automations of a file."""
    end = now()
    start = end - parse_duration(since, "--since")
    found = [(one, firing) for one in _read_definitions(file, None) for firing in _simulate(one, start, end)]
    found.sort(key=lambda pair: pair[1].at)
    if output:
        return print_json([_present_firing(one, firing) for one, firing in found])
    if not found:
        return click.echo(f"No event since {format_time(start)} would have fired an automation of {file}.")
    return print_table(
        ["When", "Automation", "For", "Event"],
        [
            [
                format_time(firing.at),
                one.name,
                ", ".join(f"{name}={value}" for name, value in firing.labels.items()),
                _describe_cause(firing),
            ]
            for one, firing in found
        ],
    )


def _simulate(one: AutomationCore, start: datetime, end: datetime) -> list[Firing]:
    if trees.TriggerTree(one.trigger).metric_nodes:
        print_notice(f"The automation {one.name!r} watches a metric, whose values of the past are not known.")
    names = simulation.find_event_names(one.trigger)
    return simulation.simulate(one.trigger, _read_occurrences(names, start, end), start, end)


def _read_occurrences(names: tuple[set[str], set[str]] | None, start: datetime, end: datetime) -> Iterator[Occurrence]:
    """Iterate over the events of a time that have one of some names."""
    chosen: list[event_filters.EventNameFilter | None] = [None]
    if names is not None:  # a filter by names and by beginnings selects the events that have both
        by_name, by_prefix = sorted(names[0]), sorted(names[1])
        chosen = [event_filters.EventNameFilter(name=by_name)] if by_name else []
        chosen += [event_filters.EventNameFilter(prefix=by_prefix)] if by_prefix else []
    seen: set[UUID] = set()
    for event_filter in chosen:
        occurred = event_filters.EventOccurredFilter(since=start, until=end)
        criteria = event_filters.EventFilter(occurred=occurred, event=event_filter, order=event_filters.EventOrder.ASC)
        page = get_client().read_events(criteria)
        while page is not None:
            for event in page.events:
                if event.id not in seen:
                    seen.add(event.id)
                    labels = [related.root for related in event.related]
                    yield occurrences.Occurrence(
                        event.occurred, event.id, event.event, event.resource.root, labels, event.follows
                    )
            page = get_client().read_events_page(str(page.next_page)) if page.next_page else None


def _describe_cause(firing: Firing) -> str:
    return "no event came" if firing.window == firing.at.isoformat() else firing.window


def _present_firing(one: AutomationCore, firing: Firing) -> dict[str, Any]:
    return {
        "automation": one.name,
        "triggered": firing.at,
        "labels": dict(firing.labels),
        "event": str(firing.event[1]) if firing.event else None,
    }
