"""The base class of blocks: typed configuration with a name, a slug and capabilities.

A block class describes itself; `persistence` saves and loads its blocks. A block must not do its work (read a file,
call a service) when it is made.
"""

from __future__ import annotations

import re
import textwrap
from abc import ABC
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeGuard, cast, get_args
from uuid import UUID

from pydantic import (
    BaseModel,
    ConfigDict,
    SerializationInfo,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from prefect._io import class_twin, drive, twin
from prefect.blocks import persistence, registry, schemas
from prefect.blocks.persistence import InvalidBlockRegistration
from prefect.blocks.registry import UnknownBlockType
from prefect.types.names import slugify

if TYPE_CHECKING:
    from prefect.client.orchestration import PrefectClient
    from prefect.schemas.blocks import BlockSchema

__all__ = [
    "Block",
    "BlockNotSavedError",
    "InvalidBlockRegistration",
    "UnknownBlockType",
    "block_schema_to_key",
    "schema_extra",
]

_SECTION = re.compile(r"^([A-Z][\w ]*):[^\n]*\n(?=[ \t]+\S)", re.MULTILINE)
"""The heading of a section of a docstring, as Google's style has them."""


class BlockNotSavedError(RuntimeError):
    """The block was not saved."""


def block_schema_to_key(schema: BlockSchema) -> str:
    """Return the slug by which the class of a block schema is registered."""
    if schema.block_type is None:
        raise ValueError("The block schema was read without its type, which names the class.")
    return schema.block_type.slug


def schema_extra(schema: dict[str, Any], model: type[Block]) -> None:
    """Add to the JSON schema of a block class what the API stores besides the fields."""
    schemas.describe_block(schema, model)


class Block(BaseModel, ABC):
    """Typed configuration. Subclass it and declare fields as in any pydantic model.

    The class variables with a leading underscore describe the block type; those that are left None are derived from
    the class.
    """

    model_config = ConfigDict(
        extra="allow",
        hide_input_in_errors=True,  # it may have secrets
        ignored_types=(twin, class_twin),
        json_schema_extra=cast("Any", schema_extra),
    )

    _block_type_name: ClassVar[str | None] = None
    _block_type_slug: ClassVar[str | None] = None
    _block_schema_capabilities: ClassVar[list[str] | None] = None
    _logo_url: ClassVar[Any] = None
    _documentation_url: ClassVar[Any] = None
    _description: ClassVar[str | None] = None
    _code_example: ClassVar[str | None] = None
    _block_type_id: ClassVar[UUID | None] = None
    _block_schema_id: ClassVar[UUID | None] = None

    _block_document_id: UUID | None = None
    _block_document_name: str | None = None
    _is_anonymous: bool | None = None

    def __new__(cls, **fields: Any) -> Block:
        slug = fields.get("block_type_slug")
        return object.__new__(registry.find_class(slug) if cls is Block and slug is not None else cls)

    def __init__(self, *args: Any, **fields: Any) -> None:
        fields.pop("block_type_slug", None)
        super().__init__(*args, **fields)
        self.block_initialization()

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        registry.register_class(cls.get_block_type_slug(), cls)

    def block_initialization(self) -> None:
        """Initialize a new block. Subclasses may override this."""

    @model_validator(mode="wrap")
    @classmethod
    def _validate(cls, value: Any, handler: Any) -> Any:
        """Load the block of a reference, and choose the class by the slug that values may have."""
        if not isinstance(value, dict):
            return handler(value)
        fields = cast("dict[str, Any]", value)
        if "$ref" in fields:
            return drive(cls.aload_from_ref(fields["$ref"]))
        slug = fields.get("block_type_slug")
        if slug is None:
            return handler(value)
        found = registry.find_class(slug)
        own = {name: item for name, item in fields.items() if name != "block_type_slug"}
        if found is cls or slug == cls.get_block_type_slug():
            return handler(own)
        if not issubclass(found, cls):
            raise ValueError(f"A block of the type {slug!r} is no {cls.__name__}.")
        return found.model_validate(own)

    @model_serializer(mode="wrap")
    def _serialize(self, handler: SerializerFunctionWrapHandler, info: SerializationInfo) -> Any:
        fields = handler(self)
        if not isinstance(fields, dict):
            return fields
        dumped = cast("dict[str, Any]", fields)
        if info.context and info.context.get("include_secrets"):
            self._show_secrets(dumped, info)
        dumped["block_type_slug"] = self.get_block_type_slug()
        if self._block_document_id is not None:
            document_id = self._block_document_id
            dumped["_block_document_id"] = str(document_id) if info.mode == "json" else document_id
            dumped["_block_document_name"] = self._block_document_name
            dumped["_is_anonymous"] = self._is_anonymous
        return dumped

    def _show_secrets(self, dumped: dict[str, Any], info: SerializationInfo) -> None:
        """Put the values of secrets in place of asterisks."""
        for name, field in type(self).model_fields.items():
            key = (field.alias or name) if info.by_alias else name
            if key in dumped and schemas.holds_secrets(field.annotation):
                dumped[key] = persistence.to_stored_json(getattr(self, name))

    def __repr_args__(self) -> Iterable[tuple[str | None, Any]]:
        """Return the declared fields: a value that has none may be a secret."""
        return [(name, value) for name, value in super().__repr_args__() if name in type(self).model_fields]

    def __str__(self) -> str:
        return repr(self)

    @staticmethod
    def is_block_class(block: Any) -> TypeGuard[type[Block]]:
        """Return whether this is a class of blocks."""
        return isinstance(block, type) and issubclass(block, Block)

    @staticmethod
    def annotation_refers_to_block_class(annotation: Any) -> bool:
        """Return whether a type hint is a class of blocks, or a union with one."""
        return any(Block.is_block_class(kind) for kind in (annotation, *get_args(annotation)))

    @classmethod
    def _is_base(cls) -> bool:
        """Return whether this is `Block` itself, which is not a block type."""
        return cls is Block

    @classmethod
    def model_json_schema(cls, *args: Any, **options: Any) -> dict[str, Any]:
        """Return the JSON schema of the fields, with the definitions of others under `definitions`.

        Args:
            *args, **options: As of pydantic's models; `ref_template` is `"#/definitions/{model}"` by default.
        """
        if len(args) < 2:
            options.setdefault("ref_template", schemas.REF_TEMPLATE)
        schema = schemas.without_additional_properties(super().model_json_schema(*args, **options))
        definitions = schema.pop("$defs", None)
        if "$ref" in schema:  # a class that holds itself is one of its definitions
            schema = {**definitions[schema["$ref"].rpartition("/")[2]]}
        if definitions is not None:
            schema["definitions"] = definitions
        return schema

    @classmethod
    def get_block_schema_version(cls) -> str:
        """Return the version of the package that defines the class, if it is a collection; else `non-versioned`."""
        return registry.find_collection_version(cls.__module__)

    @classmethod
    def get_block_class_from_schema(cls, schema: BlockSchema) -> type[Block]:
        """Return the imported class of a block schema's type.

        Raises:
            UnknownBlockType: No such class is imported.
        """
        return cls.get_block_class_from_key(block_schema_to_key(schema))

    @classmethod
    def get_block_type_name(cls) -> str:
        """Return the name of the block type for people: declared, or the class's own."""
        return cls._block_type_name or cls.__name__

    @classmethod
    def get_block_type_slug(cls) -> str:
        """Return the name of the block type in references such as `"local-file-system/name"`."""
        return cls._block_type_slug or _slugify(cls.get_block_type_name())

    @classmethod
    def get_block_capabilities(cls) -> frozenset[str]:
        """Return the capabilities of this class and its bases."""
        declared = (base.__dict__.get("_block_schema_capabilities") or () for base in cls.__mro__)
        return frozenset(capability for each in declared for capability in each)

    @classmethod
    def get_description(cls) -> str | None:
        """Return the description: as declared, else the class's docstring up to its first section."""
        if cls._description is not None:
            return cls._description
        text = _read_docstring(cls)
        section = _SECTION.search(text)
        return text[: section.start() if section else None].strip() or None

    @classmethod
    def get_code_example(cls) -> str:
        """Return the declared code example, else that of the docstring, else code that loads a block of this type."""
        if cls._code_example is not None:
            return textwrap.dedent(cls._code_example)
        text = _read_docstring(cls)
        for section in _SECTION.finditer(text):
            if section[1] in ("Example", "Examples"):
                return textwrap.dedent(re.split(r"\n(?=\S)", text[section.end() :])[0]).strip()
        name, variable = cls.__name__, cls.get_block_type_slug().replace("-", "_")
        load = f'{variable}_block = {name}.load("BLOCK_NAME")'
        return f"```python\nfrom {cls.__module__} import {name}\n\n{load}\n```"

    @classmethod
    def get_block_class_from_key(cls, key: str) -> type[Block]:
        """Return the imported class of this block type slug.

        Raises:
            UnknownBlockType: No such class is imported.
        """
        return registry.find_class(key)

    def get_block_placeholder(self) -> str:
        """Return the template that stands for this saved block in a deployment.

        Raises:
            BlockNotSavedError: It was not saved.
        """
        if self._block_document_name is None:
            raise BlockNotSavedError("Could not generate block placeholder for unsaved block. Save it first.")
        return f"prefect.blocks.{self.get_block_type_slug()}.{self._block_document_name}"

    @classmethod
    async def aload(cls, name: str, validate: bool = True, client: PrefectClient | None = None) -> Self:
        """Return the saved block of this type and name.

        Args:
            name: The name; on `Block` itself the slug of the type and the name, as in `"secret/my-token"`. The id
                of the document stands for either, unless a block has that name.
            validate: Whether its values must be valid for the class. Otherwise missing fields are None.
            client: A client to load it with.

        Raises:
            ValueError: There is no such block.
            RuntimeError: Its values are not valid for the class.
        """
        return await persistence.load(cls, name, validate, client=client)

    load = class_twin(aload)

    @classmethod
    async def aload_from_ref(
        cls, ref: str | UUID | dict[str, Any], validate: bool = True, client: PrefectClient | None = None
    ) -> Self:
        """Return the saved block that a reference names.

        Args:
            ref: The id of its document, `{"block_document_id": id}` or `{"block_document_slug": "type/name"}`.
            validate: As in `aload`.
            client: A client to load it with.

        Raises:
            ValueError: The reference is not valid, or there is no such block.
            RuntimeError: Its values are not valid for the class.
        """
        return await persistence.load_from_ref(cls, ref, validate, client=client)

    load_from_ref = class_twin(aload_from_ref)

    async def asave(
        self, name: str | None = None, overwrite: bool = False, client: PrefectClient | None = None
    ) -> UUID:
        """Save the block, and return the id of its document.

        Args:
            name: Lower-case letters, digits and dashes; for a block that was saved or loaded, its own by default.
            overwrite: Whether to replace the values of a block of this type and name.
            client: A client to save it with.

        Raises:
            ValueError: There is no name, it is not valid, or it is in use and `overwrite` is False.
        """
        return await persistence.save(self, name, overwrite, client=client)

    save = twin(asave)

    @classmethod
    async def adelete(cls, name: str, client: PrefectClient | None = None) -> None:
        """Delete the saved block of this type and name.

        Raises:
            ValueError: There is no such block.
        """
        await persistence.delete(cls, name, client=client)

    delete = class_twin(adelete)

    @classmethod
    async def aregister_type_and_schema(cls, client: PrefectClient | None = None) -> None:
        """Register the block type and the current fields of this class, as saving a block does.

        Raises:
            InvalidBlockRegistration: It is `Block` itself.
        """
        await persistence.register_class(cls, client=client)

    register_type_and_schema = class_twin(aregister_type_and_schema)


def _read_docstring(cls: type) -> str:
    """Return the class's own docstring without its indentation, or an empty text."""
    text = cls.__dict__.get("__doc__") or ""
    first, newline, rest = text.partition("\n")
    return f"{first.strip()}{newline}{textwrap.dedent(rest)}".strip("\n")


def _slugify(name: str) -> str:
    """Return the slug of a type's name; of one without Latin letters its Punycode, as host names have it."""
    return slugify(name) or f"xn-{slugify(name.encode('punycode').decode())}"
