"""Blocks in templates: `{{ prefect.blocks.<type>.<name> }}`, and `{"$ref": {"block_document_id": id}}`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar, cast

from prefect._lazy import lazy
from prefect.exceptions import ObjectNotFound
from prefect.values import templates
from prefect.values.annotations import NotSet
from prefect.values.nested import get_from_dict

if TYPE_CHECKING:
    from prefect.client import orchestration
    from prefect.client.orchestration import PrefectClient
else:
    orchestration = lazy("prefect.client.orchestration")

T = TypeVar("T")
Transform = Callable[[str, Any], Any]


async def resolve_block_document_references(
    template: T, client: PrefectClient | None = None, value_transformer: Transform | None = None
) -> T | dict[str, Any]:
    """Fill the placeholders of blocks with the blocks' values, secrets included.

    `{{ prefect.blocks.<type>.<name> }}` becomes the block's only value if that is called `value`, else all its values;
    `{{ prefect.blocks.<type>.<name>.<field> }}` becomes that one, which may be a path into it.

    Args:
        template: The template.
        client: The client to read the blocks with.
        value_transformer: Called with a placeholder's name and its value; its result is inserted.

    Raises:
        ObjectNotFound: There is no such block.
        ValueError: A placeholder names no block, or a field that the block does not have.
    """
    if client is not None:
        return await _resolve(template, client, value_transformer)
    async with orchestration.get_client() as own:
        return await _resolve(template, own, value_transformer)


async def _resolve(template: Any, client: PrefectClient, transform: Transform | None) -> Any:
    if isinstance(template, dict):
        values = cast("dict[str, Any]", template)
        reference = values.get("$ref")
        if isinstance(reference, dict) and "block_document_id" in reference:
            return (await client.read_block_document(cast("Any", reference["block_document_id"]))).data
        return {name: await _resolve(value, client, transform) for name, value in values.items()}
    if isinstance(template, list):
        return [await _resolve(item, client, transform) for item in cast("list[Any]", template)]
    filled: dict[str, Any] = {}
    for placeholder in templates.find_placeholders(template):
        if placeholder.type is templates.PlaceholderType.BLOCK_DOCUMENT:
            value = await _read_value(placeholder.name, client)
            filled[placeholder.full_match] = transform(placeholder.name, value) if transform else value
    return templates.replace_placeholders(template, filled)


async def _read_value(name: str, client: PrefectClient) -> Any:
    parts = name.removeprefix(templates.BLOCK_DOCUMENT_PLACEHOLDER_PREFIX).split(".", 2)
    if len(parts) < 2:
        raise ValueError(f"{name!r} names no block: write prefect.blocks.<type>.<name>.")
    slug, block_name, *path = parts
    try:
        document = await client.read_block_document_by_name(block_name, slug)
    except ObjectNotFound as error:
        raise ObjectNotFound(error.http_exc, help_message=f"There is no block {slug}/{block_name}.") from error
    data = document.data
    if not path:
        return data["value"] if set(data) == {"value"} else data
    found = get_from_dict(data, path[0], NotSet)
    if found is NotSet:
        raise ValueError(f"The block {slug}/{block_name} has no {path[0]!r}.")
    return found
