"""Saving, loading and deleting blocks through the API.

A block document belongs to a block schema, which belongs to a block type: both are registered when a block is saved.
A block among the fields of another one is stored as a reference if it was saved itself, else inside of it.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from uuid import UUID

from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_jsonable_python

from prefect import exceptions
from prefect._lazy import lazy
from prefect.blocks import registry, schemas
from prefect.client.utilities import inject_client
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound, ProtectedBlockError
from prefect.schemas.actions import (
    BlockDocumentCreate,
    BlockDocumentUpdate,
    BlockSchemaCreate,
    BlockTypeCreate,
    BlockTypeUpdate,
)
from prefect.schemas.blocks import BlockDocument, BlockType
from prefect.types.names import BlockDocumentName

if TYPE_CHECKING:
    from prefect.client.orchestration import PrefectClient
    from prefect.events import utilities as events
else:
    events = lazy("prefect.events.utilities")

Ref = UUID | str | Mapping[str, Any]
"""A reference to a block document: its id, `{"block_document_id": id}` or `{"block_document_slug": "type/name"}`."""


_changes = 0


def count_changes() -> int:
    """Return how many blocks this process has saved and deleted: what was loaded before may differ now."""
    return _changes


def _note_change() -> None:
    global _changes
    _changes += 1


UNREADABLE_STATUS = 422
"""The status of a document that was encrypted with an unknown key."""


class InvalidBlockRegistration(Exception):
    """The class cannot be a block type: it is the base class, or not a block."""


# --- types and schemas -----------------------------------------------------------------------------------------------


@inject_client
async def register_class(cls: Any, *, client: Any = None) -> None:
    """Register the type and the schema of a block class; block classes in its fields are registered first.

    Raises:
        InvalidBlockRegistration: It is the base class.
    """
    if cls._is_base():
        raise InvalidBlockRegistration(
            "`register_type_and_schema` was called on `Block` itself: call it on a subclass, which is a type of blocks."
        )
    await _register(cls, client, set())


async def _register(cls: Any, client: PrefectClient, done: set[Any]) -> None:
    done.add(cls)
    for nested in schemas.find_nested_block_classes(cls):
        if nested not in done and not nested._is_base():  # pyright: ignore[reportAttributeAccessIssue]
            await _register(nested, client, done)
    block_type = await _register_type(cls, client)
    cls._block_type_id = block_type.id
    cls._block_schema_id = await _register_schema(cls, block_type.id, client)


async def _register_type(cls: Any, client: PrefectClient) -> BlockType:
    described = {
        "logo_url": cls._logo_url,
        "documentation_url": cls._documentation_url,
        "description": cls.get_description(),
        "code_example": cls.get_code_example(),
    }
    slug = cls.get_block_type_slug()
    try:
        block_type = await client.read_block_type_by_slug(slug)
    except ObjectNotFound:
        try:
            return await client.create_block_type(
                BlockTypeCreate(name=cls.get_block_type_name(), slug=slug, **described)
            )
        except ObjectAlreadyExists:  # another process was faster
            block_type = await client.read_block_type_by_slug(slug)
    changed = BlockTypeUpdate(**described)
    if any(getattr(block_type, name) != getattr(changed, name) for name in described):
        try:
            await client.update_block_type(block_type.id, changed)
        except ProtectedBlockError:  # one that comes with the server describes itself
            return block_type
    return block_type


async def _register_schema(cls: Any, block_type_id: UUID, client: PrefectClient) -> UUID:
    fields, version = cls.model_json_schema(), cls.get_block_schema_version()
    try:
        schema = await client.read_block_schema_by_checksum(schemas.compute_class_checksum(cls), version)
    except ObjectNotFound:
        schema = await client.create_block_schema(
            BlockSchemaCreate(
                fields=fields,
                block_type_id=block_type_id,
                capabilities=sorted(cls.get_block_capabilities()),
                version=version,
            )
        )
    return schema.id


# --- documents -------------------------------------------------------------------------------------------------------


@inject_client
async def save(block: Any, name: str | None, overwrite: bool, *, client: Any = None) -> UUID:
    """Save a block under a name, and return the id of its document.

    Raises:
        ValueError: There is no name, it is not valid, or another block of the type has it and `overwrite` is False.
    """
    name = name or block._block_document_name
    if not name:
        raise ValueError("The block has no name: pass one, as in `block.save('my-name')`.")
    check_name(name)  # before anything is registered
    cls = type(block)
    await register_class(cls, client=client)
    data = dump_document(block)
    new = BlockDocumentCreate(
        name=name, data=data, block_schema_id=cls._block_schema_id, block_type_id=cls._block_type_id
    )
    try:
        document = await client.create_block_document(new)
    except ObjectAlreadyExists:
        if not overwrite:
            raise ValueError(
                f"There is a block {name!r} of the type {cls.get_block_type_slug()!r} already: "
                "pass `overwrite=True` to replace its values, or save under another name."
            ) from None
        document = await client.read_block_document_by_name(name, cls.get_block_type_slug(), include_secrets=False)
        changes = BlockDocumentUpdate(block_schema_id=cls._block_schema_id, data=data, merge_existing_data=False)
        await client.update_block_document(document.id, changes)
    _note_change()
    _adopt(block, document.id, name, is_anonymous=False)
    return document.id


def dump_document(block: Any) -> dict[str, Any]:
    """Return the values of a block as its document stores them: with secrets, and references to saved blocks."""
    data: dict[str, Any] = {}
    for name, field in type(block).model_fields.items():
        value = getattr(block, name)
        saved = getattr(value, "_block_document_id", None)
        data[field.alias or name] = {"$ref": {"block_document_id": str(saved)}} if saved else to_stored_json(value)
    return data


def to_stored_json(value: Any) -> Any:
    """Return a field's value as JSON with the values of its secrets."""
    if hasattr(value, "get_secret_value"):
        return to_stored_json(value.get_secret_value())
    if schemas.is_block_class(type(value)):
        return {**dump_document(value), "block_type_slug": value.get_block_type_slug()}
    if hasattr(type(value), "model_fields"):
        fields = type(value).model_fields
        return {field.alias or name: to_stored_json(getattr(value, name)) for name, field in fields.items()}
    if isinstance(value, Mapping):
        return {key: to_stored_json(item) for key, item in value.items()}  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, (list, tuple, set, frozenset)):
        return [to_stored_json(item) for item in value]  # pyright: ignore[reportUnknownVariableType]
    return to_jsonable_python(value, timedelta_mode="float")


def check_name(name: str) -> None:
    """Raise ValueError unless a block can be saved under the name."""
    try:
        TypeAdapter(BlockDocumentName).validate_python(name)
    except ValidationError:
        raise ValueError(
            f"A block cannot be saved as {name!r}: its name must have only lowercase letters, digits and dashes."
        ) from None


@inject_client
async def load(cls: Any, name: str, validate: bool, *, client: Any = None) -> Any:
    """Load a block by its name, or the id of its document; on `Block` itself by `"type-slug/name"`.

    Raises:
        ValueError: There is no such block.
        RuntimeError: Its values are not valid for the class.
    """
    document = await find_document(cls, name, client)
    return _load_document(cls, document, validate)


@inject_client
async def load_from_ref(cls: Any, ref: Ref, validate: bool, *, client: Any = None) -> Any:
    """Load a block by a reference to its document.

    Raises:
        ValueError: The reference is not valid, or there is no such block.
        RuntimeError: Its values are not valid for the class.
    """
    found: Any = ref
    if isinstance(ref, Mapping):
        if slug := ref.get("block_document_slug"):
            type_slug, _, name = str(slug).partition("/")
            return await load(
                registry.find_class(type_slug) if name else cls, name or type_slug, validate, client=client
            )
        found = ref.get("block_document_id")
    try:
        document_id = found if isinstance(found, UUID) else UUID(str(found))
    except ValueError:
        raise ValueError(
            f"{ref!r} is not a reference to a block: pass the id of its document, "
            '{"block_document_id": id} or {"block_document_slug": "type/name"}.'
        ) from None
    try:
        document = await client.read_block_document(document_id)
    except ObjectNotFound:
        raise ValueError(f"There is no block with the id '{document_id}'.") from None
    except exceptions.PrefectHTTPStatusError as error:
        raise _explain_refusal(error) from error
    return _load_document(cls, document, validate)


def _load_document(cls: Any, document: BlockDocument, validate: bool) -> Any:
    """Return the block of a document, and emit that it was loaded."""
    block = build_block(cls, document, validate)
    slug = type(block).get_block_type_slug()
    resource = {"prefect.resource.id": f"prefect.block-document.{document.id}"}
    if document.name:
        resource["prefect.resource.name"] = document.name
    block_type = {"prefect.resource.id": f"prefect.block-type.{slug}", "prefect.resource.role": "block-type"}
    events.emit_gathered(f"prefect.block.{slug}.loaded", resource, related=[block_type])
    return block


@inject_client
async def delete(cls: Any, name: str, *, client: Any = None) -> None:
    """Delete a saved block; named as in `load`.

    Raises:
        ValueError: There is no such block.
    """
    document = await find_document(cls, name, client, include_secrets=False)
    await client.delete_block_document(document.id)
    _note_change()


async def find_document(cls: Any, name: str, client: PrefectClient, include_secrets: bool = True) -> BlockDocument:
    """Return the document of a saved block; named as in `load`, or by its id."""
    slug = cls.get_block_type_slug()
    type_slug, _, own_name = str(name).rpartition("/") if cls._is_base() else (slug, "", str(name))
    try:
        if type_slug:
            with suppress(ObjectNotFound):
                return await client.read_block_document_by_name(own_name, type_slug, include_secrets=include_secrets)
        if (document_id := _parse_id(own_name)) is not None:
            with suppress(ObjectNotFound):
                document = await client.read_block_document(document_id, include_secrets=include_secrets)
                if type_slug in ("", getattr(document.block_type, "slug", None)):
                    return document
    except exceptions.PrefectHTTPStatusError as error:
        raise _explain_refusal(error) from error
    if not type_slug:
        raise ValueError(f"{own_name!r} names no block: write its type, too, as in 'type-slug/{own_name}'.")
    raise ValueError(f"There is no block {own_name!r} of the type {type_slug!r}: save it first, or check its name.")


def _parse_id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _explain_refusal(error: Any) -> Exception:
    """Return the error of a document that the API has and cannot read. No ValueError: the document is not missing."""
    if error.response.status_code != UNREADABLE_STATUS:
        return error
    try:
        return RuntimeError(error.response.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return error


# --- documents as blocks ---------------------------------------------------------------------------------------------


def build_block(cls: Any, document: BlockDocument, validate: bool = True) -> Any:
    """Return the block of a document.

    Raises:
        RuntimeError: Its values are not valid for the class, and `validate` is True.
        UnknownBlockType: No class of its type is imported.
    """
    if cls._is_base():
        assert document.block_type is not None
        try:
            cls = registry.find_class(document.block_type.slug)
        except registry.UnknownBlockType as error:
            raise registry.UnknownBlockType(f"The block {document.name!r} cannot be loaded. {error}") from None
    try:
        block = cls.model_validate(document.data)
    except ValidationError as error:
        reasons = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
        what = f"The block {document.name!r} of the type {cls.get_block_type_slug()!r} is not valid for {cls.__name__}"
        if validate:
            raise RuntimeError(
                f"{what}: {reasons}. Load it with `validate=False`, correct it, and save it with `overwrite=True`."
            ) from None  # the values that pydantic's error has may be secrets
        warnings.warn(f"{what}: {reasons}. Correct it, and save it with `overwrite=True`.", stacklevel=2)
        block = cls.model_construct(**{**dict.fromkeys(cls.model_fields), **_convert_valid(cls, document.data)})
    _adopt(block, document.id, document.name, document.is_anonymous)
    cls._block_type_id, cls._block_schema_id = document.block_type_id, document.block_schema_id
    for name, reference in document.block_document_references.items():
        nested = reference.get("block_document") or {}
        inner = getattr(block, name, None)
        if schemas.is_block_class(type(inner)) and nested.get("id"):
            _adopt(inner, UUID(str(nested["id"])), nested.get("name"), bool(nested.get("is_anonymous")))
    return block


def _convert_valid(cls: Any, data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a document, each converted to its field's type if it is valid: secrets stay hidden."""
    values = dict(data)
    for name, field in cls.model_fields.items():
        if name in values:
            try:
                values[name] = TypeAdapter(field.annotation).validate_python(values[name])
            except ValidationError:
                continue
    return values


def _adopt(block: Any, document_id: UUID, name: str | None, is_anonymous: bool) -> None:
    """Note which document a block was saved in or loaded from."""
    block._block_document_id = document_id
    block._block_document_name = name
    block._is_anonymous = is_anonymous
