"""Construction, text, copies and results of states."""

from __future__ import annotations

import asyncio
import datetime
import json
from typing import Any
from uuid import UUID

import pytest
from pydantic import ValidationError

from prefect._io import drive
from prefect.exceptions import CancelledRun, CrashedRun, FailedRun, MissingResult, PausedRun, UnfinishedRun
from prefect.schemas import outcomes, providers, states
from prefect.schemas.outcomes import StateGroup, get_state_result, is_state_iterable, raise_state_exception
from prefect.schemas.states import (
    InMemory,
    Loadable,
    RunType,
    State,
    StateDetails,
    StateType,
)
from prefect.types import UTC, now

ID = UUID(int=1)
MAKERS = {
    "Scheduled": ("SCHEDULED", "Scheduled"),
    "Completed": ("COMPLETED", "Completed"),
    "Running": ("RUNNING", "Running"),
    "Failed": ("FAILED", "Failed"),
    "Crashed": ("CRASHED", "Crashed"),
    "Cancelling": ("CANCELLING", "Cancelling"),
    "Cancelled": ("CANCELLED", "Cancelled"),
    "Pending": ("PENDING", "Pending"),
    "Submitting": ("PENDING", "Submitting"),
    "InfrastructurePending": ("PENDING", "InfrastructurePending"),
    "Paused": ("PAUSED", "Paused"),
    "Suspended": ("PAUSED", "Suspended"),
    "AwaitingRetry": ("SCHEDULED", "AwaitingRetry"),
    "AwaitingConcurrencySlot": ("SCHEDULED", "AwaitingConcurrencySlot"),
    "Retrying": ("RUNNING", "Retrying"),
    "Late": ("SCHEDULED", "Late"),
}


@pytest.mark.parametrize("maker", MAKERS)
def test_state_factories_set_type_and_name(maker: str) -> None:
    state = getattr(states, maker)(message="why")

    assert (state.type.value, state.name, state.message) == (*MAKERS[maker], "why")


class TestStateMake:
    @pytest.mark.parametrize("kind", StateType)
    def test_make_equals_validated_state(self, kind: StateType) -> None:
        details = StateDetails.make(flow_run_id=ID, scheduled_time=now())
        made = State.make(kind, None, "why", 3, details, now())

        validated = State.model_validate(made.model_dump())

        assert validated == made
        assert validated.model_dump() == made.model_dump()
        assert list(validated.__dict__) == list(made.__dict__)
        assert validated.model_dump_json() == made.model_dump_json()

    def test_make_details_equals_validated_details(self) -> None:
        made = StateDetails.make(task_run_id=ID)

        assert StateDetails(task_run_id=ID) == made
        assert made.model_fields_set == set(StateDetails.model_fields)
        assert list(StateDetails().__dict__) == list(made.__dict__)

    def test_make_creates_separate_details(self) -> None:
        one, two = State.make(StateType.PENDING), State.make(StateType.PENDING)

        one.state_details.cache_key = "key"

        assert two.state_details.cache_key is None
        assert StateDetails.make().cache_key is None

    def test_make_scheduled_sets_time_without_changing_passed_details(self) -> None:
        details = StateDetails.make()

        state = State.make(StateType.SCHEDULED, details=details)

        assert state.state_details.scheduled_time is not None
        assert details.scheduled_time is None

    def test_made_state_can_be_copied_and_changed(self) -> None:
        state = State.make(StateType.PENDING)
        copy = state.model_copy(update={"name": "NotReady"})
        copy.message = "why"

        assert (copy.name, copy.message, state.name) == ("NotReady", "why", "Pending")


class TestStateValidation:
    def test_name_defaults_to_the_type(self) -> None:
        assert State(type=StateType.CANCELLING).name == "Cancelling"
        assert State(type=StateType.CANCELLING, name="").name == ""

    def test_unknown_fields_are_ignored(self) -> None:
        assert not hasattr(State.model_validate({"type": "PENDING", "new": 1}), "new")

    def test_message_must_be_text(self) -> None:
        with pytest.raises(ValidationError):
            states.Failed(message=ValueError("x"))

    def test_timestamps_have_standard_library_timezone(self) -> None:
        naive = State.model_validate({"type": "PENDING", "timestamp": "2024-01-01T00:00:00"})
        zulu = State.model_validate_json('{"type": "PENDING", "timestamp": "2024-01-01T00:00:00Z"}')
        offset = State.model_validate_json('{"type": "PENDING", "timestamp": "2024-01-01T00:00:00+02:00"}')

        assert naive.timestamp.tzinfo is UTC
        assert zulu.timestamp.tzinfo is UTC
        assert type(offset.timestamp.tzinfo) is datetime.timezone

    def test_state_round_trips_through_json(self) -> None:
        text = (
            '{"id":"00000000-0000-0000-0000-000000000001","created":null,"updated":null,"type":"COMPLETED",'
            '"name":"Completed","timestamp":"2026-11-22T10:28:23.210026Z","message":null,"state_details":'
            '{"flow_run_id":null,"task_run_id":null,"child_flow_run_id":null,"scheduled_time":null,"cache_key":null,'
            '"cache_expiration":null,"deferred":null,"untrackable_result":false,"pause_timeout":null,'
            '"pause_reschedule":false,"pause_key":null,"run_input_keyset":null,"refresh_cache":null,"retriable":null,'
            '"transition_id":null,"task_parameters_id":null,"traceparent":null,'
            '"deployment_concurrency_lease_id":null},"data":5}'
        )

        assert State.model_validate_json(text).model_dump_json() == text

    def test_in_memory_data_is_not_serialized(self) -> None:
        assert json.loads(states.Completed(data=InMemory(object())).model_dump_json())["data"] is None

    def test_unpersisted_data_becomes_none(self) -> None:
        assert State.model_validate({"type": "COMPLETED", "data": {"type": "unpersisted"}}).data is None


class TestStateText:
    def test_repr_has_message_type_and_result(self) -> None:
        assert repr(states.Failed(message="x", data=3)) == "Failed(message='x', type=FAILED, result=3)"

    def test_str_has_name_and_message(self) -> None:
        assert str(states.Completed(data=5)) == "Completed()"
        assert str(states.Failed(message="why")) == "Failed('why')"
        assert str(states.Completed(name="Cached")) == "Cached(type=COMPLETED)"
        assert str(states.Completed(name="Cached", message="m")) == "Cached('m', type=COMPLETED)"


class TestStateCopies:
    def test_fresh_copy_has_new_id_and_times(self) -> None:
        state = states.Completed(data=1)

        copy = state.fresh_copy()

        assert copy.id != state.id
        assert copy.created is not None
        assert copy.timestamp >= state.timestamp
        assert (copy.data, copy.state_details) == (1, state.state_details)

    def test_model_copy_keeps_id_and_renews_timestamp(self) -> None:
        moment = datetime.datetime(2024, 1, 1, tzinfo=UTC)
        state = State.make(StateType.COMPLETED, timestamp=moment)

        assert state.model_copy().id == state.id
        assert state.model_copy().timestamp > moment
        assert state.model_copy(update={"timestamp": moment}).timestamp == moment

    def test_equality_ignores_id(self) -> None:
        state = states.Completed()
        other = State.model_validate({**state.model_dump(), "id": ID})

        assert other == state
        assert hash(other) == hash(state)
        assert state.model_copy(update={"message": "x"}) != state


class TestScheduled:
    def test_scheduled_rejects_second_time(self) -> None:
        with pytest.raises(ValueError, match="twice"):
            states.Scheduled(now(), state_details=StateDetails(scheduled_time=now()))

    def test_scheduled_keeps_other_details(self) -> None:
        state = states.Scheduled(now(), state_details={"cache_key": "key"})

        assert state.state_details.cache_key == "key"


class TestPaused:
    def test_paused_converts_timeout_to_time(self) -> None:
        details = states.Paused(timeout_seconds=10, pause_key="k").state_details

        assert details.pause_timeout is not None
        assert details.pause_timeout > now()
        assert (details.pause_key, details.pause_reschedule) == ("k", False)

    def test_suspended_sets_reschedule(self) -> None:
        assert states.Suspended().state_details.pause_reschedule is True

    @pytest.mark.parametrize(
        "arguments",
        [
            {"timeout_seconds": 1, "pause_expiration_time": now()},
            {"timeout_seconds": 1, "state_details": {"pause_timeout": now()}},
        ],
    )
    def test_paused_rejects_second_end(self, arguments: dict[str, Any]) -> None:
        with pytest.raises(ValueError, match=r"both|twice"):
            states.Paused(**arguments)


class Reference:
    def __init__(self, *outcomes: Any) -> None:
        self.outcomes = list(outcomes)

    async def aload(self) -> Any:
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome


class TestStateResult:
    @pytest.mark.parametrize("data", [5, b"x", {"a": 1}, [states.Completed()], states.Failed()])
    def test_result_returns_data(self, data: Any) -> None:
        assert states.Completed(data=data).result() is data

    def test_result_unwraps_in_memory_data(self) -> None:
        assert states.Completed(data=InMemory(None)).result() is None

    def test_result_loads_loadable_data(self) -> None:
        assert isinstance(Reference(), Loadable)
        assert states.Completed(data=Reference(7)).result() == 7

    def test_result_returns_class_whose_instances_are_loadable(self) -> None:
        assert states.Completed(data=Reference).result() is Reference

    def test_result_loads_stored_record_through_provider(self, monkeypatch: pytest.MonkeyPatch) -> None:
        class Results:
            @staticmethod
            async def load_reference(record: dict[str, Any]) -> str:
                return "loaded " + record["storage_key"]

        monkeypatch.setattr(providers, "results", Results)

        assert states.Completed(data={"storage_key": "k"}).result() == "loaded k"

    def test_result_raises_when_missing(self) -> None:
        with pytest.raises(MissingResult):
            states.Completed().result()

    @pytest.mark.parametrize("raise_on_failure", [True, False])
    def test_result_raises_when_run_is_unfinished(self, raise_on_failure: bool) -> None:
        with pytest.raises(UnfinishedRun, match="RUNNING"):
            states.Running().result(raise_on_failure=raise_on_failure)
        with pytest.raises(PausedRun) as caught:
            states.Paused().result(raise_on_failure=raise_on_failure)
        assert caught.value.state is not None

    @pytest.mark.parametrize(
        ("maker", "error"), [("Failed", FailedRun), ("Crashed", CrashedRun), ("Cancelled", CancelledRun)]
    )
    def test_result_raises_run_error_when_data_has_no_exception(self, maker: str, error: type[Exception]) -> None:
        make = getattr(states, maker)
        with pytest.raises(error, match="why"):
            make(message="why").result()
        with pytest.raises(error, match="text"):
            make(message="why", data="text").result()
        assert isinstance(make().result(raise_on_failure=False), error)

    def test_result_raises_or_returns_exception(self) -> None:
        state = states.Failed(data=ValueError("q"))

        with pytest.raises(ValueError, match="q"):
            state.result()
        assert state.result(raise_on_failure=False) is state.data

    def test_result_raises_in_memory_exception(self) -> None:
        with pytest.raises(KeyError):
            states.Failed(data=InMemory(KeyError("k"))).result()

    def test_result_raises_exception_of_first_unsuccessful_state(self) -> None:
        data = [states.Completed(), states.Failed(data=ValueError("one")), states.Crashed(message="two")]

        with pytest.raises(ValueError, match="one"):
            states.Failed(data=data).result()
        with pytest.raises(CancelledRun):
            states.Failed(data=(states.Cancelled(), states.Failed())).result()
        with pytest.raises(CrashedRun, match="inner"):
            states.Failed(data=states.Crashed(message="inner")).result()
        assert states.Failed(data=data).result(raise_on_failure=False) is data

    @pytest.mark.parametrize(
        ("data", "error"), [([states.Completed()], ValueError), ([], TypeError), (5, TypeError), ([1], TypeError)]
    )
    def test_result_rejects_failed_data_without_exception(self, data: Any, error: type[Exception]) -> None:
        with pytest.raises(error):
            states.Failed(data=data).result()

    def test_result_is_awaitable(self) -> None:
        async def main() -> tuple[Any, Any]:
            state: State[int] = states.Completed(data=1)
            return await state.aresult(), await state.result()  # pyright: ignore[reportGeneralTypeIssues]

        assert asyncio.run(main()) == (1, 1)

    def test_result_retries_failed_load(self, monkeypatch: pytest.MonkeyPatch) -> None:
        slept: list[float] = []

        async def sleep(seconds: float) -> None:
            slept.append(seconds)

        monkeypatch.setattr(outcomes, "sleep", sleep)

        assert states.Completed(data=Reference(FileNotFoundError(), OSError(), "late")).result() == "late"
        assert slept == [0.25, 0.25]
        with pytest.raises(FileNotFoundError):
            states.Completed(data=Reference(FileNotFoundError(), "late")).result(retry_result_failure=False)
        with pytest.raises(OSError, match="never"):
            drive(get_state_result(states.Completed(data=Reference(*[OSError("never")] * 10))))

    def test_raise_state_exception_ignores_successful_state(self) -> None:
        raise_state_exception(states.Completed())
        with pytest.raises(FailedRun):
            raise_state_exception(states.Failed())


def test_is_state_iterable_accepts_collections_of_states() -> None:
    assert is_state_iterable([states.Failed()])
    assert is_state_iterable({states.Failed()})
    assert not is_state_iterable([])
    assert not is_state_iterable([states.Failed(), 1])
    assert not is_state_iterable({"a": states.Failed()})


def test_state_group_counts_states() -> None:
    made = [getattr(states, name)() for name in ("Completed", "Failed", "Running", "Crashed", "Cancelled", "Paused")]
    group = StateGroup(made)

    assert (group.fail_count, group.cancelled_count, group.paused_count) == (2, 1, 1)
    assert (group.total_count, group.final_count, group.not_final_count) == (6, 4, 2)
    assert (group.any_failed(), group.any_cancelled(), group.any_paused()) == (True, True, True)
    assert (group.all_final(), group.all_completed()) == (False, False)
    assert StateGroup([states.Failed(), states.Running()]).counts_message() == (
        "total=2, not_final=1, 'FAILED'=1, 'RUNNING'=1"
    )
    assert repr(StateGroup([])) == "StateGroup<total=0>"


def test_to_run_result_requires_id_of_that_run_type() -> None:
    details = StateDetails.make(flow_run_id=ID)

    found = details.to_run_result(RunType.FLOW_RUN)

    assert found is not None
    assert found.id == ID
    assert details.to_run_result(RunType.TASK_RUN) is None
