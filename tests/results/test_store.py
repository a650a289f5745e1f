"""Result stores: writing, reading, locking, Prefect's file format, and errors that name key and path."""

import datetime
import errno
import json
import os
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from prefect._internal.compatibility.async_dispatch import async_dispatch
from prefect.exceptions import ConfigurationError, MissingResult, SerializationError
from prefect.filesystems import LocalFileSystem, NullFileSystem, RemoteFileSystem, WritableFileSystem, local
from prefect.locking.filesystem import FileSystemLockManager
from prefect.locking.memory import MemoryLockManager
from prefect.results import (
    ResultRecord,
    ResultRecordMetadata,
    ResultStore,
    default_cache,
    load_reference,
    resolve_result_storage,
    resolve_serializer,
    result_storage_discriminator,
)
from prefect.serializers import JSONSerializer, PickleSerializer, Serializer
from prefect.types import now

DATA = Path(__file__).parent / "data"


@pytest.fixture
def storage(tmp_path) -> LocalFileSystem:
    return LocalFileSystem(basepath=str(tmp_path / "storage"))


@pytest.fixture
def base(tmp_path) -> Path:
    return tmp_path / "storage"


def forgetful(storage, **options) -> ResultStore:
    return ResultStore(result_storage=storage, cache_result_in_memory=False, **options)


# --- the file format -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [
        ("json", {"a": [1, 2, None, "x"], "b": 1.5}, "json"),
        ("pickle", {"a": (1, 2)}, "pickle"),
        ("compressed-json", {"a": [1]}, "compressed/json"),
        ("compressed-pickle", {"a": {1, 2}}, "compressed/pickle"),
    ],
)
async def test_read_understands_prefect_records(name, value, kind):
    record = forgetful(LocalFileSystem(basepath=str(DATA))).read(name)
    assert record.result == value and record.serializer.type == kind
    assert record.metadata.prefect_version == "3.8.8"
    assert (record.expiration is not None) is (name == "compressed-pickle")
    assert record.serialize() == (DATA / name).read_bytes()
    assert await ResultRecordMetadata(storage_key=str(DATA / name)).aload() == value


async def test_load_reference_reads_a_prefect_flow_result():
    metadata = {"storage_key": str(DATA / "flow-result"), "expiration": None, "serializer": {"type": "pickle"}}
    assert await load_reference(metadata) == 1
    assert forgetful(LocalFileSystem(basepath=str(DATA))).read("flow-result").result == 1


def test_written_file_has_the_prefect_format(storage, base):
    forgetful(storage).write({"x": 1}, key="k")
    record = json.loads((base / "k").read_bytes())
    assert record["result"] == "gAWVCgAAAAAAAAB9lIwBeJRLAXMu\n"
    assert record["metadata"] | {"prefect_version": ""} == {
        "storage_key": str(base / "k"),
        "expiration": None,
        "serializer": {"type": "pickle", "picklelib": "cloudpickle", "picklelib_version": None},
        "prefect_version": "",
        "storage_block_id": None,
    }


def test_metadata_is_written_to_a_separate_storage(storage, base, tmp_path):
    store = forgetful(storage, metadata_storage=LocalFileSystem(basepath=str(tmp_path / "metadata")))
    expiration = now() + datetime.timedelta(days=1)
    store.write({"x": 1}, key="sub/k", expiration=expiration)
    assert (base / "sub/k").read_bytes() == b"gAWVCgAAAAAAAAB9lIwBeJRLAXMu\n"
    described = json.loads((tmp_path / "metadata/sub/k").read_bytes())
    assert described["storage_key"] == str(base / "sub/k") and described["expiration"].endswith("Z")
    record = store.read("sub/k")
    assert record.result == {"x": 1} and record.expiration == expiration and store.exists("sub/k")


def test_null_metadata_storage_writes_plain_results(storage, base):
    store = forgetful(storage, metadata_storage=NullFileSystem())
    store.write(5, key="k")
    assert (base / "k").read_bytes() == b"gAVLBS4=\n" and store.read("k").result == 5 and not store.exists("k")


def test_record_accepts_the_old_flat_fields():
    record = ResultRecord(result=1, storage_key="a", serializer={"type": "json"})  # pyright: ignore
    assert record.metadata.storage_key == "a" and record.serializer == JSONSerializer()


async def test_value_that_resembles_a_record_is_not_parsed(storage):
    store = forgetful(storage, metadata_storage=NullFileSystem(), serializer=JSONSerializer())
    value = {"metadata": {"a": 1}, "result": "x"}
    store.write(value, key="k")
    assert store.read("k").result == value
    record = store.create_result_record(value, key="k")
    assert await load_reference(json.loads(record.metadata.dump_bytes())) == value


def test_unknown_serializer_raises_on_read_but_not_on_exists(storage, base):
    forgetful(storage).write(1, key="k")
    text = (base / "k").read_text().replace('"type":"pickle"', '"type":"unknown"')
    (base / "k").write_text(text)
    assert forgetful(storage).exists("k")
    with pytest.raises(SerializationError, match="'unknown'"):
        forgetful(storage).read("k")


def test_deserialized_records_are_equal(storage):
    one, two = (forgetful(storage).create_result_record(5, key="z") for _ in range(2))
    assert one == two and ResultRecord.deserialize(one.serialize()) == one
    split = ResultRecord.deserialize_from_result_and_metadata(one.serialize_result(), one.serialize_metadata())
    assert split == one and split.is_persisted


# --- write, read, exist ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("serializer", ["pickle", "json", "compressed/pickle", "compressed/json"])
def test_store_reads_what_it_wrote(storage, serializer):
    store = forgetful(storage, serializer=serializer)
    store.write({"a": [1]}, key="k")
    assert store.exists("k") and not store.exists("nope")
    assert store.read("k").result == {"a": [1]}
    # What a file was written with is in the file.
    assert forgetful(storage, serializer=Serializer(type="pickle")).read("k").result == {"a": [1]}


async def test_store_works_inside_an_event_loop(storage):
    store = forgetful(storage)
    await store.awrite(1, key="a")
    store.write(2, key="b")
    assert (await store.aread("a")).result == 1 and store.read("b").result == 2 and await store.aexists("b")


def test_write_generates_a_key_when_none_is_passed(storage, base):
    store = forgetful(storage)
    store.write(1)
    store.write(1)
    assert len(list(base.iterdir())) == 2
    keyed = forgetful(storage, storage_key_fn=lambda: "always")
    keyed.write(1)
    assert keyed.exists("always")


def test_store_caches_records_in_memory(storage, base):
    store = ResultStore(result_storage=storage)
    store.write([1], key="k")
    (base / "k").unlink()
    assert store.read("k").result == [1] and not store.exists("k")
    assert not ResultStore(result_storage=storage).exists("k")


def test_store_cache_is_bounded(storage):
    store = ResultStore(result_storage=storage)
    store.cache.maxsize = 2
    for number in range(4):
        store.write(number, key=str(number))
    assert len(store.cache) == 2 and default_cache().maxsize == 1000


def test_exists_is_false_for_expired_results(storage):
    for store in (forgetful(storage), ResultStore(result_storage=storage)):
        store.write(1, key="old", expiration=now() - datetime.timedelta(seconds=1))
        store.write(1, key="new", expiration=now() + datetime.timedelta(days=1))
        assert not store.exists("old") and store.exists("new")


def test_default_storage_follows_the_settings(tmp_path):
    from prefect.settings import PREFECT_LOCAL_STORAGE_PATH, temporary_settings

    store = ResultStore()
    with temporary_settings({PREFECT_LOCAL_STORAGE_PATH: tmp_path / "there"}):
        store.write(1, key="k")
        assert (tmp_path / "there/k").exists()
    assert store.result_storage is None


# --- faults ----------------------------------------------------------------------------------------------------------


def test_read_error_names_a_missing_result(storage, base):
    with pytest.raises(MissingResult, match=f"'nope' at {base}/nope"):
        forgetful(storage).read("nope")
    with pytest.raises(ValueError):
        forgetful(storage).read("nope")


async def test_load_reference_error_names_a_missing_result(storage, base):
    record = forgetful(storage).create_result_record(1, key="gone")
    with pytest.raises(MissingResult, match=f"{base}/gone"):
        await record.metadata.aload()
    with pytest.raises(MissingResult, match="has no storage key"):
        await load_reference({"storage_key": None, "serializer": {"type": "json"}})


@pytest.mark.parametrize("content", [b"", b"garbage", b'{"metadata":', b'{"metadata":{"serializer":5},"result":"x"}'])
async def test_read_error_names_a_corrupt_file(storage, base, content):
    forgetful(storage).write(1, key="k")
    (base / "k").write_bytes(content)
    with pytest.raises(SerializationError, match=f"'k' at {base}/k"):
        forgetful(storage).read("k")
    with pytest.raises(SerializationError, match=f"{base}/k"):
        await ResultRecordMetadata(storage_key=str(base / "k")).aload()


@pytest.mark.parametrize("cut", [1, 40, 150, -1, -3, -12])
def test_read_raises_for_a_truncated_file(storage, base, cut):
    forgetful(storage).write({"x": list(range(20))}, key="k")
    (base / "k").write_bytes((base / "k").read_bytes()[:cut])
    with pytest.raises(SerializationError, match="'k'"):
        forgetful(storage).read("k")


@pytest.mark.parametrize(
    ("value", "serializer"), [(threading.Lock(), "pickle"), (object(), "json"), (threading.Lock(), "compressed/pickle")]
)
def test_serialization_error_names_the_type_and_writes_nothing(storage, base, value, serializer):
    with pytest.raises(SerializationError, match=f"type {type(value).__name__!r} with serializer {serializer!r}"):
        forgetful(storage, serializer=serializer).write(value, key="k")
    assert not base.exists() or not list(base.iterdir())


def test_write_rejects_serialized_bytes_that_are_not_text(storage):
    class Raw(Serializer):
        type: str = "test-raw"

        def dumps(self, obj):
            return b"\xff"

        def loads(self, blob):
            return blob

    with pytest.raises(SerializationError, match="not text"):
        forgetful(storage, serializer=Raw()).write(1, key="k")


def test_failed_write_keeps_the_old_file_when_the_disk_is_full(storage, base, monkeypatch):
    store = forgetful(storage)
    store.write("old", key="k")

    class Full:
        def __init__(self, handle, *_, **__):
            self.handle = handle

        def __enter__(self):
            return self

        def __exit__(self, *_):
            os.close(self.handle)

        def write(self, data):
            os.write(self.handle, bytes(data[:3]))
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(local, "open", Full, raising=False)
    with pytest.raises(OSError, match="No space left"):
        store.write("new", key="k")
    monkeypatch.undo()
    assert store.read("k").result == "old" and [path.name for path in base.iterdir()] == ["k"]


# --- other people's storages -----------------------------------------------------------------------------------------

MEMORY: dict[str, bytes] = {}


class PlainStorage(WritableFileSystem):
    def read_path(self, path: str) -> bytes:  # pyright: ignore
        return MEMORY[path]

    def write_path(self, path: str, content: bytes) -> None:  # pyright: ignore
        MEMORY[path] = content


class AsyncStorage(WritableFileSystem):
    async def read_path(self, path: str) -> bytes:
        import asyncio

        await asyncio.sleep(0)
        return MEMORY[path]

    async def write_path(self, path: str, content: bytes) -> None:
        import asyncio

        await asyncio.sleep(0)
        MEMORY[path] = content


class DispatchingStorage(WritableFileSystem):
    """As packages write one: a sync and an async implementation behind one name."""

    async def aread_path(self, path: str) -> bytes:
        return MEMORY[path]

    @async_dispatch(aread_path)
    def read_path(self, path: str) -> bytes:
        import asyncio

        return asyncio.run(self.aread_path(path))

    async def awrite_path(self, path: str, content: bytes) -> None:
        MEMORY[path] = content

    @async_dispatch(awrite_path)
    def write_path(self, path: str, content: bytes) -> None:
        import asyncio

        asyncio.run(self.awrite_path(path, content))


class Derived(LocalFileSystem):
    async def aread_path(self, path: str) -> bytes:
        return (await super().aread_path(path)).replace(b"gAVLBS4=", b"gAVLBi4=")


@pytest.mark.parametrize("kind", [PlainStorage, AsyncStorage, DispatchingStorage])
async def test_custom_storage_works_inside_an_event_loop(kind):
    MEMORY.clear()
    store = forgetful(kind())
    await store.awrite(5, key="k")
    assert (await store.aread("k")).result == 5 and list(MEMORY) == ["k"]
    assert store.read("k").result == 5 and not store.exists("nope")


@pytest.mark.parametrize("kind", [PlainStorage, AsyncStorage, DispatchingStorage])
def test_custom_storage_works_outside_of_an_event_loop(kind):
    MEMORY.clear()
    store = forgetful(kind())
    store.write(5, key="k")
    assert store.read("k").result == 5
    with pytest.raises(MissingResult, match="'nope'"):
        store.read("nope")


def test_store_calls_overridden_file_system_methods(tmp_path):
    store = forgetful(Derived(basepath=str(tmp_path)))
    store.write(5, key="k")
    assert store.read("k").result == 6


# --- options of runs -------------------------------------------------------------------------------------------------


def options(**values):
    defaults = {"result_storage": None, "result_serializer": None, "cache_result_in_memory": True, "cache_policy": None}
    return SimpleNamespace(**{**defaults, **values})


def test_update_for_flow_applies_flow_options(tmp_path):
    store = ResultStore().update_for_flow(options(result_storage=tmp_path, result_serializer="json"))
    assert store.result_storage == LocalFileSystem(basepath=str(tmp_path))
    assert isinstance(store.metadata_storage, NullFileSystem) and store.serializer == JSONSerializer()
    assert not ResultStore().update_for_flow(options(cache_result_in_memory=False)).cache_result_in_memory


def test_update_for_task_applies_task_options(tmp_path, storage):
    flows = ResultStore(result_storage=storage).update_for_flow(options(result_serializer="json"))
    assert flows.update_for_task(options()).metadata_storage is None
    assert flows.update_for_task(options()).result_storage == storage
    assert flows.update_for_task(options()).serializer == JSONSerializer()
    locks = MemoryLockManager()
    policy = SimpleNamespace(key_storage=str(tmp_path / "keys"), lock_manager=locks)
    store = flows.update_for_task(options(cache_policy=policy, result_serializer=PickleSerializer()))
    assert store.metadata_storage == LocalFileSystem(basepath=str(tmp_path / "keys"))
    assert store.lock_manager is locks and store.serializer == PickleSerializer() and store.cache is flows.cache


async def test_aupdate_for_task_applies_task_options(storage):
    store = await ResultStore().aupdate_for_task(options(result_storage=storage))
    assert store.result_storage is storage


# --- resolving -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["./there", "/abs/there", Path("there"), "There.d", "~/there", "a/b/c"])
def test_resolve_result_storage_accepts_paths(path):
    assert resolve_result_storage(path) == LocalFileSystem(basepath=str(path))


def test_resolve_result_storage_accepts_urls_and_rejects_other_values(storage):
    assert resolve_result_storage(storage) is storage
    assert resolve_result_storage("memory://bucket/x") == RemoteFileSystem(basepath="memory://bucket/x")
    with pytest.raises(ValueError, match="no block 'name' of the type 'local-file-system'"):
        resolve_result_storage("local-file-system/name")
    with pytest.raises(TypeError, match="unsupported type 'int'"):
        resolve_result_storage(5)  # pyright: ignore


def test_resolve_result_storage_loads_saved_blocks(tmp_path):
    document_id = LocalFileSystem(basepath=str(tmp_path)).save("shared")
    for saved in ("local-file-system/shared", document_id):
        assert resolve_result_storage(saved).basepath == str(tmp_path)


def test_resolve_serializer_finds_serializers_by_name():
    assert resolve_serializer("json") == JSONSerializer() and resolve_serializer(PickleSerializer()).type == "pickle"
    with pytest.raises(ValueError, match="'nope'"):
        resolve_serializer("nope")
    with pytest.raises(TypeError, match="unsupported type 'int'"):
        resolve_serializer(5)  # pyright: ignore


def test_result_storage_discriminator_names_the_class(storage):
    values = ["a", Path("."), storage, NullFileSystem(), {}, {"block_type_slug": "x"}, None]
    assert [result_storage_discriminator(each) for each in values] == [
        "None",
        "None",
        "WritableFileSystem",
        "NullFileSystem",
        "NullFileSystem",
        "WritableFileSystem",
        "None",
    ]


# --- locks -----------------------------------------------------------------------------------------------------------


@pytest.fixture(params=["memory", "filesystem"])
def locked(request, storage, tmp_path) -> ResultStore:
    MemoryLockManager()._reset()
    locks = MemoryLockManager() if request.param == "memory" else FileSystemLockManager(tmp_path / "locks")
    return forgetful(storage, lock_manager=locks)


def test_store_acquires_and_releases_locks(locked):
    assert locked.acquire_lock("k") and locked.is_locked("k") and locked.is_lock_holder("k")
    assert not locked.acquire_lock("k", holder="other", timeout=0) and not locked.is_lock_holder("k", "other")
    assert not locked.wait_for_lock("k", timeout=0)
    locked.release_lock("k")
    assert locked.wait_for_lock("k", timeout=0) and not locked.is_locked("k")


async def test_store_acquires_and_releases_locks_inside_an_event_loop(locked):
    assert await locked.aacquire_lock("k") and locked.is_lock_holder("k")
    assert not await locked.await_for_lock("k", timeout=0)
    locked.release_lock("k")


def test_write_requires_the_lock_holder(locked):
    locked.acquire_lock("k", holder="other")
    with pytest.raises(RuntimeError, match="key k because it is locked by another holder"):
        locked.write(1, key="k")
    locked.write(1, key="k", holder="other")
    assert locked.read("k", holder="other").result == 1


def test_read_waits_for_the_lock_holder(locked):
    locked.acquire_lock("k", holder="other")
    got = []
    reader = threading.Thread(target=lambda: got.append(locked.read("k").result))
    reader.start()
    locked.write("value", key="k", holder="other")
    assert not got
    locked.release_lock("k", "other")
    reader.join()
    assert got == ["value"]


def test_lock_methods_raise_without_a_lock_manager(storage):
    store = forgetful(storage)
    for use in (store.acquire_lock, store.is_locked, store.release_lock, store.wait_for_lock):
        with pytest.raises(ConfigurationError, match="not configured with a lock manager"):
            use("k")
    assert store.supports_isolation_level("READ_COMMITTED") and not store.supports_isolation_level("SERIALIZABLE")
    with pytest.raises(ValueError, match="not an isolation level"):
        store.supports_isolation_level("NONE")


def test_default_holder_differs_by_thread_and_coroutine():
    import asyncio

    async def holder():
        return ResultStore.generate_default_holder()

    mine = ResultStore.generate_default_holder()
    assert mine == ResultStore.generate_default_holder() and str(os.getpid()) in mine
    assert asyncio.run(holder()) != mine
