"""Options of result stores."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from prefect.filesystems import LocalFileSystem
from prefect.locking.memory import MemoryLockManager
from prefect.results import ResultStore, default_cache
from prefect.serializers import JSONSerializer

WHEN = datetime(2031, 5, 4, tzinfo=UTC)


def make_store(path: Path, **options: object) -> ResultStore:
    return ResultStore(result_storage=LocalFileSystem(basepath=str(path)), **options)


def test_store_uses_serializer_key_function_and_cache_of_its_options(tmp_path: Path) -> None:
    cache = default_cache()
    store = ResultStore(
        result_storage=LocalFileSystem(basepath=str(tmp_path)),
        serializer=JSONSerializer(),
        storage_key_fn=lambda: "the-key",
        cache=cache,
    )

    store.persist_result_record(store.create_result_record([1]))

    assert "[1]" in (tmp_path / "the-key").read_text()
    assert any("the-key" in key for key in cache)


def test_record_expires_at_its_expiration(tmp_path: Path) -> None:
    record = make_store(tmp_path).create_result_record(1, key="k", expiration=WHEN)

    assert record.metadata.expiration == WHEN


def test_record_is_written_by_the_holder_of_its_lock_only(tmp_path: Path) -> None:
    store = make_store(tmp_path, lock_manager=MemoryLockManager())
    record = store.create_result_record(1, key="k")
    store.acquire_lock("k", holder="me")
    try:
        store.persist_result_record(record, holder="me")
        with pytest.raises(RuntimeError, match="k"):
            store.persist_result_record(record, holder="you")
    finally:
        store.release_lock("k", holder="me")


async def test_record_is_written_by_the_holder_of_its_lock_only_async(tmp_path: Path) -> None:
    store = make_store(tmp_path, lock_manager=MemoryLockManager())
    record = store.create_result_record(1, key="k")
    await store.aacquire_lock("k", holder="me")
    try:
        await store.apersist_result_record(record, holder="me")
        with pytest.raises(RuntimeError, match="k"):
            await store.apersist_result_record(record, holder="you")
    finally:
        store.release_lock("k", holder="me")
