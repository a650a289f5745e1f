"""Stored blocks: block types, block schemas and block documents.

A document's `data` may hold secrets; they are written as asterisks unless the context contains `include_secrets`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Self, cast
from uuid import UUID

from pydantic import (
    Field,
    HttpUrl,
    Secret,
    SecretBytes,
    SecretStr,
    SerializationInfo,
    SerializerFunctionWrapHandler,
    field_serializer,
    model_validator,
)

from prefect.schemas.base import ObjectBaseModel, PrefectBaseModel
from prefect.types.names import BlockDocumentName, Name

DEFAULT_BLOCK_SCHEMA_VERSION = "non-versioned"


def validate_name_present_on_nonanonymous_blocks(values: Any) -> Any:
    """Return the values of a block document; raise ValueError unless it has a name or is anonymous."""
    if isinstance(values, dict):
        fields: dict[str, Any] = values  # pyright: ignore[reportUnknownVariableType]
        if not fields.get("is_anonymous") and not fields.get("name"):
            raise ValueError("A block document must have a name unless it is anonymous.")
    return values  # pyright: ignore[reportUnknownVariableType]


def reveal(value: Any, include_secrets: bool) -> Any:
    """Return a copy of data where each secret is its value, or, without `include_secrets`, asterisks."""
    if isinstance(value, Secret | SecretStr | SecretBytes):
        secret = cast("Secret[Any]", value)
        return secret.get_secret_value() if include_secrets else "********"
    if isinstance(value, dict):
        items: dict[Any, Any] = value  # pyright: ignore[reportUnknownVariableType]
        return {key: reveal(item, include_secrets) for key, item in items.items()}
    if isinstance(value, list | tuple | set):
        return [reveal(item, include_secrets) for item in cast("Iterable[Any]", value)]
    return value


class BlockTypeDescription(PrefectBaseModel):
    """The description of a block type."""

    logo_url: HttpUrl | None = None
    documentation_url: HttpUrl | None = None
    description: str | None = None
    code_example: str | None = None


class BlockType(BlockTypeDescription, ObjectBaseModel):
    """A kind of block, such as a bucket or a credential."""

    name: Name
    slug: str
    is_protected: bool = False


class BlockSchema(ObjectBaseModel):
    """A version of the fields that blocks of a type have."""

    checksum: str
    fields: dict[str, Any] = Field(default_factory=dict)
    block_type_id: UUID | None
    block_type: BlockType | None = None
    capabilities: list[str] = Field(default_factory=list)
    version: str = "non-versioned"


class BlockSchemaReference(ObjectBaseModel):
    """A reference from a field of a block schema to another block schema."""

    parent_block_schema_id: UUID
    parent_block_schema: BlockSchema | None = None
    reference_block_schema_id: UUID
    reference_block_schema: BlockSchema | None = None
    name: str


class BlockDocument(ObjectBaseModel):
    """A saved block: values for the fields of a block schema."""

    name: BlockDocumentName | None = None
    data: dict[str, Any] = Field(default_factory=dict)
    block_schema_id: UUID
    block_schema: BlockSchema | None = None
    block_type_id: UUID
    block_type_name: str | None = None
    block_type: BlockType | None = None
    block_document_references: dict[str, dict[str, Any]] = Field(default_factory=dict)
    is_anonymous: bool = False

    @model_validator(mode="before")
    @classmethod
    def _named_unless_anonymous(cls, values: Any) -> Any:
        return validate_name_present_on_nonanonymous_blocks(values)

    @field_serializer("data", mode="wrap")
    def _show_or_hide_secrets(
        self, data: dict[str, Any], handler: SerializerFunctionWrapHandler, info: SerializationInfo
    ) -> dict[str, Any]:
        return handler(reveal(data, bool(info.context and info.context.get("include_secrets"))))


class BlockDocumentReference(ObjectBaseModel):
    """A reference from a field of a block document to another block document."""

    parent_block_document_id: UUID
    parent_block_document: BlockDocument | None = None
    reference_block_document_id: UUID
    reference_block_document: BlockDocument | None = None
    name: str

    @model_validator(mode="after")
    def _not_its_own_parent(self) -> Self:
        if self.parent_block_document_id == self.reference_block_document_id:
            raise ValueError("A block document cannot refer to itself: the two ids of a reference must differ.")
        return self
