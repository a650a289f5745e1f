"""State objects: constructors, predicates, results, comparison."""

import asyncio
import datetime

from _facts import fact, trace

from prefect import states
from prefect.client.schemas.objects import State, StateType
from prefect.exceptions import FailedRun
from prefect.states import *

NAMES = [
    "Completed",
    "Failed",
    "Crashed",
    "Cancelled",
    "Cancelling",
    "Pending",
    "Running",
    "Paused",
    "Suspended",
    "Scheduled",
    "Late",
    "AwaitingRetry",
    "AwaitingConcurrencySlot",
    "Retrying",
    "Submitting",
    "InfrastructurePending",
]
for name in NAMES:
    made = getattr(states, name, None)
    if made is None:
        fact(f"{name}: missing", True)
        continue
    state = made()
    fact(f"{name}", [state.type, state.name, state.message])
    fact(
        f"{name}: predicates", sorted(each for each in dir(state) if each.startswith("is_") and getattr(state, each)())
    )
    fact(f"{name}: result", None) if False else trace(f"{name}: result", lambda: state.result())
    trace(f"{name}: result, no raise", lambda: state.result(raise_on_failure=False))
    fact(
        f"{name}: details",
        sorted(key for key, value in state.state_details.model_dump().items() if value not in (None, False)),
    )
fact("named", [Completed(name="Done", message="m").name, Completed(name="Done", message="m").message])
fact("data", Completed(data=5).data)
trace("result of data", lambda: Completed(data=5).result())
trace("failed with an exception", lambda: Failed(data=ValueError("x")).result())
trace("failed with an exception, no raise", lambda: Failed(data=ValueError("x")).result(raise_on_failure=False))
trace("failed with a state", lambda: Failed(data=Failed(message="inner")).result())
trace("failed with states", lambda: Failed(data=[Completed(), Failed(message="inner")]).result())
trace("failed with text", lambda: Failed(data="text").result())
trace("crashed with an exception", lambda: Crashed(data=KeyError("x")).result())
trace("cancelled with text", lambda: Cancelled(data="text").result())
trace("raise_for_state", lambda: raise_state_exception(Failed(message="m")))
trace("state exception", lambda: get_state_exception(Failed(message="m")))
trace("state exception of completed", lambda: get_state_exception(Completed()))
group = StateGroup([Completed(), Failed(), Running(), Pending(), Cancelled(), Crashed(), Paused(), Scheduled()])
fact(
    "group",
    [
        group.type_counts if isinstance(group.type_counts, dict) else None,
        group.total_count,
        group.not_final_count,
        group.all_completed(),
        group.any_failed(),
        group.any_cancelled(),
        group.any_paused(),
        group.counts_message(),
    ],
)
fact("fail group", [group.fail_count] if hasattr(group, "fail_count") else None)
fact(
    "str",
    [
        str(Completed()),
        str(Completed(message="m")),
        str(Completed(data=1)),
        str(Failed(message="m", name="Named")),
        repr(Completed(message="m")).split("(")[0],
    ],
)
one = Completed(message="m")
fact(
    "equal",
    [
        one == one,
        one == Completed(message="m"),
        one == one.model_copy(),
        Completed() == Failed(),
        hash(one) == hash(one),
    ]
    if True
    else 0,
)
trace("hash", lambda: isinstance(hash(Completed()), int))
trace("fresh copy", lambda: [one.fresh_copy().id != one.id, one.fresh_copy().name, one.fresh_copy().message])
fact("types", [each.value for each in StateType])
trace("by type", lambda: State(type="COMPLETED").name)
trace("wrong type", lambda: State(type="NOPE"))
trace(
    "scheduled in the past",
    lambda: (
        Scheduled(
            scheduled_time=datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc)
        ).state_details.scheduled_time
        is not None
    ),
)
trace("scheduled naive", lambda: Scheduled(scheduled_time=datetime.datetime(2020, 1, 1)))
trace(
    "paused with both",
    lambda: Paused(timeout_seconds=1, pause_expiration_time=datetime.datetime.now(datetime.timezone.utc)),
)
trace("exception_to_failed_state", lambda: asyncio.run(exception_to_failed_state(ValueError("x"))))
trace(
    "exception_to_failed_state with a message",
    lambda: asyncio.run(exception_to_failed_state(ValueError("x"), message="prefix")),
)
for error in (
    KeyboardInterrupt(),
    SystemExit(1),
    GeneratorExit(),
    asyncio.CancelledError(),
    MemoryError("m"),
    ValueError("v"),
):
    trace(f"exception_to_crashed_state {type(error).__name__}", lambda: asyncio.run(exception_to_crashed_state(error)))
fact("model", sorted(Completed().model_dump()))
fact(
    "json",
    {
        key: value
        for key, value in Completed(message="m").model_dump(mode="json").items()
        if key in ("type", "name", "message", "data")
    },
)
fact("details fields", sorted(Completed().state_details.model_dump()))
fact(
    "read back",
    [State.model_validate(one.model_dump()) == one, State.model_validate_json(one.model_dump_json()).message],
)
