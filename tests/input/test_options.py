"""Options of sending and receiving inputs."""

import asyncio
import threading
from typing import Any
from uuid import UUID

import pytest

from prefect import flow, get_client
from prefect.input import (
    GetInputHandler,
    RunInput,
    acreate_flow_run_input_from_model,
    create_flow_run_input_from_model,
    filter_flow_run_input,
    receive_input,
    send_input,
)


class Person(RunInput):
    name: str


@pytest.fixture
def run_id() -> UUID:
    @flow
    def receiver() -> None: ...

    with get_client(sync_client=True) as client:
        return client.create_flow_run(receiver).id


def senders(run_id: UUID, prefix: str) -> list[str | None]:
    return [each.sender for each in filter_flow_run_input(prefix, 10, flow_run_id=run_id)]


def test_model_is_stored_with_a_run_and_its_sender(run_id: UUID) -> None:
    create_flow_run_input_from_model("one", Person(name="Ann"), flow_run_id=run_id, sender="me")
    asyncio.run(acreate_flow_run_input_from_model("two", Person(name="Bob"), flow_run_id=run_id, sender="you"))

    assert (senders(run_id, "one"), senders(run_id, "two")) == (["me"], ["you"])


def test_sent_input_names_its_sender(run_id: UUID) -> None:
    send_input("hello", run_id, sender="me", key_prefix="greeting")

    assert senders(run_id, "greeting") == ["me"]


def test_receiver_skips_excluded_keys(run_id: UUID) -> None:
    send_input(1, run_id, key_prefix="number")
    send_input(2, run_id, key_prefix="number")
    [first, _] = filter_flow_run_input("number", 10, flow_run_id=run_id)

    received = receive_input(
        int, timeout=0, poll_interval=0.01, exclude_keys={first.key}, key_prefix="number", flow_run_id=run_id
    )

    assert list(received) == [2]


def test_receiver_polls_as_often_as_configured(run_id: UUID) -> None:
    received = receive_input(int, timeout=30, poll_interval=0.01, key_prefix="number", flow_run_id=run_id)
    sender = threading.Timer(0.05, send_input, args=(7, run_id), kwargs={"key_prefix": "number"})
    sender.start()

    assert next(received) == 7  # the default of 10 s would exceed the test's time
    sender.join()


def test_handler_takes_the_options_of_its_functions(run_id: UUID) -> None:
    Person(name="Ann").send_to(run_id, key_prefix="person")
    [skipped] = filter_flow_run_input("person", 10, flow_run_id=run_id)
    options: dict[str, Any] = {"timeout": 0.0, "poll_interval": 0.01}

    found = GetInputHandler(Person, "person", timeout=0, poll_interval=0.01, flow_run_id=run_id)
    assert [each.name for each in found] == ["Ann"]
    nothing = GetInputHandler(Person, "person", **options, exclude_keys={skipped.key}, flow_run_id=run_id)
    assert list(nothing) == []
    with pytest.raises(TimeoutError):
        next(GetInputHandler(Person, "other", **options, raise_timeout_error=True, flow_run_id=run_id))
