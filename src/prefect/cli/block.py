"""`prefect block`: list, inspect and delete blocks and block types."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any
from uuid import UUID

import click

from prefect._lazy import lazy
from prefect.cli._command import group, output_option, positional
from prefect.cli._lookup import fail_not_found, find_by_name, get_client, read_all_answers, read_all_pages
from prefect.cli._output import as_text, confirm, fail, format_age, print_details, print_fields, print_json, print_list
from prefect.exceptions import ObjectNotFound, ProtectedBlockError

if TYPE_CHECKING:
    from prefect.blocks import registry
    from prefect.loading import imports
    from prefect.schemas import blocks
    from prefect.schemas.blocks import BlockDocument, BlockType
else:
    blocks = lazy("prefect.schemas.blocks")
    imports = lazy("prefect.loading.imports")
    registry = lazy("prefect.blocks.registry")

command = group("block", "Manage blocks and block types.")
command.planned = frozenset({"create"})

types = group("type", "Manage block types.")
command.add_command(types)
command.aliases["types"] = "type"

_slug_argument = positional("slug", help="Pass a block as <type>/<name>, or its id with --id.", required=False)
_id_option = click.option("--id", "block_id", type=click.UUID, help="Id of the block.")
_type_argument = positional("slug", help="Pass the slug of a block type.")


@command.command("ls")
@output_option
def ls(output: str | None) -> None:
    """List saved blocks."""
    found = _read_all()
    print_list(
        found,
        ["ID", "Type", "Name", "Slug"],
        [[block.id, block.block_type and block.block_type.name, block.name, _format_slug(block)] for block in found],
        output,
    )


def _read_all() -> list[BlockDocument]:
    return read_all_pages(
        lambda limit, offset: get_client().read_block_documents(limit=limit, offset=offset, include_secrets=False)
    )


def _format_slug(block: BlockDocument) -> str:
    return f"{block.block_type.slug if block.block_type else '?'}/{block.name}"


@command.command("register")
@click.option(
    "--module", "-m", "module_name", metavar="MODULE", help="Import path of a module, such as `my_project.blocks`."
)
@click.option("--file", "-f", "path", type=click.Path(path_type=Path), help="Path of a Python file.")
def register(module_name: str | None, path: Path | None) -> None:
    """Register the block types that a module or file defines."""
    module = _import_module(module_name, path)
    registered = registry.find_classes(module)
    if not registered:
        fail(
            f"No block types are defined in {module_name or path}: they are subclasses of `prefect.blocks.core.Block`."
        )
    for cls in registered:
        cls.register_type_and_schema()
    print_list(
        registered,
        ["Slug", "Name", "Class"],
        [[cls.get_block_type_slug(), cls.get_block_type_name(), cls.__qualname__] for cls in registered],
        None,
    )


def _import_module(module_name: str | None, path: Path | None) -> ModuleType:
    if (module_name is None) == (path is None):
        fail("Pass either a module with --module, or a file with --file.")
    name = module_name or str(path)
    if path is not None and not path.is_file():
        fail(f"There is no file {name!r}.")
    try:
        return imports.load_module(module_name) if module_name else imports.load_script_as_module(name)
    except Exception as error:  # the module is the user's
        cause = error.__cause__ or error
        fail(f"{name!r} cannot be imported: {type(cause).__name__}: {cause}")


@command.command("inspect")
@_slug_argument
@_id_option
@output_option
def inspect(slug: str | None, block_id: UUID | None, output: str | None) -> None:
    """Show a block. Secrets are masked."""
    block = _find(slug, block_id)
    print_details(
        block,
        {
            "ID": block.id,
            "Type": block.block_type and block.block_type.name,
            "Name": block.name,
            "Slug": _format_slug(block),
            "Created": format_age(block.created),
            "Updated": format_age(block.updated),
            **{f"Field {name}": as_text(value) for name, value in block.data.items()},
        },
        output,
    )


def _find(slug: str | None, id: UUID | None) -> BlockDocument:
    if (slug is None) == (id is None):
        fail("Pass either a block as <type>/<name>, or --id.")
    if id is not None:
        try:
            return get_client().read_block_document(id, include_secrets=False)
        except ObjectNotFound:
            fail_not_found("block", str(id), [])
    assert slug is not None
    type_slug, slash, name = slug.partition("/")
    if not slash:
        fail(f"Expected a block as <type>/<name>, got {slug!r}.")

    def read(_: str) -> BlockDocument:
        return get_client().read_block_document_by_name(name, type_slug, include_secrets=False)

    return find_by_name("block", slug, read, lambda: map(_format_slug, _read_all()))


@command.command("delete")
@_slug_argument
@_id_option
def delete(slug: str | None, block_id: UUID | None) -> None:
    """Delete a block."""
    block = _find(slug, block_id)
    confirm(f"Delete the block {_format_slug(block)!r}?")
    get_client().delete_block_document(block.id)
    click.echo(f"Deleted block {_format_slug(block)!r}.")


# --- types -----------------------------------------------------------------------------------------------------------


def _read_types() -> list[BlockType]:
    return read_all_answers("/block_types/filter", blocks.BlockType.model_validate)


@types.command("ls")
@output_option
def list_types(output: str | None) -> None:
    """List block types."""
    found = _read_types()
    print_list(
        found,
        ["Slug", "Name", "Description"],
        [[one.slug, one.name, (one.description or "").strip().partition("\n")[0]] for one in found],
        output,
    )


@types.command("inspect")
@_type_argument
@output_option
def inspect_type(slug: str, output: str | None) -> None:
    """Show a block type and its fields."""
    one = _find_type(slug)
    newest = get_client().get_most_recent_block_schema_for_block_type(one.id)
    if output:
        return print_json({"block_type": one, "schema": newest})
    print_fields(
        {
            "ID": one.id,
            "Name": one.name,
            "Slug": one.slug,
            "Description": one.description,
            "Documentation": one.documentation_url,
            "Protected": "yes" if one.is_protected else None,
            "Capabilities": ", ".join(newest.capabilities) or None if newest else None,
        }
    )
    fields = newest.fields if newest else {}
    required = fields.get("required", [])
    print_fields(
        {
            f"Field {name}": _describe_field(field, name in required)
            for name, field in fields.get("properties", {}).items()
        }
    )
    return None


def _describe_field(field: dict[str, Any], required: bool) -> str:
    kind = field.get("type") or " or ".join(sorted({one.get("type", "object") for one in field.get("anyOf", ())}))
    parts = [kind or "object", "required" if required else "optional"]
    description = " ".join(str(field.get("description", "")).split())
    return f"{', '.join(parts)}{': ' if description else ''}{description}"


def _find_type(slug: str) -> BlockType:
    read = get_client().read_block_type_by_slug
    return find_by_name("block type", slug, read, lambda: [one.slug for one in _read_types()])


@types.command("delete")
@_type_argument
def delete_type(slug: str) -> None:
    """Delete a block type and all its blocks."""
    one = _find_type(slug)
    confirm(f"Delete the block type {slug!r} and all its blocks?")
    try:
        get_client().delete_block_type(one.id)
    except ProtectedBlockError:
        fail(f"The block type {slug!r} is protected and cannot be deleted.")
    click.echo(f"Deleted block type {slug!r}.")
