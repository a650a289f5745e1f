"""Store and change block documents: the values of blocks, encrypted at rest.

A field may refer to another document, as `{"$ref": {"block_document_id": ...}}`: references are stored apart from the
data, and the other document's data is put in their place on reading. References never form a cycle.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.services.catalog import block_types, secret_fields
from prefect.server.services.core import paging, reading
from prefect.server.services.core.errors import Conflict, InvalidRequest, NotFound, ServiceError
from prefect.server.services.core.presenters import Answer
from prefect.server.services.events import emitting
from prefect.server.services.security import encryption
from prefect.server.store import Row, filters
from prefect.types import new_id, now

Data = dict[str, Any]
References = dict[str, str]
"""The ids of other documents, by the fields that refer to them."""


class InvalidReference(ServiceError):
    """A field refers to a document in an invalid way."""


async def add(tx: Transaction, values: Mapping[str, Any]) -> Answer:
    """Create a block document, and return it without its secrets.

    Raises:
        Conflict: A document of the type has this name, or one that it refers to does not exist.
        InvalidReference: A field refers to a document in an invalid way.
    """
    schema = await store.block_schemas.get(tx, values["block_schema_id"])
    if schema is None:
        raise Conflict(f"There is no block schema {str(values['block_schema_id'])!r} for this document.")
    data, references = _split_references(values["data"])
    await _check_references(tx, None, references)
    at = now()
    name = values["name"] or f"anonymous-{new_id()}"
    row: Row = {
        "id": new_id(),
        "created": at,
        "updated": at,
        "name": name,
        "is_anonymous": values["is_anonymous"],
        "block_type_id": schema["block_type_id"],
        "block_schema_id": schema["id"],
        "data": await encryption.encrypt(tx, data),
        "references_": references,
    }
    if not await store.block_documents.add(tx, [row]):
        raise Conflict(f"There is a block {row['name']!r} of this type already.")
    answer = (await _present_many(tx, [row], include_secrets=False))[0]
    await _emit_event(tx, "created", answer, data)
    return answer


async def get(tx: Transaction, id_: UUID, include_secrets: bool) -> Answer:
    """Return a block document.

    Raises:
        NotFound: It does not exist.
    """
    return (
        await _present_many(
            tx, [await reading.get_row(tx, store.block_documents, id_)], include_secrets=include_secrets
        )
    )[0]


async def get_by_name(tx: Transaction, slug: str, name: str, include_secrets: bool) -> Answer:
    """Return the block document of a type and a name.

    Raises:
        NotFound: It does not exist.
    """
    types = await store.block_types.find(tx, {"slug": slug}, columns=["id"])
    where = {"block_type_id": [row["id"] for row in types], "name": name}
    rows = await store.block_documents.find(tx, where)
    if not rows:
        raise NotFound("block document", f"{slug}/{name}")
    return (await _present_many(tx, rows, include_secrets=include_secrets))[0]


async def find_by_type(tx: Transaction, slug: str, include_secrets: bool) -> list[Answer]:
    """Return the block documents of a type, by name, apart from anonymous ones."""
    block_type = await block_types.get(tx, slug)
    where = {"block_type_id": block_type["id"], "is_anonymous": False}
    return await _present_many(
        tx,
        await store.block_documents.find(tx, where, store.block_documents.order("name")),
        include_secrets=include_secrets,
    )


async def find(
    tx: Transaction, sort: Any, limit: int | None, offset: int, include_secrets: bool, **criteria: Any
) -> list[Answer]:
    """Return a page of the block documents that match filters."""
    where = filters.compile_filters(tx.dialect, "block_document", **criteria)
    rows = await paging.find_page(tx, store.block_documents, sort or "NAME_ASC", limit, offset, where)
    return await _present_many(tx, rows, include_secrets=include_secrets)


async def count(tx: Transaction, **criteria: Any) -> int:
    """Return how many block documents match filters."""
    return await store.block_documents.count(tx, filters.compile_filters(tx.dialect, "block_document", **criteria))


async def change(tx: Transaction, id_: UUID, data: Data | None, schema_id: UUID | None, merge: bool) -> None:
    """Change a block document. Asterisks in the new data stand for the stored secrets.

    Args:
        tx: The transaction.
        id_: The document.
        data: New values of fields; None to leave them.
        schema_id: Another schema of its type; None to leave it.
        merge: Whether fields that are not in `data` stay as they are, instead of being dropped.

    Raises:
        InvalidReference: A field refers to a document in an invalid way, or the schema is of another type.
        InvalidRequest: Asterisks are where no secret is stored, or where several could be meant.
    """
    row = await reading.get_row(tx, store.block_documents, id_, lock=True)
    decrypt = await encryption.get_decrypter(tx)
    replaces = data is not None and not merge
    try:
        stored = decrypt(row["data"], row["name"])
        known, shown = [
            (await _present_many(tx, [row], include_secrets=secrets))[0]["data"] for secrets in (True, False)
        ]
    except encryption.UnreadableData:
        if not replaces:
            raise
        stored = known = shown = {}  # all of it is replaced, so nothing needs to be read
    schema = await reading.get_row(tx, store.block_schemas, schema_id or row["block_schema_id"])
    if schema["block_type_id"] != row["block_type_id"]:
        raise InvalidReference("A block document cannot get the schema of another block type.")
    row["block_schema_id"] = schema["id"]
    if data is not None:
        restored = secret_fields.restore_secrets(data, known, shown)
        _refuse_masked(schema, row["name"], restored)
        plain, references = _split_references(restored)
        await _check_references(tx, id_, references)
        if merge:
            plain = {name: value for name, value in {**stored, **plain}.items() if name not in references}
            kept = {name: other for name, other in row["references_"].items() if name not in plain}
            references = {**kept, **references}
        stored = plain
        row["references_"] = references
        row["data"] = await encryption.encrypt(tx, stored)
    row["updated"] = now()
    await store.block_documents.change(tx, [row], ["updated", "block_schema_id", "data", "references_"])
    await _emit_event(tx, "updated", (await _present_many(tx, [row], include_secrets=False))[0], stored)


def _refuse_masked(schema: Row, name: str, data: Data) -> None:
    """Refuse asterisks in place of a secret that is not stored."""
    path = secret_fields.find_masked(data, schema["fields"].get("secret_fields", []))
    if path is not None:
        raise InvalidRequest(
            f"The secret {path!r} of the block {name!r} was sent as asterisks, and it is not known which stored one "
            "they stand for: enter it again."
        )


async def remove(tx: Transaction, id_: UUID) -> None:
    """Delete a block document; fields that referred to it are dropped on reading."""
    row = await reading.get_row(tx, store.block_documents, id_)
    answer = (await _present_many(tx, [row], include_secrets=False))[0]
    try:
        data = (await encryption.get_decrypter(tx))(row["data"], row["name"])
    except encryption.UnreadableData:
        data = {}
    await store.block_documents.remove(tx, {"id": id_})
    await _emit_event(tx, "deleted", answer, data)


# --- references ------------------------------------------------------------------------------------------------------


def _split_references(data: Mapping[str, Any]) -> tuple[Data, References]:
    """Split data into plain fields and references to other documents."""
    plain: Data = {}
    references: References = {}
    for name, value in data.items():
        if isinstance(value, Mapping) and "$ref" in value:
            references[name] = str(_parse_reference(name, value["$ref"]))
        else:
            plain[name] = value
    return plain, references


def _parse_reference(name: str, reference: Any) -> UUID:
    id_ = reference.get("block_document_id") if isinstance(reference, Mapping) else None
    try:
        return UUID(str(id_))
    except ValueError:
        raise InvalidReference(
            f"The field {name!r} refers to a block document without its id: write "
            '{"$ref": {"block_document_id": "..."}}.'
        ) from None


async def _check_references(tx: Transaction, id_: UUID | None, references: References) -> None:
    """Refuse references to documents that do not exist, and those that would form a cycle."""
    ids = {UUID(other) for other in references.values()}
    # Locked, so that two transactions do not make documents refer to each other.
    reached = await _load_reachable(tx, ids, lock=True)
    unknown = ids.difference(reached)
    if unknown:
        raise Conflict(f"There is no block document {str(min(unknown))!r} to refer to.")
    if id_ is not None and id_ in reached:
        raise InvalidReference(f"The block document {id_} cannot hold itself, nor one that holds it.")


async def _load_reachable(tx: Transaction, ids: set[UUID], lock: bool = False) -> dict[UUID, Row]:
    """Return these documents and all that they refer to, with a query for each level of nesting."""
    reached: dict[UUID, Row] = {}
    waiting = ids
    while waiting:
        found = await store.block_documents.get_many(tx, list(waiting), lock=lock)
        reached |= found
        held = {UUID(other) for row in found.values() for other in row["references_"].values()}
        waiting = held.difference(reached)
    return reached


# --- answers ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _PresentationContext:
    """The rows from which documents are presented."""

    documents: dict[UUID, Row]
    schemas: dict[UUID, Answer]
    types: dict[UUID, Row]
    decrypt: Callable[[str, str], Data]
    include_secrets: bool


async def _present_many(tx: Transaction, rows: Sequence[Row], *, include_secrets: bool) -> list[Answer]:
    """Return documents as the API shows them."""
    if not rows:
        return []
    held = {UUID(other) for row in rows for other in row["references_"].values()}
    documents = {**await _load_reachable(tx, held), **{row["id"]: row for row in rows}}
    schemas = await store.block_schemas.get_many(tx, list({row["block_schema_id"] for row in documents.values()}))
    types = await store.block_types.get_many(tx, list({row["block_type_id"] for row in documents.values()}))
    typed = {id_: {**row, "block_type": types.get(row["block_type_id"])} for id_, row in schemas.items()}
    known = _PresentationContext(documents, typed, types, await encryption.get_decrypter(tx), include_secrets)
    return [_present(row, known) for row in rows]


def _present(row: Row, known: _PresentationContext) -> Answer:
    block_type = known.types.get(row["block_type_id"])
    answer = {name: value for name, value in row.items() if name != "references_"}
    return {
        **answer,
        "data": _present_data(row, known),
        "block_schema": known.schemas.get(row["block_schema_id"]),
        "block_type_name": block_type and block_type["name"],
        "block_type": block_type,
        "block_document_references": _present_references(row, known),
    }


def _present_data(row: Row, known: _PresentationContext) -> Data:
    """Return the data of a document, including the documents that it refers to; each masks its own secrets."""
    try:
        data = known.decrypt(row["data"], row["name"])
    except encryption.UnreadableData:
        if known.include_secrets:
            raise
        return _mask_all(known.schemas.get(row["block_schema_id"]))  # it can be listed, and deleted
    for name, held in _find_nested(row, known):
        data[name] = _present_data(held, known)
    return data if known.include_secrets else secret_fields.hide_secrets(data, _find_secret_paths(known.schemas, row))


def _mask_all(schema: Answer | None) -> Data:
    """Return the fields of a document that cannot be read."""
    return dict.fromkeys((schema or {}).get("fields", {}).get("properties", {}), secret_fields.MASK)


def _present_references(row: Row, known: _PresentationContext) -> dict[str, Any]:
    return {
        name: {
            "block_document": {
                **{key: held[key] for key in ("id", "name", "is_anonymous")},
                "block_type": known.types.get(held["block_type_id"]),
                "block_document_references": _present_references(held, known),
            }
        }
        for name, held in _find_nested(row, known)
    }


def _find_nested(row: Row, known: _PresentationContext) -> list[tuple[str, Row]]:
    """Return the documents that a document refers to and that still exist, by field."""
    held = ((name, known.documents.get(UUID(id_))) for name, id_ in row["references_"].items())
    return [(name, document) for name, document in held if document is not None]


def _find_secret_paths(schemas: Mapping[UUID, Row], row: Row) -> list[str]:
    schema = schemas.get(row["block_schema_id"])
    return schema["fields"].get("secret_fields", []) if schema else []


async def _emit_event(tx: Transaction, change: str, answer: Answer, data: Data) -> None:
    """Emit the event of a change of a document, with the plain texts of its data that are not secret."""
    schema, block_type = answer["block_schema"] or {}, answer["block_type"] or {}
    open_data = secret_fields.drop_secret_fields(data, schema.get("fields", {}).get("secret_fields", []))
    payload = {
        "name": answer["name"],
        "data": {name: value for name, value in open_data.items() if isinstance(value, str)},
        "block_schema": {
            "capabilities": schema.get("capabilities", []),
            "block_type": {"id": str(answer["block_type_id"]), "name": block_type.get("name")},
        },
    }
    related = [
        emitting.resource_labels("block-type", answer["block_type_id"], block_type.get("name"), "block-type"),
        emitting.resource_labels("block-schema", answer["block_schema_id"], role="block-schema"),
    ]
    await emitting.emit_object_event(tx, "block-document", change, answer, payload, related)
