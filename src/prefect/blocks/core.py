"""The base class of blocks: typed configuration with a name, a slug and capabilities.

A block class describes itself. Storing blocks is not supported yet: `save`, `load` and `delete` raise. A block must not
do its work (read a file, call a service) when it is made.
"""

from __future__ import annotations

import re
import textwrap
from abc import ABC
from typing import Any, ClassVar, NoReturn, TypeGuard
from uuid import UUID

from pydantic import BaseModel, ConfigDict, SerializerFunctionWrapHandler, model_serializer

from prefect._io import class_twin, twin
from prefect._later import NotBuiltError

__all__ = ["Block", "BlockNotSavedError", "InvalidBlockRegistration", "UnknownBlockType"]

_registry: dict[str, type[Block]] = {}

_SECTION = re.compile(r"^([A-Z][\w ]*):[^\n]*\n(?=[ \t]+\S)", re.MULTILINE)
"""The heading of a section of a docstring, as Google's style has them."""


class InvalidBlockRegistration(Exception):
    """The class cannot be a block type: it is the base class, or not a block."""


class UnknownBlockType(Exception):
    """No class of this block type is imported."""


class BlockNotSavedError(RuntimeError):
    """The block was not saved."""


class Block(BaseModel, ABC):
    """Typed configuration. Subclass it and declare fields as in any pydantic model.

    The class variables with a leading underscore describe the block type; those that are left None are derived from
    the class.
    """

    model_config = ConfigDict(extra="allow", ignored_types=(twin, class_twin))

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
        return object.__new__(_find_class(slug) if cls is Block and slug is not None else cls)

    def __init__(self, *args: Any, **fields: Any) -> None:
        fields.pop("block_type_slug", None)
        super().__init__(*args, **fields)
        self.block_initialization()

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        slug = cls.get_block_type_slug()
        known = _registry.get(slug)
        # A subclass with the slug of its base does not replace the base.
        if known is None or not issubclass(cls, known):
            _registry[slug] = cls

    def block_initialization(self) -> None:
        """Initialize a new block. Subclasses may override this."""

    @model_serializer(mode="wrap")
    def _with_slug(self, handler: SerializerFunctionWrapHandler) -> Any:
        fields = handler(self)
        if isinstance(fields, dict):
            fields["block_type_slug"] = self.get_block_type_slug()
        return fields

    @staticmethod
    def is_block_class(block: Any) -> TypeGuard[type[Block]]:
        """Return whether this is a class of blocks."""
        return isinstance(block, type) and issubclass(block, Block)

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
        """Return the code example: as declared, else that of the class's docstring, else how to load such a block."""
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
        return _find_class(key)

    def get_block_placeholder(self) -> str:
        """Return the template that stands for this saved block in a deployment.

        Raises:
            BlockNotSavedError: It was not saved.
        """
        if self._block_document_name is None:
            raise BlockNotSavedError("Could not generate block placeholder for unsaved block. Save it first.")
        return f"prefect.blocks.{self.get_block_type_slug()}.{self._block_document_name}"

    @classmethod
    async def aload(cls, name: str, validate: bool = True, client: Any = None) -> Any:
        """Load a saved block by its name. Not supported yet."""
        _not_built(f"the block {name!r} cannot be loaded")

    load = class_twin(aload)

    @classmethod
    async def aload_from_ref(cls, ref: str | UUID | dict[str, Any], validate: bool = True, client: Any = None) -> Any:
        """Load a saved block by a reference. Not supported yet."""
        _not_built(f"the block {ref} cannot be loaded")

    load_from_ref = class_twin(aload_from_ref)

    async def asave(self, name: str | None = None, overwrite: bool = False, client: Any = None) -> UUID:
        """Save the block under a name. Not supported yet."""
        _not_built(f"the block {name!r} cannot be saved")

    save = twin(asave)

    @classmethod
    async def adelete(cls, name: str, client: Any = None) -> None:
        """Delete a saved block. Not supported yet."""
        _not_built(f"the block {name!r} cannot be deleted")

    delete = class_twin(adelete)

    @classmethod
    async def aregister_type_and_schema(cls, client: Any = None) -> None:
        """Register the block type. Not supported yet."""
        _not_built(f"the block type {cls.get_block_type_slug()!r} cannot be registered")

    register_type_and_schema = class_twin(aregister_type_and_schema)


def _read_docstring(cls: type) -> str:
    """Return the class's own docstring without its indentation, or an empty text."""
    text = cls.__dict__.get("__doc__") or ""
    first, newline, rest = text.partition("\n")
    return f"{first.strip()}{newline}{textwrap.dedent(rest)}".strip("\n")


def _not_built(what: str) -> NoReturn:
    raise NotBuiltError(f"Saved blocks cannot be used yet: {what}. Pass a block object instead.")


def _find_class(slug: Any) -> type[Block]:
    found = _registry.get(slug)
    if found is None:
        raise UnknownBlockType(f"No block type {slug!r} is known: import the module that defines it.")
    return found


def _slugify(name: str) -> str:
    words = re.sub(r"[^\w\s-]", "", name.lower().replace("_", "-"))
    return re.sub(r"[\s-]+", "-", words).strip("-")
