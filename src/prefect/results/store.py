"""The store of results: writes records under keys, finds them again, and locks keys.

A store is a storage, a serializer and, if keys are to be locked, a lock manager. A run gets a store that fits its
options (`update_for_flow`, `update_for_task`). What was written or read stays in memory for a while, so reading it
again costs nothing.
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

from prefect import _processes
from prefect._io import drive, is_driven, running_loop, twin
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
    """A key that nobody else has."""
    return new_id().hex


class LRUCache(OrderedDict[str, "ResultRecord[Any]"]):
    """The records that were used last, up to a number."""

    def __init__(self, maxsize: int) -> None:
        super().__init__()
        self.maxsize = maxsize
        self._guard = threading.Lock()

    def find(self, key: str) -> ResultRecord[Any] | None:
        with self._guard:
            record = self.get(key)
            if record is not None:
                self.move_to_end(key)
            return record

    def keep(self, key: str, record: ResultRecord[Any]) -> None:
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
        return (LRUCache, (self.maxsize,))  # another process has a memory of its own


def default_cache() -> LRUCache:
    """A memory of a thousand records."""
    return LRUCache(maxsize=1000)


class ResultStore(BaseModel):
    """Writes results and reads them.

    Attributes:
        result_storage: Where the files are; the default storage when None.
        metadata_storage: Where the metadata is, when it is to be in files of its own; a `NullFileSystem` when it is
            nowhere.
        lock_manager: What keys are locked with.
        cache_result_in_memory: Whether what was written or read stays in memory.
        serializer: What values are written with.
        storage_key_fn: Makes the key of a result that is written without one.
        cache: What is in memory.
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
        """A store with the options of a flow. Its metadata is kept with the run's state and nowhere else."""
        update: dict[str, Any] = {
            "cache_result_in_memory": flow.cache_result_in_memory,
            "metadata_storage": NullFileSystem(),
            "result_storage": await self._storage(flow.result_storage),
        }
        if flow.result_serializer is not None:
            update["serializer"] = resolve_serializer(flow.result_serializer)
        return self.model_copy(update=update)

    update_for_flow = twin(aupdate_for_flow)

    async def aupdate_for_task(self, task: Any) -> Self:
        """A store with the options of a task and of its cache policy."""
        policy = task.cache_policy
        key_storage = getattr(policy, "key_storage", None)
        update: dict[str, Any] = {
            "cache_result_in_memory": task.cache_result_in_memory,
            "metadata_storage": None if key_storage is None else await aresolve_result_storage(key_storage),
            "result_storage": await self._storage(task.result_storage),
        }
        if task.result_serializer is not None:
            update["serializer"] = resolve_serializer(task.result_serializer)
        if getattr(policy, "lock_manager", None) is not None:
            update["lock_manager"] = policy.lock_manager
        return self.model_copy(update=update)

    update_for_task = twin(aupdate_for_task)

    async def _storage(self, chosen: Any = None) -> Any:
        if chosen is not None:
            return await aresolve_result_storage(chosen)
        return self.result_storage or await aget_default_result_storage()

    # --- records -----------------------------------------------------------------------------------------------------

    def create_result_record(
        self, obj: Any, key: str | None = None, expiration: datetime | None = None
    ) -> ResultRecord[Any]:
        """Make the record of a value; it is not written.

        Args:
            obj: The value.
            key: Its key; one that nobody else has by default.
            expiration: After this time it is no longer used from a cache.
        """
        storage = self.result_storage or drive(aget_default_result_storage())
        return ResultRecord(
            metadata=ResultRecordMetadata(
                storage_key=_path(storage, key if key is not None else self.storage_key_fn()),
                expiration=expiration,
                serializer=self.serializer,
                storage_block_id=_block_id(storage),
            ),
            result=obj,
        )

    async def aexists(self, key: str) -> bool:
        """Whether there is a result with this key that has not expired."""
        storage = await self._storage()
        path = _path(storage, key)
        known = self.cache.find(path) if self.cache_result_in_memory else None
        if known is not None:
            return _is_fresh(known.metadata)
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
        """Whether there is a result with this key that has not expired."""
        return drive(self.aexists(key))

    async def aread(self, key: str, holder: str | None = None) -> ResultRecord[Any]:
        """The record with this key. When somebody else has locked the key, it is waited for.

        Args:
            key: The key.
            holder: Who reads; by default this thread or coroutine.

        Raises:
            MissingResult: There is none.
            SerializationError: It cannot be read.
        """
        if self.lock_manager is not None and not self.is_lock_holder(key, holder):
            await self.await_for_lock(key)
        storage = await self._storage()
        path = _path(storage, key)
        if self.cache_result_in_memory and (known := self.cache.find(path)) is not None:
            return known
        try:
            record = await self._read(storage, key, path)
        except SerializationError as error:
            raise SerializationError(f"The result with key {key!r} at {path} cannot be read. {error}") from error
        if self.cache_result_in_memory:
            self.cache.keep(path, record)
        return record

    def read(self, key: str, holder: str | None = None) -> ResultRecord[Any]:
        """The record with this key. See `aread`."""
        return drive(self.aread(key, holder))

    async def afind(self, key: str) -> ResultRecord[Any] | None:
        """The record with this key, or None when there is none or it has expired. Locks are not waited for.

        Raises:
            SerializationError: It cannot be read.
        """
        if isinstance(self.metadata_storage, NullFileSystem):
            return None  # nobody knows whether what is there belongs to this key
        storage = await self._storage()
        path = _path(storage, key)
        record = self.cache.find(path) if self.cache_result_in_memory else None
        if record is None:
            try:
                record = await self._read(storage, key, path)
            except MissingResult:
                return None
            except SerializationError as error:
                raise SerializationError(f"The result with key {key!r} at {path} cannot be read. {error}") from error
            if self.cache_result_in_memory:
                self.cache.keep(path, record)
        return record if _is_fresh(record.metadata) else None

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
            key: Its key; one that nobody else has by default.
            expiration: After this time it is no longer used from a cache.
            holder: Who writes; by default this thread or coroutine.

        Raises:
            SerializationError: The serializer cannot write the value.
            RuntimeError: Somebody else has locked the key.
        """
        await self.apersist_result_record(self.create_result_record(obj, key, expiration), holder)

    def write(
        self, obj: Any, key: str | None = None, expiration: datetime | None = None, holder: str | None = None
    ) -> None:
        """Write a value. See `awrite`."""
        drive(self.awrite(obj, key, expiration, holder))

    async def apersist_result_record(self, result_record: ResultRecord[Any], holder: str | None = None) -> None:
        """Write a record; one that was written or read before is left as it is.

        Args:
            result_record: The record.
            holder: Who writes; by default this thread or coroutine.

        Raises:
            SerializationError: The serializer cannot write the value.
            RuntimeError: Somebody else has locked the key.
        """
        storage = await self._storage()
        path = result_record.metadata.storage_key
        if path is None:
            raise ValueError("A record without a storage key cannot be written: make it with `create_result_record`.")
        key = _key(storage, path)
        if self.lock_manager is not None and self.is_locked(key) and not self.is_lock_holder(key, holder):
            raise RuntimeError(f"Cannot write to result record with key {key} because it is locked by another holder.")
        if not result_record.is_persisted:
            if self.metadata_storage is None:
                await write_file(storage, path, result_record.serialize())
            else:
                # The value first: whoever finds the metadata finds the value.
                await write_file(storage, path, result_record.serialize_result())
                if not isinstance(self.metadata_storage, NullFileSystem):
                    await write_file(self.metadata_storage, key, result_record.serialize_metadata())
            result_record.mark_persisted()
        if self.cache_result_in_memory:
            self.cache.keep(path, result_record)

    def persist_result_record(self, result_record: ResultRecord[Any], holder: str | None = None) -> None:
        """Write a record. See `apersist_result_record`."""
        drive(self.apersist_result_record(result_record, holder))

    # --- locks -------------------------------------------------------------------------------------------------------

    def supports_isolation_level(self, level: IsolationLevel | str) -> bool:
        """Whether transactions of this isolation level can use the store: `SERIALIZABLE` ones need a lock manager."""
        try:
            needs_lock = IsolationLevel(level) is IsolationLevel.SERIALIZABLE
        except ValueError:
            raise ValueError(f"{level!r} is not an isolation level.") from None
        return not needs_lock or self.lock_manager is not None

    @staticmethod
    def generate_default_holder() -> str:
        """A name for whoever calls: this host, process, thread and, in one, coroutine."""
        thread = threading.current_thread()
        holder = f"{_processes.host()}:{os.getpid()}:{thread.ident}:{thread.name}"
        if running_loop() is None:
            return holder
        import asyncio

        task = asyncio.current_task()
        return f"{holder}:{id(task)}" if task else holder

    def _locks(self) -> LockManager:
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
            holder: Who holds it from now on; by default this thread or coroutine.
            timeout: How many seconds to wait; for ever when None.

        Returns:
            Whether it was acquired.

        Raises:
            ConfigurationError: The store has no lock manager.
        """
        locks, holder = self._locks(), holder or self.generate_default_holder()
        # A lock manager is a user's object with two bodies of its own.
        if is_driven():
            return locks.acquire_lock(key, holder, timeout)
        return await locks.aacquire_lock(key, holder, timeout)

    def acquire_lock(self, key: str, holder: str | None = None, timeout: float | None = None) -> bool:
        """Wait for the lock of a key and take it. See `aacquire_lock`."""
        return drive(self.aacquire_lock(key, holder or self.generate_default_holder(), timeout))

    def release_lock(self, key: str, holder: str | None = None) -> None:
        """Free the lock of a key.

        Raises:
            ConfigurationError: The store has no lock manager.
            ValueError: This holder does not hold it.
        """
        self._locks().release_lock(key, holder or self.generate_default_holder())

    def is_locked(self, key: str) -> bool:
        """Whether anybody holds the lock of a key."""
        return self._locks().is_locked(key)

    def is_lock_holder(self, key: str, holder: str | None = None) -> bool:
        """Whether this holder holds the lock of a key."""
        return self._locks().is_lock_holder(key, holder or self.generate_default_holder())

    async def await_for_lock(self, key: str, timeout: float | None = None) -> bool:
        """Wait until nobody holds the lock of a key, and return whether it is free."""
        if is_driven():
            return self._locks().wait_for_lock(key, timeout)
        return await self._locks().await_for_lock(key, timeout)

    def wait_for_lock(self, key: str, timeout: float | None = None) -> bool:
        """Wait until nobody holds the lock of a key, and return whether it is free."""
        return drive(self.await_for_lock(key, timeout))


def _block_id(storage: Any) -> UUID | None:
    return getattr(storage, "_block_document_id", None)


def _path(storage: Any, key: str) -> str:
    """A key as its storage names it: an absolute path, unless only the saved block knows what it means."""
    if type(storage) is LocalFileSystem and storage._block_document_id is None:
        return storage._resolve(key)
    resolve = getattr(storage, "_resolve_path", None)
    return key if resolve is None or _block_id(storage) is not None else str(resolve(key))


def _key(storage: Any, path: str) -> str:
    """The key that has this path."""
    base = _path(storage, "").rstrip("/")
    return path[len(base) + 1 :] if base and path.startswith(f"{base}/") else path


def _is_fresh(metadata: ResultRecordMetadata) -> bool:
    return metadata.expiration is None or metadata.expiration > now()
