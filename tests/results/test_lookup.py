"""Finding results: files that are deleted or damaged, metadata that is nowhere, stores that look in their own way."""

import pytest

from prefect import task
from prefect.exceptions import SerializationError
from prefect.filesystems import LocalFileSystem, NullFileSystem
from prefect.results import ResultRecord, ResultRecordMetadata, ResultStore
from prefect.serializers import PickleSerializer
from prefect.transactions import transaction


@pytest.fixture
def base(tmp_path):
    return tmp_path / "storage"


@pytest.fixture
def storage(base):
    return LocalFileSystem(basepath=str(base))


def test_damaged_result_fails_immediately(storage, base, monkeypatch):
    def no_sleep(seconds):
        raise AssertionError("it was tried again")

    @task(persist_result=True, result_storage=storage, result_storage_key="k", cache_result_in_memory=False)
    def fn():
        return [1]

    state = fn(return_state=True)
    (base / "k").write_text((base / "k").read_text()[:40])
    monkeypatch.setattr("prefect.schemas.outcomes.sleep", no_sleep)

    with pytest.raises(SerializationError):
        state.result()


def test_deleted_file_is_no_result_although_it_was_cached(storage, base):
    calls = []

    @task(cache_key_fn=lambda context, parameters: "k", result_storage=storage)
    def fn():
        calls.append(1)

    store = ResultStore(result_storage=storage)
    fn()
    store.write(1, key="other")
    assert store.exists("k") and store.exists("other")

    for file in base.iterdir():
        file.unlink()
    fn()

    assert len(calls) == 2 and not store.exists("other")


def test_transaction_finds_results_as_a_subclass_does(storage):
    class Answers(ResultStore):
        def exists(self, key):
            return key == "known"

        def read(self, key, holder=None):
            return ResultRecord(result=f"answer to {key}", metadata=ResultRecordMetadata(serializer=PickleSerializer()))

    class AsyncAnswers(ResultStore):
        async def aexists(self, key):
            return key == "known"

        async def aread(self, key, holder=None):
            return ResultRecord(result=f"answer to {key}", metadata=ResultRecordMetadata(serializer=PickleSerializer()))

    for kind in (Answers, AsyncAnswers):
        with transaction(key="known", store=kind(result_storage=storage)) as known:
            assert known.is_committed() and known.read().result == "answer to known"
        with transaction(key="other", store=kind(result_storage=storage)) as other:
            assert not other.is_committed()


def test_result_without_metadata_is_read_by_its_key(storage):
    written = ResultStore(result_storage=storage, metadata_storage=NullFileSystem())
    written.write(5, key="k")
    fresh = ResultStore(result_storage=storage, metadata_storage=NullFileSystem(), cache_result_in_memory=False)

    assert fresh.read("k").result == 5 and not fresh.exists("k")
