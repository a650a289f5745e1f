"""Options of the functions that make states and read what they hold."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from prefect.filesystems import LocalFileSystem
from prefect.results import ResultStore
from prefect.schemas import outcomes
from prefect.states import (
    AwaitingConcurrencySlot,
    AwaitingRetry,
    Completed,
    Failed,
    Late,
    Paused,
    State,
    Suspended,
    aget_state_exception,
    get_state_exception,
    get_state_result,
    return_value_to_state,
)
from prefect.types import now

WHEN = datetime(2031, 5, 4, tzinfo=UTC)


@pytest.mark.parametrize(
    ("state", "name"),
    [
        (AwaitingConcurrencySlot(scheduled_time=WHEN), "AwaitingConcurrencySlot"),
        (AwaitingRetry(scheduled_time=WHEN), "AwaitingRetry"),
        (Late(scheduled_time=WHEN), "Late"),
    ],
)
def test_scheduled_states_are_for_their_time(state: State[Any], name: str) -> None:
    assert (state.name, state.state_details.scheduled_time) == (name, WHEN)


def test_pause_stores_whether_the_run_is_started_anew() -> None:
    assert Paused(reschedule=True).state_details.pause_reschedule is True
    assert Paused().state_details.pause_reschedule is False


def test_suspension_ends_at_its_time() -> None:
    before = now()

    assert Suspended(pause_expiration_time=WHEN).state_details.pause_timeout == WHEN
    timeout = Suspended(timeout_seconds=60).state_details.pause_timeout
    assert timeout is not None and before + timedelta(seconds=60) <= timeout <= now() + timedelta(seconds=60)


def test_deep_copy_of_a_state_shares_no_details() -> None:
    state = Completed(data=[1])

    assert state.model_copy(deep=True).state_details is not state.state_details
    assert state.model_copy().state_details is state.state_details


class Away:
    """A stored result whose storage answers at the second attempt only."""

    def __init__(self, value: object) -> None:
        self.value = value
        self.attempts = 0

    async def aload(self) -> object:
        self.attempts += 1
        if self.attempts == 1:
            raise OSError("the storage is unavailable")
        return self.value


@pytest.fixture
def no_delay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outcomes, "RESULT_READ_RETRY_DELAY", 0)


def test_exception_of_a_state_is_read_again_by_default(no_delay: None) -> None:
    error = ValueError("on purpose")

    assert get_state_exception(Failed(data=Away(error)), retry_result_failure=True) is error
    with pytest.raises(OSError, match="the storage is unavailable"):
        get_state_exception(Failed(data=Away(error)), retry_result_failure=False)


async def test_result_of_a_state_is_read_again_by_default(no_delay: None) -> None:
    assert await get_state_result(Completed(data=Away(5)), retry_result_failure=True) == 5
    with pytest.raises(OSError, match="the storage is unavailable"):
        await get_state_result(Completed(data=Away(5)), retry_result_failure=False)
    with pytest.raises(OSError, match="the storage is unavailable"):
        await aget_state_exception(Failed(data=Away(5)), retry_result_failure=False)


async def test_record_of_a_returned_value_expires(tmp_path: Path) -> None:
    store = ResultStore(result_storage=LocalFileSystem(basepath=str(tmp_path)))

    state = await return_value_to_state(5, store, key="k", expiration=WHEN, write_result=True)

    assert state.data.metadata.expiration == WHEN
    assert (await store.aread("k")).metadata.expiration == WHEN
