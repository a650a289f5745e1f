"""Tasks: options, recorded dependencies, mapping, waiting."""

import threading
from pathlib import Path
from typing import Any

import pytest

from prefect import flow, task
from prefect.exceptions import MappingLengthMismatch, MappingMissingIterable, ReservedArgumentError
from prefect.tasks import Task, exponential_backoff
from prefect.values.annotations import allow_failure, quote, unmapped
from tests.recorded import records

TIMEOUT_SECONDS = 60.0


@task
def one() -> dict[str, int]:
    return {"x": 1}


@task
def take(value: Any, other: Any = None) -> Any:
    return value


@task
def use(value: Any, other: Any = None) -> None: ...


@task
def fails() -> None:
    raise KeyError("x")


def inputs(home: Path) -> list[dict[str, list[str]]]:
    """Return the dependencies of each task run by parameter, oldest run first, as indexes into the list of runs."""
    runs = records(home, "task_run")
    place = {run["id"]: index for index, run in enumerate(runs)}
    return [{name: [place[link["id"]] for link in links] for name, links in run["task_inputs"].items()} for run in runs]


@pytest.mark.parametrize("submitted", [True, False])
def test_task_inputs_record_the_source_of_arguments(home: Path, submitted: bool):
    @flow
    def program() -> None:
        first: Any = one.submit() if submitted else one()
        use.submit(first).wait()
        use.submit([first, {"deep": first}], other=3).wait()
        use.submit(1, wait_for=[one.submit()]).wait()

    program()
    _, direct, nested, upstream, waits = inputs(home)
    assert direct == {"value": [0], "other": []}
    assert nested == {"value": [0], "other": []}
    assert upstream == {}
    assert waits == {"value": [], "other": [], "wait_for": [3]}


def test_shared_values_are_not_dependencies(home: Path):
    @task
    def small() -> int:
        return 1

    @flow
    def program() -> None:
        small()
        take(1)
        take(None)

    program()
    assert inputs(home)[1:] == [{"value": [], "other": []}] * 2


def test_nested_task_records_its_parent(home: Path):
    @task
    def outer() -> None:
        one()

    outer()
    assert inputs(home)[1] == {"__parents__": [0]}


def test_annotations_are_applied_to_arguments():
    @flow
    def program() -> Any:
        failed = fails.submit()
        allowed = take.submit(allow_failure(failed)).result()
        quoted = take(quote([1, 2]))
        return type(allowed), quoted

    assert program() == (KeyError, [1, 2])


def test_task_receives_the_same_object():
    value = {"a": [object()]}

    @task
    def same(received: Any) -> bool:
        return received is value

    assert same(value)
    assert same.submit(value).result(timeout=TIMEOUT_SECONDS)


def test_map_submits_one_run_per_item():
    @flow
    def program() -> Any:
        return [
            take.map([1, 2, 3]).result(),
            take.map(one.submit()).result(),
            take.map([1, 2], other=unmapped([7, 8])).result(),
            take.map(range(2), wait_for=[one.submit()]).result(),
        ]

    assert program() == [[1, 2, 3], ["x"], [1, 2], [0, 1]]


def test_map_rejects_arguments_that_cannot_be_mapped():
    @flow
    def program() -> None:
        with pytest.raises(MappingLengthMismatch):
            take.map([1, 2], other=[1])
        with pytest.raises(MappingMissingIterable):
            take.map(1)

    program()


def test_failed_map_run_does_not_fail_the_others():
    @task
    def half(number: int) -> int:
        if number % 2:
            raise ValueError(number)
        return number

    @flow
    def program() -> list[str]:
        futures = half.map(range(4))
        futures.wait()
        return [future.state.name for future in futures]

    assert program() == ["Completed", "Failed", "Completed", "Failed"]


def test_with_options_returns_a_changed_copy():
    changed = take.with_options(name="other", retries=3, tags={"a"})
    assert (changed.name, changed.retries, changed.tags) == ("other", 3, {"a"})
    assert (take.name, take.retries, take.tags) == ("take", 0, set())
    with pytest.raises(TypeError, match="unexpected option"):
        take.with_options(colour="blue")


def test_with_options_copies_hooks():
    called: list[str] = []

    @task
    def body() -> None: ...

    copy = body.with_options(name="copy")

    @body.on_completion
    def hook(*_: Any) -> None:
        called.append("hook")

    copy()
    assert called == []
    body()
    assert called == ["hook"]


def test_task_rejects_reserved_parameters():
    with pytest.raises(ReservedArgumentError):
        Task(lambda wait_for: None)


def test_exponential_backoff_doubles_delays():
    assert task(retries=4, retry_delay_seconds=exponential_backoff(2))(lambda: None).retry_delay_seconds == [
        2,
        4,
        8,
        16,
    ]


@pytest.mark.parametrize("delays", [0.001, [0.001, 0.002]])
def test_retry_delays_are_recorded(home: Path, delays: Any):
    calls: list[int] = []

    @task(retries=2, retry_delay_seconds=delays)
    def flaky() -> int:
        calls.append(1)
        if len(calls) < 3:
            raise ValueError
        return len(calls)

    assert flaky() == 3
    names = [record["name"] for record in records(home, "state")]
    assert names == ["Pending", "Running", "AwaitingRetry", "Retrying", "AwaitingRetry", "Retrying", "Completed"]


def test_task_can_be_called_in_many_threads():
    results: list[int] = []
    start = threading.Barrier(8)

    @task
    def identity(number: int) -> int:
        return number

    def call(first: int) -> None:
        start.wait()
        results.extend(identity(number) for number in range(first, first + 20))

    threads = [threading.Thread(target=call, args=(index * 20,)) for index in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == list(range(160))
