"""Conversion of return values and exceptions to states."""

import asyncio

import pytest

from prefect import states
from prefect.exceptions import TerminationSignal
from prefect.filesystems import LocalFileSystem
from prefect.results import ResultRecord, ResultStore
from prefect.states import (
    Cancelled,
    Completed,
    Crashed,
    Failed,
    Paused,
    Running,
    exception_to_crashed_state,
    exception_to_failed_state,
    format_exception,
    get_state_result,
    return_value_to_state,
    to_state_create,
)


@pytest.fixture
def store(tmp_path):
    return ResultStore(result_storage=LocalFileSystem(basepath=str(tmp_path)))


@pytest.mark.parametrize(
    ("value", "kind", "message"),
    [
        (5, "COMPLETED", None),
        (None, "COMPLETED", None),
        ([], "COMPLETED", None),
        (ValueError("v"), "COMPLETED", None),
        ([Completed(), 5], "COMPLETED", None),
        ({"a": Failed()}, "COMPLETED", None),
        (Completed(), "COMPLETED", None),
        (Failed(message="m"), "FAILED", "m"),
        ([Completed(), Failed()], "FAILED", "1/2 states failed."),
        ((Completed(), Completed()), "COMPLETED", "All states completed."),
        ([Running(), Completed()], "FAILED", "1/2 states are not final."),
        ([Cancelled(), Failed()], "CANCELLED", "1/2 states cancelled."),
        ([Paused()], "PAUSED", "1/1 states paused."),
        ((Crashed(),), "FAILED", "1/1 states failed."),
    ],
    ids=repr,
)
async def test_return_value_determines_state(store, value, kind, message):
    state = await return_value_to_state(value, store)
    assert (state.type.value, state.message) == (kind, message)
    assert isinstance(state.data, ResultRecord)


async def test_return_value_is_stored_under_its_key(store, tmp_path):
    state = await return_value_to_state({"a": 1}, store, key="k", write_result=True)
    assert state.data.metadata.storage_key == str(tmp_path / "k") and (tmp_path / "k").exists()
    assert await get_state_result(state) == {"a": 1}
    await return_value_to_state(5, store, key="j")
    assert not (tmp_path / "j").exists()


async def test_exception_to_failed_state_keeps_exception(store, tmp_path):
    error = ValueError("x")
    state = await exception_to_failed_state(error)
    assert state.is_failed() and state.message == "ValueError: x"
    assert await get_state_result(state, raise_on_failure=False) is error
    assert (await exception_to_failed_state(error, message="before")).message == "before ValueError: x"
    with pytest.raises(ValueError, match="no exception"):
        await exception_to_failed_state()
    try:
        raise KeyError("y")
    except KeyError:
        assert (await exception_to_failed_state()).message == "KeyError: 'y'"
    written = await exception_to_failed_state(error, store, write_result=True, name="Custom")
    assert written.name == "Custom" and len(list(tmp_path.iterdir())) == 1
    assert isinstance(await get_state_result(written, raise_on_failure=False), ValueError)


async def test_unserializable_exception_stays_in_memory(store, tmp_path):
    import threading

    error = ValueError(threading.Lock())
    state = await exception_to_failed_state(error, store, write_result=True)
    assert await get_state_result(state, raise_on_failure=False) is error and not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (KeyboardInterrupt(), "interrupt signal"),
        (SystemExit(3), "system exit"),
        (asyncio.CancelledError(), "cancelled"),
        (TerminationSignal(15), "termination signal"),
        (RuntimeError("z"), "RuntimeError: z"),
    ],
    ids=repr,
)
async def test_exception_to_crashed_state_describes_cause(error, text, store):
    state = await exception_to_crashed_state(error)
    assert state.is_crashed() and text in state.message
    assert isinstance((await exception_to_crashed_state(error, store)).data, ResultRecord)


def test_format_exception_includes_traceback_when_passed():
    try:
        raise ValueError("x")
    except ValueError as error:
        assert format_exception(error) == "ValueError: x"
        assert "test_format_exception_includes_traceback_when_passed" in format_exception(error, error.__traceback__)


async def test_state_create_omits_values(store):
    assert to_state_create(await exception_to_failed_state(ValueError("x"))).data is None
    assert to_state_create(Completed(data=5)).data is None
    state = await return_value_to_state(5, store, key="k")
    created = to_state_create(state)
    assert created.data == state.data.metadata and created.type == state.type and created.name == "Completed"
    assert "result" not in created.model_dump(mode="json")["data"]


def test_exported_names_resolve():
    for name in states.__all__:
        assert getattr(states, name) is not None


def test_state_result_reads_stored_record(store):
    store.write([1, 2], key="k")
    metadata = store.read("k").metadata
    assert Completed(data=metadata).result() == [1, 2]
    assert Completed(data=metadata.model_dump(mode="json")).result() == [1, 2]
