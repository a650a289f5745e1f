"""`prefect concurrency-limit`: limits on concurrent task runs with a tag."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from prefect.cli.core.command import Listing, group, positional, prints_list
from prefect.cli.core.formats import format_age
from prefect.cli.core.lookup import find_by_name, get_client, limit_option, read_all_pages
from prefect.cli.core.output import delete_confirmed
from prefect.cli.core.shared_commands import add_inspect_command

if TYPE_CHECKING:
    from prefect.schemas.concurrency import ConcurrencyLimit

command = group("concurrency-limit", "Manage tag-based task run concurrency limits.")

_tag_argument = positional("tag", help="Pass a tag.")


def _find(tag: str) -> ConcurrencyLimit:
    return find_by_name("concurrency limit", tag, get_client().read_concurrency_limit_by_tag, _read_tags)


def _read_tags() -> list[str]:
    return [
        one.tag for one in read_all_pages(lambda limit, offset: get_client().read_concurrency_limits(limit, offset))
    ]


@command.command("create")
@_tag_argument
@positional("concurrency_limit", help="Pass the maximum number of concurrent task runs.", type=click.IntRange(min=0))
def create(tag: str, concurrency_limit: int) -> None:
    """Create or replace the concurrency limit of a tag."""
    get_client().create_concurrency_limit(tag, concurrency_limit)
    click.echo(f"Task runs with the tag {tag!r} are limited to {concurrency_limit} concurrent runs.")


@command.command("ls")
@limit_option(15)
@click.option("--offset", type=click.IntRange(min=0), default=0, show_default=True, help="Number of results to skip.")
@prints_list("Tag", "ID", "Concurrency limit", "Active task runs")
def ls(limit: int, offset: int) -> Listing:
    """List tag-based concurrency limits."""
    api = get_client()
    found = read_all_pages(lambda size, start: api.read_concurrency_limits(limit=size, offset=offset + start), limit)
    return found, [[one.tag, one.id, one.concurrency_limit, len(one.active_slots)] for one in found]


def _describe(found: ConcurrencyLimit) -> dict[str, Any]:
    return {
        "ID": found.id,
        "Tag": found.tag,
        "Concurrency limit": found.concurrency_limit,
        "Active task runs": len(found.active_slots),
        "Created": format_age(found.created),
        "Updated": format_age(found.updated),
        **{f"Task run {number}": run for number, run in enumerate(found.active_slots, 1)},
    }


add_inspect_command(
    command,
    _tag_argument,
    _find,
    _describe,
    help="Show the concurrency limit of a tag and the task runs that hold its slots.",
)


@command.command("reset")
@_tag_argument
def reset(tag: str) -> None:
    """Release all slots of a tag's concurrency limit."""
    _find(tag)
    get_client().reset_concurrency_limit_by_tag(tag)
    click.echo(f"Released all slots of the concurrency limit of the tag {tag!r}.")


@command.command("delete")
@_tag_argument
def delete(tag: str) -> None:
    """Delete the concurrency limit of a tag."""
    _find(tag)
    what = f"concurrency limit of the tag {tag!r}"
    delete_confirmed(what, lambda: get_client().delete_concurrency_limit_by_tag(tag))
