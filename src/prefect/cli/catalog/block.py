"""`prefect block`: create, list, inspect and delete blocks and block types."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any
from uuid import UUID

import click

from prefect._lazy import lazy, lazy_from
from prefect.cli.core.command import Listing, group, multiple_option, output_option, positional, prints_list
from prefect.cli.core.formats import as_text, format_age
from prefect.cli.core.lookup import fail_not_found, find_by_name, get_client, read_all_answers, read_all_pages
from prefect.cli.core.output import confirm, fail, print_details, print_fields, print_json, print_list
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound, ProtectedBlockError

if TYPE_CHECKING:
    import pydantic

    from prefect import settings
    from prefect.blocks import persistence, registry
    from prefect.form_values import json_schemas
    from prefect.loading import imports
    from prefect.schemas import actions, blocks
    from prefect.schemas.blocks import BlockDocument, BlockType
    from prefect.types import json_codec
else:
    pydantic = lazy("pydantic")
    actions, blocks, imports = lazy_from("prefect", "schemas.actions", "schemas.blocks", "loading.imports")
    json_codec, json_schemas = lazy_from("prefect", "types.json_codec", "form_values.json_schemas")
    persistence, registry, settings = lazy_from("prefect", "blocks.persistence", "blocks.registry", "settings")

command = group("block", "Manage blocks and block types.")
types = group("type", "Manage block types.")
command.add_command(types)
command.aliases["types"] = "type"

_slug_argument = positional("slug", help="Pass a block as <type>/<name>, or its id with --id.", required=False)
_id_option = click.option("--id", "block_id", type=click.UUID, help="Id of the block.")
_type_argument = positional("slug", help="Pass the slug of a block type.")


@command.command("ls")
@prints_list("ID", "Type", "Name", "Slug")
def ls() -> Listing:
    """List saved blocks."""
    found = _read_all()
    return found, [[one.id, one.block_type and one.block_type.name, one.name, format_slug(one)] for one in found]


def _read_all() -> list[BlockDocument]:
    return read_all_pages(
        lambda limit, offset: get_client().read_block_documents(limit=limit, offset=offset, include_secrets=False)
    )


def format_slug(block: BlockDocument) -> str:
    """Return a block as `<type>/<name>`."""
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


@command.command("create")
@positional("block_type_slug", help="Pass the slug of a block type.")
@click.option("--name", metavar="NAME", help="Create the block under this name, from the values below.")
@multiple_option("--set", "values", metavar="FIELD=VALUE", help="Value of a field, as JSON or a text")
@multiple_option("--ask", "prompted", metavar="FIELD", help="Field whose value is read from the terminal, for secrets")
def create(block_type_slug: str, name: str | None, values: tuple[str, ...], prompted: tuple[str, ...]) -> None:
    """Create a block from values, or print the URL of the form on the web page."""
    if name is None:
        if values or prompted:
            fail("Pass --name: a block is saved under a name.")
        return _print_page(block_type_slug)
    found = _find_class(block_type_slug)
    fields = {**dict(map(_parse_value, values)), **{field: click.prompt(field, hide_input=True) for field in prompted}}
    try:
        if isinstance(found, blocks.BlockType):
            _save_by_schema(found, name, fields)
        else:
            _check_names(block_type_slug, fields, [field.alias or each for each, field in found.model_fields.items()])
            found(**fields).save(name)
    except pydantic.ValidationError as error:  # its text has the values, which may be secrets
        fail("; ".join(f"{'.'.join(map(str, each['loc'])) or 'block'}: {each['msg']}" for each in error.errors()))
    except ValueError as error:
        fail(str(error))
    click.echo(f"Created block '{block_type_slug}/{name}'.")
    return None


def _find_class(slug: str) -> registry.BlockClass | BlockType:
    """Return the class of a block type, or, if no package here has it, the type as it was registered."""
    try:
        return registry.find_class(slug)
    except registry.UnknownBlockType:
        known = _read_types()
    found = next((one for one in known if one.slug == slug), None)
    if found is None:
        fail_not_found("block type", slug, sorted({*(one.slug for one in known), *registry.list_slugs()}))
    return found


def _save_by_schema(one: BlockType, name: str, fields: dict[str, Any]) -> None:
    """Save a block of a registered type, with values that its newest schema allows."""
    persistence.check_name(name)
    schema = get_client().get_most_recent_block_schema_for_block_type(one.id)
    if schema is None:
        fail(f"The block type {one.slug!r} has no fields yet: register its class with `prefect block register`.")
    _check_names(one.slug, fields, list(schema.fields.get("properties", {})))
    for error in json_schemas.find_errors(fields, schema.fields):
        if error.validator == "required":
            fail(f"block: {error.message}")
        place = ".".join(map(str, error.path))
        fail(f"{place}: {error.validator} must be {json_codec.dumps(error.validator_value).decode()}")
    new = actions.BlockDocumentCreate(name=name, data=fields, block_schema_id=schema.id, block_type_id=one.id)
    try:
        get_client().create_block_document(new)
    except ObjectAlreadyExists:
        fail(f"There is a block '{one.slug}/{name}' already: delete it first, or save under another name.")


def _check_names(slug: str, fields: dict[str, Any], known: list[str]) -> None:
    unknown = sorted(fields.keys() - set(known))
    if unknown:
        fail(f"The block type {slug!r} has no field {unknown[0]!r}: it has {', '.join(known)}.")


def _parse_value(text: str) -> tuple[str, Any]:
    field, separator, value = text.partition("=")
    if not separator:
        fail(f"Expected a value as FIELD=VALUE, got {text!r}.")
    try:
        return field, json_codec.loads(value)
    except ValueError:
        return field, value


def _print_page(slug: str) -> None:
    current = settings.get_current_settings()
    base = current.ui_url or (current.api.url or "").removesuffix("/").removesuffix("/api")
    if not base:
        _find_class(slug)
        fail(
            f"Pass --name, and --set or --ask for its fields, to create a {slug!r} block; the web page for it needs a "
            "server (PREFECT_API_URL)."
        )
    _find_type(slug)
    click.echo(f"Create a {slug!r} block at {base}/blocks/catalog/{slug}/create")


@command.command("inspect")
@_slug_argument
@_id_option
@output_option
def inspect(slug: str | None, block_id: UUID | None, output: str | None) -> None:
    """Show a block. Secrets are masked."""
    block = find_block(slug, block_id)
    print_details(
        block,
        {
            "ID": block.id,
            "Type": block.block_type and block.block_type.name,
            "Name": block.name,
            "Slug": format_slug(block),
            "Created": format_age(block.created),
            "Updated": format_age(block.updated),
            **{f"Field {name}": as_text(value) for name, value in block.data.items()},
        },
        output,
    )


def find_block(slug: str | None, id: UUID | None) -> BlockDocument:
    """Return the block of a slug `<type>/<name>` or an id, without its secrets."""
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

    return find_by_name("block", slug, read, lambda: map(format_slug, _read_all()))


@command.command("delete")
@_slug_argument
@_id_option
def delete(slug: str | None, block_id: UUID | None) -> None:
    """Delete a block."""
    block = find_block(slug, block_id)
    confirm(f"Delete the block {format_slug(block)!r}?")
    get_client().delete_block_document(block.id)
    click.echo(f"Deleted block {format_slug(block)!r}.")


# --- types -----------------------------------------------------------------------------------------------------------


def _read_types() -> list[BlockType]:
    return read_all_answers("/block_types/filter", blocks.BlockType.model_validate)


@types.command("ls")
@prints_list("Slug", "Name", "Description")
def list_types() -> Listing:
    """List block types."""
    found = _read_types()
    return found, [[one.slug, one.name, (one.description or "").strip().partition("\n")[0]] for one in found]


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
