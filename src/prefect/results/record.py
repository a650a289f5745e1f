"""The record of a result: the value, and what is needed to read it again. This is the file format.

A record is one JSON object, `{"metadata": {...}, "result": "text made by the serializer"}`, in the file that
`metadata.storage_key` names; or the metadata and the serialized value are two files; or, for flow runs, the file holds
only the serialized value and the metadata travels with the run's state. Files written by Prefect 3 are read, and it
reads these.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import datetime
from typing import Any, Generic, Self, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, SerializeAsAny, field_validator, model_validator

from prefect import __version__
from prefect._io import user_code
from prefect.exceptions import MissingResult, SerializationError
from prefect.filesystems import LocalFileSystem, RemoteFileSystem
from prefect.results._files import read_file
from prefect.serializers import PickleSerializer, Serializer, UnknownSerializer
from prefect.types._annotated import AwareDateTime

__all__ = ["ResultRecord", "ResultRecordMetadata", "load_reference"]

R = TypeVar("R")


class ResultRecordMetadata(BaseModel):
    """The location of a stored result and its serializer. As the data of a state, it loads the result on demand.

    Attributes:
        storage_key: The path of the file in its storage; absolute on this machine's file system.
        expiration: After this time the result is no longer used from a cache.
        serializer: What the value was written with.
        prefect_version: The release that wrote it.
        storage_block_id: The saved block that is its storage, if any.
    """

    model_config = ConfigDict(defer_build=True)

    storage_key: str | None = None
    expiration: AwareDateTime | None = None
    serializer: SerializeAsAny[Serializer] = Field(default_factory=PickleSerializer)
    prefect_version: str = __version__
    storage_block_id: UUID | None = None

    @field_validator("serializer", mode="wrap")
    @classmethod
    def _tolerate_unknown_serializer(cls, value: Any, handler: Callable[[Any], Serializer]) -> Serializer:
        try:
            return handler(value)
        except ValueError:
            if isinstance(value, dict) and isinstance(value.get("type"), str):
                return UnknownSerializer(**value)
            raise

    def dump_bytes(self) -> bytes:
        """Return the metadata as JSON."""
        return self.model_dump_json(serialize_as_any=True).encode()

    @classmethod
    def load_bytes(cls, data: bytes) -> Self:
        """Parse the output of `dump_bytes`."""
        return cls.model_validate_json(data)

    async def aload(self) -> Any:
        """Return the value of the result."""
        return await load_reference(self)


class ResultRecord(BaseModel, Generic[R]):
    """A result's value with its metadata."""

    model_config = ConfigDict(defer_build=True)

    metadata: ResultRecordMetadata
    result: Any
    _persisted: bool = PrivateAttr(default=False)

    @model_validator(mode="before")
    @classmethod
    def _coerce_old_format(cls, value: Any) -> Any:
        if isinstance(value, dict) and "result" in value and "metadata" not in value:
            metadata = {key: item for key, item in value.items() if key != "result"}
            if "expires_at" in metadata:
                metadata["expiration"] = metadata.pop("expires_at")
            return {"metadata": metadata, "result": value["result"]}
        return value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ResultRecord) and self.metadata == other.metadata and self.result == other.result

    @property
    def expiration(self) -> datetime | None:
        """After this time the result is no longer used from a cache."""
        return self.metadata.expiration

    @property
    def serializer(self) -> Serializer:
        """The serializer of the value."""
        return self.metadata.serializer

    @property
    def is_persisted(self) -> bool:
        """Whether the record was written to its storage, or read from it."""
        return self._persisted

    def mark_persisted(self) -> None:
        """Mark the record as stored."""
        self._persisted = True

    async def aload(self) -> R:
        """Return the value, which is loaded already."""
        return self.result

    def serialize_result(self) -> bytes:
        """Serialize the value.

        Raises:
            SerializationError: The serializer does not support the value.
        """
        try:
            with user_code():
                return self.serializer.dumps(self.result)
        except Exception as error:  # a serializer, and the value's own methods, may raise anything
            raise SerializationError(
                f"Failed to serialize object of type {type(self.result).__name__!r} with serializer "
                f"{self.serializer.type!r}: {str(error).rstrip('.')}. You can try a different serializer (e.g. "
                'result_serializer="json") or disabling persistence (persist_result=False) for this flow or task.'
            ) from error

    def serialize_metadata(self) -> bytes:
        """Return the metadata as JSON."""
        return self.metadata.dump_bytes()

    def serialize(self) -> bytes:
        """Return the whole record as one JSON object.

        Raises:
            SerializationError: The serializer does not support the value, or does not produce text.
        """
        try:
            text = self.serialize_result().decode()
        except UnicodeDecodeError as error:
            raise SerializationError(
                f"The serializer {self.serializer.type!r} makes bytes that are not text, and a record holds text: "
                "encode them (in base64, for instance) in its `dumps`."
            ) from error
        return b'{"metadata":%b,"result":%b}' % (self.serialize_metadata(), json.dumps(text).encode())

    @classmethod
    def deserialize(cls, data: bytes, backup_serializer: Serializer | None = None) -> ResultRecord[Any]:
        """Parse a record.

        Args:
            data: The content of the file.
            backup_serializer: Used when the file is a serialized value without metadata.

        Raises:
            SerializationError: It cannot be read.
        """
        split = _split_record(data)
        if split is None:
            if backup_serializer is None:
                raise SerializationError("This is not the record of a result: it has no metadata and no value.")
            metadata = ResultRecordMetadata(serializer=backup_serializer)
            return cls._stored(metadata, _deserialize_value(metadata, data))
        metadata, text = split
        return cls._stored(metadata, _deserialize_value(metadata, text.encode()))

    @classmethod
    def deserialize_from_result_and_metadata(cls, result: bytes, metadata: bytes) -> ResultRecord[Any]:
        """Parse a record whose value and metadata are two files.

        Raises:
            SerializationError: One of them cannot be read.
        """
        return cls.from_result_and_metadata(result, _load_metadata(metadata))

    @classmethod
    def from_result_and_metadata(cls, result: bytes, metadata: ResultRecordMetadata) -> ResultRecord[Any]:
        """Deserialize a value whose metadata is known.

        Raises:
            SerializationError: It cannot be read.
        """
        return cls._stored(metadata, _deserialize_value(metadata, result))

    @classmethod
    def _stored(cls, metadata: ResultRecordMetadata, result: Any) -> ResultRecord[Any]:
        record = cls(metadata=metadata, result=result)
        record.mark_persisted()
        return record


def read_metadata(data: bytes) -> ResultRecordMetadata | None:
    """Return the metadata of a record, without reading its value; None when this is not a record."""
    split = _split_record(data)
    return split and split[0]


def _split_record(data: bytes) -> tuple[ResultRecordMetadata, str] | None:
    """Return the metadata and the serialized value of a record; None when this is not a record."""
    if not data.startswith(b"{"):
        return None
    try:
        fields = json.loads(data)
    except ValueError:
        return None
    metadata, text = fields.get("metadata"), fields.get("result")
    # A value with these two keys is not a record.
    if not isinstance(metadata, dict) or not isinstance(text, str) or "serializer" not in metadata:
        return None
    try:
        return ResultRecordMetadata.model_validate(metadata), text
    except ValueError as error:
        raise SerializationError(f"The metadata of this record is not valid: {error}") from error


def _load_metadata(data: bytes) -> ResultRecordMetadata:
    try:
        return ResultRecordMetadata.load_bytes(data)
    except ValueError as error:
        raise SerializationError(f"This is not the metadata of a result: {error}") from error


def _deserialize_value(metadata: ResultRecordMetadata, data: bytes) -> Any:
    try:
        with user_code():
            return metadata.serializer.loads(data)
    except Exception as error:  # a serializer, and the classes that it makes again, may raise anything
        raise SerializationError(
            f"The value cannot be read with the serializer {metadata.serializer.type!r} "
            f"({type(error).__name__}: {error}): the file is damaged, or what it needs is not installed here."
        ) from error


async def load_reference(metadata: dict[str, Any] | ResultRecordMetadata) -> Any:
    """Read the value of a stored result by its metadata, which is the data of a state.

    Args:
        metadata: The metadata, or its JSON.

    Raises:
        MissingResult: The file is not there, or the metadata has no storage key.
        SerializationError: The file, or the metadata, cannot be read.
    """
    if isinstance(metadata, dict):
        metadata = _load_metadata(json.dumps(metadata).encode())
    key = metadata.storage_key
    if key is None:
        raise MissingResult("The result cannot be read, because its metadata has no storage key.")
    data = await read_file(await _find_storage(metadata, key), key, key)
    try:
        split = _split_record(data)
        if split is not None:
            return _deserialize_value(split[0], split[1].encode())
        return _deserialize_value(metadata, data)
    except SerializationError as error:
        raise SerializationError(f"The result with key {key!r} cannot be read. {error}") from error


async def _find_storage(metadata: ResultRecordMetadata, key: str) -> Any:
    if metadata.storage_block_id is not None:
        from prefect.results.resolve import aresolve_result_storage

        return await aresolve_result_storage(metadata.storage_block_id)
    if "://" in key:
        return RemoteFileSystem(basepath=key.rpartition("/")[0])
    if os.path.isabs(key):
        return LocalFileSystem()
    from prefect.results.resolve import aget_default_result_storage

    return await aget_default_result_storage()
