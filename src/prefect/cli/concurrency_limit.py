"""`prefect concurrency-limit`: how many task runs with a tag run at the same time."""

from __future__ import annotations

import click

from prefect.cli._command import group, output_option, positional
from prefect.cli._lookup import find_by_name, get_client, limit_option, read_all_pages
from prefect.cli._output import confirm, format_age, print_fields, print_json, print_table

command = group("concurrency-limit", "Limit how many task runs with a tag run at the same time.")

_tag_argument = positional("tag", help="Give the tag.")


@command.command("create")
@_tag_argument
@positional("concurrency_limit", help="Give how many task runs run at the same time.", type=click.IntRange(min=0))
def create(tag: str, concurrency_limit: int) -> None:
    """Give a tag a limit, in place of the one it has."""
    get_client().create_concurrency_limit(tag, concurrency_limit)
    click.echo(f"Task runs with the tag {tag!r} are limited to {concurrency_limit} at the same time.")


@command.command("ls")
@limit_option(15)
@click.option("--offset", type=click.IntRange(min=0), default=0, show_default=True, help="How many to skip first.")
@output_option
def ls(limit: int, offset: int, output: str | None) -> None:
    """List the limits of tags."""
    found = get_client().read_concurrency_limits(limit=limit, offset=offset)
    if output:
        return print_json(found)
    print_table(
        ["Tag", "ID", "Concurrency limit", "Active task runs"],
        [[one.tag, one.id, one.concurrency_limit, len(one.active_slots)] for one in found],
    )


@command.command("inspect")
@_tag_argument
@output_option
def inspect(tag: str, output: str | None) -> None:
    """Show the limit of a tag, and the task runs that hold its slots."""
    found = find_by_name("concurrency limit", tag, get_client().read_concurrency_limit_by_tag, _read_tags)
    if output:
        return print_json(found)
    print_fields(
        {
            "ID": found.id,
            "Tag": found.tag,
            "Concurrency limit": found.concurrency_limit,
            "Active task runs": len(found.active_slots),
            "Created": format_age(found.created),
            "Updated": format_age(found.updated),
            **{f"Task run {place}": run for place, run in enumerate(found.active_slots, 1)},
        }
    )


def _read_tags() -> list[str]:
    return [
        one.tag for one in read_all_pages(lambda limit, offset: get_client().read_concurrency_limits(limit, offset))
    ]


@command.command("reset")
@_tag_argument
def reset(tag: str) -> None:
    """Free all slots of a tag's limit."""
    find_by_name("concurrency limit", tag, get_client().read_concurrency_limit_by_tag, _read_tags)
    get_client().reset_concurrency_limit_by_tag(tag)
    click.echo(f"All slots of the limit of {tag!r} are free.")


@command.command("delete")
@_tag_argument
def delete(tag: str) -> None:
    """Delete the limit of a tag."""
    find_by_name("concurrency limit", tag, get_client().read_concurrency_limit_by_tag, _read_tags)
    confirm(f"Delete the concurrency limit of the tag {tag!r}?")
    get_client().delete_concurrency_limit_by_tag(tag)
    click.echo(f"Deleted the concurrency limit of the tag {tag!r}.")
