"""Flows: parameters, names, subflows, and the final state for a returned value."""

import threading
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import pydantic
import pytest

from prefect import flow, task
from prefect.exceptions import InvalidNameError, ParameterTypeError, ReservedArgumentError
from prefect.flows import Flow
from prefect.states import Completed, Failed
from tests.recorded import records, states

TIMEOUT_SECONDS = 60.0


class Point(pydantic.BaseModel):
    x: int
    y: int = 0


@flow
def typed(number: int, day: date, point: Point, level: Annotated[int, pydantic.Field(gt=0)] = 1) -> Any:
    return number, day, point, level


def test_parameters_are_converted_by_type_hints(home: Path):
    untyped: Any = typed
    assert untyped("3", "2026-03-01", {"x": "5"}) == (3, date(2026, 3, 1), Point(x=5), 1)
    (run,) = records(home, "flow_run")
    assert run["parameters"] == {"number": 3, "day": "2026-03-01", "point": {"x": 5, "y": 0}, "level": 1}


def test_validation_error_names_each_invalid_parameter(home: Path):
    untyped: Any = typed
    with pytest.raises(ParameterTypeError) as raised:
        untyped("x", "never", {"x": 1}, level=0)
    assert all(name in str(raised.value) for name in ("number", "day", "level"))
    assert "point" not in str(raised.value)
    assert states(home, "flow_run") == ["Pending", "Failed"]


def test_validate_parameters_false_skips_validation():
    @flow(validate_parameters=False)
    def loose(number: int) -> Any:
        return number

    assert loose("x") == "x"  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [2**100, "\ud800", float("inf"), object(), {1: object()}, threading.Lock(), b"\xff"])
def test_parameters_of_any_type_are_recorded(home: Path, value: Any):
    @flow
    def program(value: Any, number: int) -> int:
        return number

    assert program(value, 3) == 3
    (run,) = records(home, "flow_run")
    assert run["parameters"]["number"] == 3
    assert states(home, "flow_run", run["id"])[-1] == "Completed"


def test_recursive_parameter_is_recorded(home: Path):
    circle: list[Any] = []
    circle.append(circle)

    @flow
    def program(value: Any) -> int:
        return 1

    assert program(circle) == 1
    assert states(home, "flow_run")[-1] == "Completed"


def test_flow_and_run_names_follow_the_options(home: Path):
    @flow(name="mine", flow_run_name="run-{x}")
    def program(x: int) -> None: ...

    program(3)
    assert program.name == "mine"
    assert records(home, "flow")[0]["name"] == "mine"
    (update,) = records(home, "update")
    assert update["set"]["name"] == "run-3"


def test_flow_name_rejects_forbidden_characters():
    with pytest.raises(InvalidNameError):
        Flow(lambda: None, name="a/b")
    with pytest.raises(ReservedArgumentError):
        Flow(lambda return_state: None)


def test_subflow_run_has_a_parent_task_run(home: Path):
    @flow
    def inner() -> int:
        return 1

    @flow
    def outer() -> int:
        return inner()

    assert outer() == 1
    outer_run, inner_run = records(home, "flow_run")
    (parent,) = records(home, "task_run")
    assert inner_run["parent_task_run_id"] == parent["id"]
    assert parent["flow_run_id"] == outer_run["id"]
    assert states(home, "task_run", parent["id"]) == ["Pending", "Running", "Completed"]


@task
def works() -> int:
    return 1


@task
def fails() -> int:
    raise KeyError("x")


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (lambda: 1, "Completed"),
        (lambda: works.submit(), "Completed"),
        (lambda: fails.submit(), "Failed"),
        (lambda: [works.submit(), fails.submit()], "Failed"),
        (lambda: (works(return_state=True), works(return_state=True)), "Completed"),
        (lambda: {"key": fails(return_state=True)}, "Completed"),
        (lambda: Completed(name="Special"), "Special"),
        (lambda: Failed(message="no"), "Failed"),
    ],
)
def test_return_value_determines_the_final_state(home: Path, value: Any, name: str):
    @flow
    def program() -> Any:
        return value()

    assert program(return_state=True).name == name
    assert states(home, "flow_run")[-1] == name


def test_flow_waits_for_its_tasks(home: Path):
    release = threading.Event()
    finished: list[int] = []

    @task
    def slow() -> None:
        release.wait(TIMEOUT_SECONDS)
        finished.append(1)

    @flow
    def program() -> None:
        slow.submit()
        release.set()

    program()
    assert finished == [1]


def test_failed_task_without_a_reader_does_not_fail_the_flow(home: Path):
    @flow
    def program() -> str:
        fails.submit()
        return "fine"

    assert program() == "fine"
    assert states(home, "flow_run")[-1] == "Completed"


def test_flow_can_be_called_in_many_threads(home: Path):
    start = threading.Barrier(6)
    results: list[int] = []

    @flow
    def program(number: int) -> int:
        return works.submit().result() + number

    def call(number: int) -> None:
        start.wait()
        results.append(program(number))

    threads = [threading.Thread(target=call, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [1, 2, 3, 4, 5, 6]
    assert states(home, "flow_run").count("Completed") == 6
