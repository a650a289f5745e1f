"""The store of results: writes records under keys, reads them, and locks keys.

A store has a storage, a serializer and, if keys are locked, a lock manager. A run has a store for its options
(`update_for_flow`, `update_for_task`). Records that were written or read lately are cached in memory.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime
from typing import Any, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, SkipValidation, field_validator

from prefect import _forks, _processes
from prefect._io import call_user, drive, is_driven, running_loop, twin
from prefect.exceptions import ConfigurationError, MissingResult, SerializationError
from prefect.filesystems import LocalFileSystem, NullFileSystem, WritableFileSystem
from prefect.locking.isolation import IsolationLevel
from prefect.locking.protocol import LockManager
from prefect.results._files import read_file, write_file
from prefect.results.record import ResultRecord, ResultRecordMetadata, read_metadata
from prefect.results.resolve import (
    aget_default_result_storage,
    aresolve_result_storage,
    get_default_result_serializer,
    resolve_serializer,
)
from prefect.serializers import Serializer
from prefect.types import new_id, now

__all__ = ["DEFAULT_STORAGE_KEY_FN", "ResultStore", "default_cache"]


def DEFAULT_STORAGE_KEY_FN() -> str:
    """Return a unique key."""
    return new_id().hex


class LRUCache(OrderedDict[str, "ResultRecord[Any]"]):
    """The most recently used records, up to a maximum number."""

    def __init__(self, maxsize: int) -> None:
        super().__init__()
        self.maxsize = maxsize
        self._guard = _forks.create_lock()

    def get_record(self, key: str) -> ResultRecord[Any] | None:
        with self._guard:
            record = self.get(key)
            if record is not None:
                self.move_to_end(key)
            return record

    def put_record(self, key: str, record: ResultRecord[Any]) -> None:
        with self._guard:
            self[key] = record
            self.move_to_end(key)
            if len(self) > self.maxsize:
                self.popitem(last=False)

    def __copy__(self) -> LRUCache:
        return self

    def __deepcopy__(self, memo: Any) -> LRUCache:
        return self

    def __reduce__(self) -> Any:
        return (LRUCache, (self.maxsize,))  # another process gets an empty cache


def default_cache() -> LRUCache:
    """Return a cache of a thousand records."""
    return LRUCache(maxsize=1000)


class ResultStore(BaseModel):
    """Writes and reads results.

    Attributes:
        result_storage: Stores the files; None for the default storage.
        metadata_storage: Stores the metadata in separate files; None stores it with the value, and a `NullFileSystem`
            nowhere.
        lock_manager: Locks keys.
        cache_result_in_memory: Whether records are cached in memory.
        serializer: Serializes the values.
        storage_key_fn: Returns the key of a result that is written without one.
        cache: The records in memory.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True, ignored_types=(twin,))

    result_storage: SkipValidation[WritableFileSystem | None] = None
    metadata_storage: SkipValidation[WritableFileSystem | NullFileSystem | None] = None
    lock_manager: SkipValidation[LockManager | None] = None
    cache_result_in_memory: bool = True
    serializer: Serializer = Field(default_factory=get_default_result_serializer)
    storage_key_fn: Callable[[], str] = DEFAULT_STORAGE_KEY_FN
    cache: SkipValidation[LRUCache] = Field(default_factory=default_cache)

    @field_validator("serializer", mode="before")
    @classmethod
    def _accept_name(cls, value: Any) -> Any:
        return resolve_serializer(value) if isinstance(value, str) else value

    @property
    def result_storage_block_id(self) -> UUID | None:
        """The id of the storage's saved block; None for a storage that is not saved."""
        return _block_id(self.result_storage)

    # --- for a run ---------------------------------------------------------------------------------------------------

    async def aupdate_for_flow(self, flow: Any) -> Self:
        """Return a store with the options of a flow. Metadata is part of the run's state only."""
        update: dict[str, Any] = {
            "cache_result_in_memory": flow.cache_result_in_memory,
            "metadata_storage": NullFileSystem(),
            "result_storage": await self._resolve_storage(flow.result_storage),
        }
        if flow.result_serializer is not None:
            update["serializer"] = resolve_serializer(flow.result_serializer)
        return self.model_copy(update=update)

    update_for_flow = twin(aupdate_for_flow)

    async def aupdate_for_task(self, task: Any) -> Self:
        """Return a store with the options of a task and of its cache policy."""
        policy = task.cache_policy
        key_storage = getattr(policy, "key_storage", None)
        update: dict[str, Any] = {
            "cache_result_in_memory": task.cache_result_in_memory,
            "metadata_storage": None if key_storage is None else await aresolve_result_storage(key_storage),
            "result_storage": await self._resolve_storage(task.result_storage),
        }
        if task.result_serializer is not None:
            update["serializer"] = resolve_serializer(task.result_serializer)
        if getattr(policy, "lock_manager", None) is not None:
            update["lock_manager"] = policy.lock_manager
        return self.model_copy(update=update)

    update_for_task = twin(aupdate_for_task)

    async def _resolve_storage(self, chosen: Any = None) -> Any:
        if chosen is not None:
            return await aresolve_result_storage(chosen)
        return self.result_storage or await aget_default_result_storage()

    # --- records -----------------------------------------------------------------------------------------------------

    def create_result_record(
        self, obj: Any, key: str | None = None, expiration: datetime | None = None
    ) -> ResultRecord[Any]:
        """Build the record of a value without writing it.

        Args:
            obj: The value.
            key: Its key; a unique one by default.
            expiration: After this time it is no longer a cache hit.
        """
        storage = self.result_storage or drive(aget_default_result_storage())
        return ResultRecord(
            metadata=ResultRecordMetadata(
                storage_key=_resolve_path(storage, key if key is not None else self.storage_key_fn()),
                expiration=expiration,
                serializer=self.serializer,
                storage_block_id=_block_id(storage),
            ),
            result=obj,
        )

    async def aexists(self, key: str) -> bool:
        """Return whether there is a result with this key that has not expired."""
        storage = await self._resolve_storage()
        path = _resolve_path(storage, key)
        if isinstance(self.metadata_storage, NullFileSystem):
            return False
        try:
            if self.metadata_storage is not None:
                data = await read_file(self.metadata_storage, key, key)
                return _is_fresh(ResultRecordMetadata.load_bytes(data))
            metadata = read_metadata(await read_file(storage, path, key))
        except (MissingResult, SerializationError, ValueError):
            return False
        return metadata is None or _is_fresh(metadata)

    def exists(self, key: str) -> bool:
        """Return whether there is a result with this key that has not expired."""
        return drive(self.aexists(key))

    async def aread(self, key: str, holder: str | None = None) -> ResultRecord[Any]:
        """Return the record with this key, waiting for another holder's lock of the key.

        Args:
            key: The key.
            holder: The lock holder that reads; by default this thread or coroutine.

        Raises:
            MissingResult: There is none.
            SerializationError: It cannot be read.
        """
        if self.lock_manager is not None and not self.is_lock_holder(key, holder):
            await self.await_for_lock(key)
        storage = await self._resolve_storage()
        path = _resolve_path(storage, key)
        if self.cache_result_in_memory and (known := self.cache.get_record(path)) is not None:
            return known
        try:
            record = await self._read(storage, key, path)
        except SerializationError as error:
            raise SerializationError(f"The result with key {key!r} at {path} cannot be read. {error}") from error
        if self.cache_result_in_memory:
            self.cache.put_record(path, record)
        return record

    def read(self, key: str, holder: str | None = None) -> ResultRecord[Any]:
        """Return the record with this key. See `aread`."""
        return drive(self.aread(key, holder))

    async def afind(self, key: str) -> ResultRecord[Any] | None:
        """Return the record with this key, without waiting for locks; None if there is none or it has expired.

        Raises:
            SerializationError: It cannot be read.
        """
        if isinstance(self.metadata_storage, NullFileSystem):
            return None  # without metadata a file cannot be matched with a key
        if self._has_own_lookup:
            return await self._look_up(key)
        storage = await self._resolve_storage()
        path = _resolve_path(storage, key)
        record = self.cache.get_record(path) if self.cache_result_in_memory else None
        if record is None or (isinstance(storage, LocalFileSystem) and not os.path.exists(path)):
            try:
                record = await self._read(storage, key, path)
            except MissingResult:
                return None
            except SerializationError as error:
                raise SerializationError(f"The result with key {key!r} at {path} cannot be read. {error}") from error
            if self.cache_result_in_memory:
                self.cache.put_record(path, record)
        return record if _is_fresh(record.metadata) else None

    @property
    def _has_own_lookup(self) -> bool:
        """Whether a subclass overrides `exists` or `read`."""
        kind = type(self)
        return kind is not ResultStore and any(
            getattr(kind, name) is not getattr(ResultStore, name) for name in ("exists", "aexists", "read", "aread")
        )

    async def _look_up(self, key: str) -> ResultRecord[Any] | None:
        """Find a record with the `exists` and `read` of a subclass; the async ones where those are its own."""
        kind = type(self)
        exists = self.exists if kind.aexists is ResultStore.aexists else self.aexists
        read = self.read if kind.aread is ResultStore.aread else self.aread
        return await call_user(read, key) if await call_user(exists, key) else None

    async def _read(self, storage: Any, key: str, path: str) -> ResultRecord[Any]:
        if self.metadata_storage is None:
            record = ResultRecord.deserialize(await read_file(storage, path, key), self.serializer)
            record.metadata.storage_key = record.metadata.storage_key or path
            return record
        if isinstance(self.metadata_storage, NullFileSystem):
            metadata = ResultRecordMetadata(storage_key=path, serializer=self.serializer)
            return ResultRecord.from_result_and_metadata(await read_file(storage, path, key), metadata)
        described = await read_file(self.metadata_storage, key, key)
        try:
            metadata = ResultRecordMetadata.load_bytes(described)
        except ValueError as error:
            raise SerializationError(f"Its metadata is not valid: {error}") from error
        data = await read_file(storage, metadata.storage_key or path, key)
        return ResultRecord.from_result_and_metadata(data, metadata)

    async def awrite(
        self, obj: Any, key: str | None = None, expiration: datetime | None = None, holder: str | None = None
    ) -> None:
        """Write a value.

        Args:
            obj: The value.
            key: Its key; a unique one by default.
            expiration: After this time it is no longer a cache hit.
            holder: The lock holder that writes; by default this thread or coroutine.

        Raises:
            SerializationError: The serializer does not support the value.
            RuntimeError: Another holder has locked the key.
        """
        await self.apersist_result_record(self.create_result_record(obj, key, expiration), holder)

    def write(
        self, obj: Any, key: str | None = None, expiration: datetime | None = None, holder: str | None = None
    ) -> None:
        """Write a value. See `awrite`."""
        drive(self.awrite(obj, key, expiration, holder))

    async def apersist_result_record(self, result_record: ResultRecord[Any], holder: str | None = None) -> None:
        """Write a record, unless it was written or read before.

        Args:
            result_record: The record.
            holder: The lock holder that writes; by default this thread or coroutine.

        Raises:
            SerializationError: The serializer does not support the value.
            RuntimeError: Another holder has locked the key.
        """
        storage = await self._resolve_storage()
        path = result_record.metadata.storage_key
        if path is None:
            raise ValueError("A record without a storage key cannot be written: make it with `create_result_record`.")
        key = _find_key(storage, path)
        if self.lock_manager is not None and self.is_locked(key) and not self.is_lock_holder(key, holder):
            raise RuntimeError(f"Cannot write to result record with key {key} because it is locked by another holder.")
        if not result_record.is_persisted:
            if self.metadata_storage is None:
                await write_file(storage, path, result_record.serialize())
            else:
                # The value first: a reader that finds the metadata must find the value.
                await write_file(storage, path, result_record.serialize_result())
                if not isinstance(self.metadata_storage, NullFileSystem):
                    await write_file(self.metadata_storage, key, result_record.serialize_metadata())
            result_record.mark_persisted()
        if self.cache_result_in_memory:
            self.cache.put_record(path, result_record)

    def persist_result_record(self, result_record: ResultRecord[Any], holder: str | None = None) -> None:
        """Write a record. See `apersist_result_record`."""
        drive(self.apersist_result_record(result_record, holder))

    # --- locks -------------------------------------------------------------------------------------------------------

    def supports_isolation_level(self, level: IsolationLevel | str) -> bool:
        """Return whether the store supports an isolation level: `SERIALIZABLE` needs a lock manager."""
        try:
            needs_lock = IsolationLevel(level) is IsolationLevel.SERIALIZABLE
        except ValueError:
            raise ValueError(f"{level!r} is not an isolation level.") from None
        return not needs_lock or self.lock_manager is not None

    @staticmethod
    def generate_default_holder() -> str:
        """Return a holder name for the caller: its host, process, thread and, if it is in one, coroutine."""
        thread = threading.current_thread()
        holder = f"{_processes.host()}:{os.getpid()}:{thread.ident}:{thread.name}"
        if running_loop() is None:
            return holder
        import asyncio

        task = asyncio.current_task()
        return f"{holder}:{id(task)}" if task else holder

    def _require_lock_manager(self) -> LockManager:
        if self.lock_manager is None:
            raise ConfigurationError(
                "Result store is not configured with a lock manager. Please set a lock manager when creating the "
                "result store to enable locking."
            )
        return self.lock_manager

    async def aacquire_lock(self, key: str, holder: str | None = None, timeout: float | None = None) -> bool:
        """Wait for the lock of a key and take it.

        Args:
            key: The key.
            holder: The new holder; by default this thread or coroutine.
            timeout: Seconds to wait; None for no limit.

        Returns:
            Whether it was acquired.

        Raises:
            ConfigurationError: The store has no lock manager.
        """
        locks, holder = self._require_lock_manager(), holder or self.generate_default_holder()
        # A lock manager may be a user's object, with separate sync and async methods.
        if is_driven():
            return locks.acquire_lock(key, holder, timeout)
        return await locks.aacquire_lock(key, holder, timeout)

    def acquire_lock(self, key: str, holder: str | None = None, timeout: float | None = None) -> bool:
        """Wait for the lock of a key and take it. See `aacquire_lock`."""
        return drive(self.aacquire_lock(key, holder or self.generate_default_holder(), timeout))

    def release_lock(self, key: str, holder: str | None = None) -> None:
        """Release the lock of a key.

        Raises:
            ConfigurationError: The store has no lock manager.
            ValueError: This holder does not hold the lock.
        """
        self._require_lock_manager().release_lock(key, holder or self.generate_default_holder())

    def is_locked(self, key: str) -> bool:
        """Return whether the lock of a key is held."""
        return self._require_lock_manager().is_locked(key)

    def is_lock_holder(self, key: str, holder: str | None = None) -> bool:
        """Return whether this holder holds the lock of a key."""
        return self._require_lock_manager().is_lock_holder(key, holder or self.generate_default_holder())

    async def await_for_lock(self, key: str, timeout: float | None = None) -> bool:
        """Wait until the lock of a key is free, and return whether it is."""
        if is_driven():
            return self._require_lock_manager().wait_for_lock(key, timeout)
        return await self._require_lock_manager().await_for_lock(key, timeout)

    def wait_for_lock(self, key: str, timeout: float | None = None) -> bool:
        """Wait until the lock of a key is free, and return whether it is."""
        return drive(self.await_for_lock(key, timeout))


def _block_id(storage: Any) -> UUID | None:
    return getattr(storage, "_block_document_id", None)


def _resolve_path(storage: Any, key: str) -> str:
    """Return the path of a key in its storage: absolute, unless the storage is a saved block."""
    if type(storage) is LocalFileSystem and storage._block_document_id is None:
        return storage._resolve(key)
    resolve = getattr(storage, "_resolve_path", None)
    return key if resolve is None or _block_id(storage) is not None else str(resolve(key))


def _find_key(storage: Any, path: str) -> str:
    """Return the key of a path."""
    base = _resolve_path(storage, "").rstrip("/")
    return path[len(base) + 1 :] if base and path.startswith(f"{base}/") else path


def _is_fresh(metadata: ResultRecordMetadata) -> bool:
    return metadata.expiration is None or metadata.expiration > now()
