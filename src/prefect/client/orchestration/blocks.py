"""Blocks as they are stored, as the client reads and changes them: documents, schemas and types."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from uuid import UUID

from prefect._lazy import lazy
from prefect.client.orchestration import base
from prefect.exceptions import ProtectedBlockError

if TYPE_CHECKING:
    from prefect.schemas import blocks
    from prefect.schemas.actions import (
        BlockDocumentCreate,
        BlockDocumentUpdate,
        BlockSchemaCreate,
        BlockTypeCreate,
        BlockTypeUpdate,
    )
    from prefect.schemas.blocks import BlockDocument
else:
    blocks = lazy("prefect.schemas.blocks")

_NEW_DOCUMENT = {"name", "data", "block_schema_id", "block_type_id", "is_anonymous"}


class BlocksDocumentAsyncClient(base.BaseAsyncClient):
    """Operations on block documents."""

    async def create_block_document(
        self, block_document: BlockDocument | BlockDocumentCreate, include_secrets: bool = True
    ) -> BlockDocument:
        """Create a block document.

        Args:
            block_document: What it is.
            include_secrets: Whether the values of secrets are sent, rather than asterisks.

        Raises:
            ObjectAlreadyExists: There is one of this name and type.
        """
        body = block_document.model_dump(mode="json", exclude_unset=True, include=_NEW_DOCUMENT - {"data"})
        body["data"] = _as_data(block_document.data, include_secrets)
        return blocks.BlockDocument.model_validate(await self._call("POST", "/block_documents/", body))

    async def update_block_document(self, block_document_id: UUID, block_document: BlockDocumentUpdate) -> None:
        """Change a block document. Secrets are sent as they are.

        Raises:
            ObjectNotFound: There is none with this id.
        """
        body = block_document.model_dump(mode="json", exclude_unset=True, exclude={"data"})
        if "data" in block_document.model_fields_set:
            body["data"] = _as_data(block_document.data, include_secrets=True)
        await self._call("PATCH", "/block_documents/{id}", body, id=block_document_id)

    async def delete_block_document(self, block_document_id: UUID) -> None:
        """Delete a block document.

        Raises:
            ObjectNotFound: There is none with this id.
        """
        await self._call("DELETE", "/block_documents/{id}", id=block_document_id)

    async def read_block_document(self, block_document_id: UUID, include_secrets: bool = True) -> BlockDocument:
        """Return the block document with this id.

        Args:
            block_document_id: The id.
            include_secrets: Whether the values of secrets are returned, rather than asterisks.

        Raises:
            ObjectNotFound: There is none.
        """
        answer = await self._call("GET", "/block_documents/{id}", id=block_document_id, include_secrets=include_secrets)
        return blocks.BlockDocument.model_validate(answer)

    async def read_block_document_by_name(
        self, name: str, block_type_slug: str, include_secrets: bool = True
    ) -> BlockDocument:
        """Return the block document of this name and type; arguments as in `read_block_document`.

        Raises:
            ObjectNotFound: There is none.
        """
        answer = await self._call(
            "GET",
            "/block_types/slug/{slug}/block_documents/name/{block_document_name}",
            slug=block_type_slug,
            block_document_name=name,
            include_secrets=include_secrets,
        )
        return blocks.BlockDocument.model_validate(answer)

    async def read_block_documents(
        self,
        block_schema_type: str | None = None,
        offset: int | None = None,
        limit: int | None = None,
        include_secrets: bool = True,
    ) -> list[BlockDocument]:
        """Return the block documents that have a name.

        Args:
            block_schema_type: The type their schema must have; any if None.
            offset: How many to skip first.
            limit: How many at most; 200 if None.
            include_secrets: Whether the values of secrets are returned, rather than asterisks.
        """
        body = base.drop_none(
            block_schema_type=block_schema_type, offset=offset, limit=limit, include_secrets=include_secrets
        )
        return base.parse_many(blocks.BlockDocument, await self._call("POST", "/block_documents/filter", body))

    async def read_block_documents_by_name(self, name: str) -> list[BlockDocument]:
        """Return the block documents of this name, of any type, with the values of their secrets."""
        body = {"block_documents": {"name": {"any_": [name]}}, "include_secrets": True}
        return base.parse_many(blocks.BlockDocument, await self._call("POST", "/block_documents/filter", body))


class BlocksSchemaAsyncClient(base.BaseAsyncClient):
    """Operations on block schemas."""

    async def create_block_schema(self, block_schema: BlockSchemaCreate) -> blocks.BlockSchema:
        """Create a block schema, or return the existing one of the same checksum and version."""
        return blocks.BlockSchema.model_validate(
            await self._call("POST", "/block_schemas/", base.dump_set_fields(block_schema))
        )

    async def read_block_schema_by_checksum(self, checksum: str, version: str | None = None) -> blocks.BlockSchema:
        """Return the block schema with this checksum, the newest one if `version` is None.

        Raises:
            ObjectNotFound: There is none.
        """
        route = "/block_schemas/checksum/{checksum}"
        return blocks.BlockSchema.model_validate(await self._call("GET", route, checksum=checksum, version=version))

    async def read_block_schemas(self) -> list[blocks.BlockSchema]:
        """Return the block schemas, the newest first; at most 200."""
        return base.parse_many(blocks.BlockSchema, await self._call("POST", "/block_schemas/filter", {}))

    async def get_most_recent_block_schema_for_block_type(self, block_type_id: UUID) -> blocks.BlockSchema | None:
        """Return the newest schema of a block type, or None."""
        body = {"block_schemas": {"block_type_id": {"any_": [block_type_id]}}, "limit": 1}
        found = base.parse_many(blocks.BlockSchema, await self._call("POST", "/block_schemas/filter", body))
        return found[0] if found else None


class BlocksTypeAsyncClient(base.BaseAsyncClient):
    """Operations on block types."""

    async def create_block_type(self, block_type: BlockTypeCreate) -> blocks.BlockType:
        """Create a block type.

        Raises:
            ObjectAlreadyExists: There is one of this slug.
        """
        return blocks.BlockType.model_validate(
            await self._call("POST", "/block_types/", base.dump_set_fields(block_type))
        )

    async def read_block_type_by_slug(self, slug: str) -> blocks.BlockType:
        """Return the block type of this slug.

        Raises:
            ObjectNotFound: There is none.
        """
        return blocks.BlockType.model_validate(await self._call("GET", "/block_types/slug/{slug}", slug=slug))

    async def read_block_types(self) -> list[blocks.BlockType]:
        """Return the block types by name; at most 200."""
        return base.parse_many(blocks.BlockType, await self._call("POST", "/block_types/filter", {}))

    async def read_block_documents_by_type(
        self, block_type_slug: str, offset: int | None = None, limit: int | None = None, include_secrets: bool = True
    ) -> list[BlockDocument]:
        """Return the block documents of a type; other arguments as in `read_block_documents`.

        Raises:
            ObjectNotFound: There is no such type.
        """
        answer = await self._call(
            "GET",
            "/block_types/slug/{slug}/block_documents",
            slug=block_type_slug,
            offset=offset,
            limit=limit,
            include_secrets=include_secrets,
        )
        return base.parse_many(blocks.BlockDocument, answer)

    async def update_block_type(self, block_type_id: UUID, block_type: BlockTypeUpdate) -> None:
        """Change what is set of a block type.

        Raises:
            ObjectNotFound: There is none with this id.
            ProtectedBlockError: It is protected.
        """
        with _protection():
            await self._call("PATCH", "/block_types/{id}", base.dump_set_fields(block_type), id=block_type_id)

    async def delete_block_type(self, block_type_id: UUID) -> None:
        """Delete a block type with its schemas and documents.

        Raises:
            ObjectNotFound: There is none with this id.
            ProtectedBlockError: It is protected.
        """
        with _protection():
            await self._call("DELETE", "/block_types/{id}", id=block_type_id)


def _as_data(data: dict[str, Any], include_secrets: bool) -> dict[str, Any]:
    """Return the data of a block as JSON values."""
    from pydantic_core import to_jsonable_python

    return to_jsonable_python(blocks.reveal(data, include_secrets), timedelta_mode="float")


@contextmanager
def _protection() -> Iterator[None]:
    """Turn the status 403 into what it means for block types."""
    try:
        yield
    except Exception as error:
        response = getattr(error, "response", None)
        if response is None or response.status_code != 403:
            raise
        raise ProtectedBlockError(response.json().get("detail") or str(error)) from error


class BlocksDocumentClient(base.BaseClient):
    """`BlocksDocumentAsyncClient` for sync code."""

    create_block_document = base.sync_method(BlocksDocumentAsyncClient.create_block_document)
    delete_block_document = base.sync_method(BlocksDocumentAsyncClient.delete_block_document)
    read_block_document = base.sync_method(BlocksDocumentAsyncClient.read_block_document)
    read_block_document_by_name = base.sync_method(BlocksDocumentAsyncClient.read_block_document_by_name)
    read_block_documents = base.sync_method(BlocksDocumentAsyncClient.read_block_documents)
    read_block_documents_by_name = base.sync_method(BlocksDocumentAsyncClient.read_block_documents_by_name)
    update_block_document = base.sync_method(BlocksDocumentAsyncClient.update_block_document)


class BlocksSchemaClient(base.BaseClient):
    """`BlocksSchemaAsyncClient` for sync code."""

    create_block_schema = base.sync_method(BlocksSchemaAsyncClient.create_block_schema)
    get_most_recent_block_schema_for_block_type = base.sync_method(
        BlocksSchemaAsyncClient.get_most_recent_block_schema_for_block_type
    )
    read_block_schema_by_checksum = base.sync_method(BlocksSchemaAsyncClient.read_block_schema_by_checksum)
    read_block_schemas = base.sync_method(BlocksSchemaAsyncClient.read_block_schemas)


class BlocksTypeClient(base.BaseClient):
    """`BlocksTypeAsyncClient` for sync code."""

    create_block_type = base.sync_method(BlocksTypeAsyncClient.create_block_type)
    delete_block_type = base.sync_method(BlocksTypeAsyncClient.delete_block_type)
    read_block_documents_by_type = base.sync_method(BlocksTypeAsyncClient.read_block_documents_by_type)
    read_block_type_by_slug = base.sync_method(BlocksTypeAsyncClient.read_block_type_by_slug)
    read_block_types = base.sync_method(BlocksTypeAsyncClient.read_block_types)
    update_block_type = base.sync_method(BlocksTypeAsyncClient.update_block_type)
