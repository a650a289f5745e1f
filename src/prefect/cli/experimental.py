"""`prefect experimental`: the server's default storage of results."""

from __future__ import annotations

from uuid import UUID

import click

from prefect.cli._command import group, output_option, positional
from prefect.cli._lookup import get_client
from prefect.cli._output import fail, print_details
from prefect.cli.block import find_block, format_slug
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError
from prefect.settings import get_current_settings

command = group("experimental", "Features that may change.")
command.planned = frozenset({"plugins"})

storage = group("result-storage", "Manage where a server's clients store results by default.")
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
        fail(f"The default result storage is the block {str(block_id)!r}, which is gone: set another one.")
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
    if not get_current_settings().api.url:
        click.echo(
            "This concerns the clients of a server. For programs without one, run "
            f"`prefect config set PREFECT_DEFAULT_RESULT_STORAGE_BLOCK={format_slug(document)}`."
        )


@storage.command("clear")
def clear() -> None:
    """Have clients store results where their own settings say."""
    get_client().clear_server_default_result_storage()
    click.echo("Cleared the default result storage.")
