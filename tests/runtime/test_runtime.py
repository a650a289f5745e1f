"""`prefect.runtime`: values outside of runs, inside of runs, and overridden by environment variables."""

from datetime import datetime
from typing import Any

import pytest

import prefect
from prefect import flow, task
from prefect.context import get_run_context, tags
from prefect.runtime import deployment, flow_run, task_run

OUTSIDE = {
    flow_run: {
        "id": None,
        "tags": [],
        "name": None,
        "flow_name": None,
        "flow_version": None,
        "parameters": {},
        "parent_flow_run_id": None,
        "root_flow_run_id": None,
        "parent_deployment_id": None,
        "run_count": 0,
        "api_url": None,
        "ui_url": None,
        "job_variables": None,
    },
    task_run: {
        "id": None,
        "tags": [],
        "name": None,
        "parameters": {},
        "run_count": 0,
        "task_name": None,
        "api_url": None,
        "ui_url": None,
    },
    deployment: {"id": None, "name": None, "parameters": {}, "version": None, "flow_run_id": None},
}


@pytest.mark.parametrize("module", OUTSIDE, ids=lambda module: module.__name__)
def test_runtime_values_are_empty_outside_of_runs(module: Any):
    found = {name: getattr(module, name) for name in OUTSIDE[module]}
    assert found == OUTSIDE[module]
    assert set(found) <= set(dir(module))


def test_scheduled_start_time_is_now_outside_of_a_run():
    assert isinstance(flow_run.scheduled_start_time, datetime)


def test_runtime_values_describe_the_current_runs():
    @task(tags={"t"}, task_run_name="load-{x}")
    def inner(x: int) -> dict[str, Any]:
        context: Any = get_run_context()
        assert task_run.id == str(context.task_run.id)
        names = ("name", "tags", "parameters", "run_count", "task_name")
        return {name: getattr(task_run, name) for name in names}

    @flow(name="program", version="7", flow_run_name="run-{x}")
    def program(x: int) -> dict[str, Any]:
        context: Any = get_run_context()
        assert flow_run.id == flow_run.root_flow_run_id == str(context.flow_run.id)
        names = ("name", "tags", "parameters", "run_count", "flow_name", "flow_version", "parent_flow_run_id")
        return {name: getattr(flow_run, name) for name in names} | {"task": inner(x + 1)}

    with tags("f"):
        assert program(1) == {
            "name": "run-1",
            "tags": ["f"],
            "parameters": {"x": 1},
            "run_count": 1,
            "flow_name": "program",
            "flow_version": "7",
            "parent_flow_run_id": None,
            "task": {
                "name": "load-2",
                "tags": ["f", "t"],
                "parameters": {"x": 2},
                "run_count": 1,
                "task_name": "inner",
            },
        }


def test_run_count_counts_attempts():
    counts: list[int] = []

    @task(retries=2)
    def flaky() -> None:
        counts.append(task_run.run_count)
        if len(counts) < 3:
            raise ValueError

    flaky()
    assert counts == [1, 2, 3]


def test_subflow_knows_its_parent_and_root_run():
    @flow
    def inner() -> tuple[Any, Any]:
        return flow_run.parent_flow_run_id, flow_run.root_flow_run_id

    @flow
    def middle() -> Any:
        return flow_run.id, inner()

    @flow
    def outer() -> Any:
        return flow_run.id, middle()

    outer_id, (middle_id, found) = outer()
    assert found == (middle_id, outer_id)


def test_submitted_task_knows_its_flow_run():
    @task
    def look() -> Any:
        return flow_run.id, prefect.runtime.flow_run.name

    @flow(flow_run_name="mine")
    def program() -> bool:
        return look.submit().result() == (flow_run.id, "mine")

    assert program()


@pytest.mark.parametrize(
    ("variable", "text", "module", "name", "value"),
    [
        ("FLOW_RUN__NAME", "given", flow_run, "name", "given"),
        ("FLOW_RUN__RUN_COUNT", "3", flow_run, "run_count", 3),
        ("TASK_RUN__ID", "abc", task_run, "id", "abc"),
        ("DEPLOYMENT__NAME", "nightly", deployment, "name", "nightly"),
    ],
)
def test_environment_variable_overrides_a_value(
    monkeypatch: pytest.MonkeyPatch, variable: str, text: str, module: Any, name: str, value: Any
):
    monkeypatch.setenv(f"PREFECT__RUNTIME__{variable}", text)
    assert getattr(module, name) == value


def test_unsupported_override_raises(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PREFECT__RUNTIME__FLOW_RUN__PARAMETERS", "{}")
    with pytest.raises(ValueError, match="cannot be replaced"):
        flow_run.parameters


def test_unknown_name_raises_attribute_error():
    with pytest.raises(AttributeError, match="nonsense"):
        flow_run.nonsense
