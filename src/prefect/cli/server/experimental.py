"""`prefect experimental`: the server's default storage of results."""

from __future__ import annotations

from uuid import UUID

import click

from prefect.cli.catalog.block import find_block, format_slug
from prefect.cli.core.command import group, output_option, positional
from prefect.cli.core.lookup import get_client
from prefect.cli.core.output import fail, print_details
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError
from prefect.settings import PREFECT_DEFAULT_RESULT_STORAGE_BLOCK, context, get_current_settings, profiles

command = group("experimental", "Use features that may change.")
command.planned = frozenset({"plugins"})

storage = group("result-storage", "Manage the default result storage of a server's clients.")
command.add_command(storage)


@storage.command("inspect")
@output_option
def inspect(output: str | None) -> None:
    """Show the block that stores results by default."""
    block_id = get_client().read_server_default_result_storage().default_result_storage_block_id
    if block_id is None:
        if output:
            return print_details({"default_result_storage_block_id": None}, {}, output)
        return click.echo("No default result storage is configured.")
    try:
        block = get_client().read_block_document(block_id, include_secrets=False)
    except ObjectNotFound:
        fail(f"The default result storage is the block {str(block_id)!r}, which was deleted: set another one.")
    return print_details(block, {"ID": block.id, "Block": format_slug(block)}, output)


@storage.command("set")
@positional("block", help="Pass a block as <type>/<name>, or its id with --id.", required=False)
@click.option("--id", "block_id", type=click.UUID, help="Id of the block.")
def set_storage(block: str | None, block_id: UUID | None) -> None:
    """Store the results of all clients in a block, unless they choose another storage."""
    document = find_block(block, block_id)
    try:
        get_client().update_server_default_result_storage(document.id)
    except PrefectHTTPStatusError as error:
        fail(str(error.response.json().get("detail") or error))
    click.echo(f"Results are stored in {format_slug(document)!r} by default.")
    _set_in_profile(format_slug(document))


@storage.command("clear")
def clear() -> None:
    """Clear the server's default result storage: clients use their own settings."""
    get_client().clear_server_default_result_storage()
    click.echo("Cleared the default result storage.")
    name = context.get_settings_context().profile_name
    if PREFECT_DEFAULT_RESULT_STORAGE_BLOCK in profiles.profile_or_empty(name).settings:
        _set_in_profile(None)


def _set_in_profile(slug: str | None) -> None:
    """Set or clear the block in the current profile, which is what programs without a server read."""
    if get_current_settings().api.url:
        return
    profiles.update_current_profile({PREFECT_DEFAULT_RESULT_STORAGE_BLOCK: slug})
    name = context.get_settings_context().profile_name
    verb = "Unset" if slug is None else "Set"
    click.echo(
        f"{verb} {PREFECT_DEFAULT_RESULT_STORAGE_BLOCK.name!r} in profile {name!r}, for programs without a server."
    )
