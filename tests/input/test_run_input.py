"""Inputs of flow runs: forms, values, sending and receiving, without a server."""

import asyncio
from typing import Any
from uuid import UUID

import pydantic
import pytest

from prefect import flow, get_client
from prefect.exceptions import ObjectAlreadyExists
from prefect.input import (
    RunInput,
    create_flow_run_input,
    delete_flow_run_input,
    filter_flow_run_input,
    keyset_from_base_key,
    keyset_from_paused_state,
    read_flow_run_input,
    receive_input,
    send_input,
)
from prefect.input.run_input import AutomaticRunInput, run_input_subclass_from_type
from prefect.schemas.states import Paused, Running, Suspended


class Person(RunInput):
    name: str
    age: int = 3


class Model(pydantic.BaseModel):
    x: int


@pytest.fixture
def run_id() -> UUID:
    @flow
    def receiver() -> None: ...

    with get_client(sync_client=True) as client:
        return client.create_flow_run(receiver).id


def test_keysets_from_state_and_type():
    keys = {"description": "paused-1-description", "response": "paused-1-response", "schema": "paused-1-schema"}
    assert keyset_from_base_key("paused-1") == keys
    assert keyset_from_paused_state(Paused(pause_key="1")) == keys
    assert keyset_from_paused_state(Suspended(pause_key="a"))["schema"] == "suspended-a-schema"
    with pytest.raises(RuntimeError, match="is not paused"):
        keyset_from_paused_state(Running())


def test_inputs_are_stored_by_key(run_id: UUID):
    create_flow_run_input("some.key", {"a": [1, None]}, run_id, sender="me")
    create_flow_run_input("some.key-2", "text", run_id)
    assert read_flow_run_input("some.key", run_id) == {"a": [1, None]}
    assert read_flow_run_input("some.key-2", run_id) == "text"
    assert read_flow_run_input("some", run_id) is None
    assert [each.sender for each in filter_flow_run_input("some", 10, flow_run_id=run_id)] == ["me", None]
    assert [each.key for each in filter_flow_run_input("some", 10, {"some.key"}, run_id)] == ["some.key-2"]
    with pytest.raises(ObjectAlreadyExists):
        create_flow_run_input("some.key", 1, run_id)
    delete_flow_run_input("some.key", run_id)
    assert read_flow_run_input("some.key", run_id) is None


def test_flow_run_id_is_required_outside_of_a_flow():
    with pytest.raises(RuntimeError, match="Pass `flow_run_id`"):
        read_flow_run_input("key")


def test_form_saves_schema_and_loads_response(run_id: UUID):
    keys = keyset_from_base_key("ask")
    filled = Person.with_initial_data(description="Who is it?", name="Ann")
    filled.save(keys, run_id)
    schema = read_flow_run_input("ask-schema", run_id)
    assert (schema["title"], schema["additionalProperties"]) == ("Person", False)
    assert schema["properties"]["name"]["default"] == "Ann"
    assert read_flow_run_input("ask-description", run_id) == "Who is it?"
    create_flow_run_input("ask-response", {"age": 5}, run_id)
    answer = filled.load(keys, run_id)
    assert (answer.name, answer.age, answer.metadata.receiver) == ("Ann", 5, run_id)
    assert Person.keyset_from_type()["schema"] == "person-schema"


@pytest.mark.parametrize(
    ("type_", "name"),
    [(int, "intAutomaticRunInput"), (str, "strAutomaticRunInput"), (Model, "ModelRunInput"), (Person, "Person")],
)
def test_run_input_subclass_from_type(type_: Any, name: str):
    form = run_input_subclass_from_type(type_)
    assert form.__name__ == name
    assert issubclass(form, AutomaticRunInput) == (type_ in (int, str))
    if type_ in (int, str):
        assert form.model_json_schema()["required"] == ["value"]
        with pytest.raises(pydantic.ValidationError):
            form(value=[])


def test_inputs_are_received_in_order_and_once(run_id: UUID):
    for number in range(3):
        send_input(number, run_id)
    send_input("text", run_id, key_prefix="mine")
    Person(name="Bob").send_to(run_id, sender="somebody")
    send_input(Model(x=7), run_id)
    received = receive_input(int, timeout=0, flow_run_id=run_id)
    assert list(received) == [0, 1, 2]
    assert list(received) == []
    assert list(receive_input(str, timeout=0, flow_run_id=run_id, key_prefix="mine")) == ["text"]
    (person,) = Person.receive(timeout=0, flow_run_id=run_id)
    assert (person.name, person.metadata.sender, person.metadata.receiver) == ("Bob", "somebody", run_id)
    assert person.metadata.key.startswith("person-auto-")
    (model,) = receive_input(Model, timeout=0, flow_run_id=run_id)
    assert (model.x, type(model).__name__) == (7, "ModelRunInput")
    (whole,) = receive_input(str, timeout=0, flow_run_id=run_id, key_prefix="mine", with_metadata=True)
    assert (whole.value, whole.metadata.sender) == ("text", None)


def test_receive_input_ends_after_timeout(run_id: UUID):
    with pytest.raises(TimeoutError, match="No input 'intautomaticruninput-auto' arrived within 0 seconds"):
        next(receive_input(int, timeout=0, flow_run_id=run_id, raise_timeout_error=True))
    with pytest.raises(TimeoutError):
        receive_input(int, timeout=0, flow_run_id=run_id).next()


def test_flow_runs_respond_to_each_other():
    seen: list[Any] = []

    @flow
    def asks() -> UUID:
        from prefect.runtime import flow_run

        return UUID(flow_run.id)

    @flow
    def outer() -> None:
        other = asks()
        Person(name="Ann").send_to(other)
        (question,) = Person.receive(timeout=0, flow_run_id=other)
        assert str(question.metadata.sender).startswith("prefect.flow-run.")
        question.respond(Person(name="Answer"))
        seen.extend(Person.receive(timeout=0))

    outer()
    assert [person.name for person in seen] == ["Answer"]
    with pytest.raises(RuntimeError, match="was not received"):
        Person(name="x").respond(Person(name="y"))


def test_inputs_in_async_code(run_id: UUID):
    create: Any = create_flow_run_input
    send: Any = send_input

    async def main() -> list[int]:
        await send(1, run_id)
        await Person(name="x").send_to(run_id)
        assert [p.name async for p in Person.receive(timeout=0, flow_run_id=run_id)] == ["x"]
        keys = keyset_from_base_key("k")
        await Person.save(keys, run_id)
        await create("k-response", {"name": "z"}, run_id)
        assert (await Person.load(keys, run_id)).name == "z"
        return [value async for value in receive_input(int, timeout=0, flow_run_id=run_id)]

    assert asyncio.run(main()) == [1]
