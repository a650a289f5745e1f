"""`prefect.runtime`: values outside of runs, inside of runs, and overridden by environment variables."""

from datetime import datetime
from typing import Any
from uuid import UUID

import pytest

import prefect
from prefect import flow, task
from prefect.client.orchestration import get_client
from prefect.context import get_run_context, tags
from prefect.exceptions import ObjectNotFound
from prefect.runtime import deployment, flow_run, task_run
from prefect.types import now

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


@flow(name="inner")
def recorded(x: int) -> Any:
    return flow_run.id


@flow(name="outer", flow_run_name="the outer run")
def recording(x: int) -> Any:
    return flow_run.id, recorded(x + 1)


def test_run_that_the_environment_names_is_read_outside_of_a_run(monkeypatch: pytest.MonkeyPatch):
    outer_id, inner_id = recording(1)
    monkeypatch.setenv("PREFECT__FLOW_RUN_ID", inner_id)
    assert (flow_run.id, flow_run.flow_name, flow_run.parameters) == (inner_id, "inner", {"x": 2})
    assert (flow_run.run_count, flow_run.tags, flow_run.job_variables) == (1, [], {})
    assert (flow_run.parent_flow_run_id, flow_run.root_flow_run_id) == (outer_id, outer_id)
    assert (flow_run.parent_deployment_id, deployment.id, deployment.name) == (None, None, None)
    assert flow_run.scheduled_start_time <= now()
    monkeypatch.setenv("PREFECT__FLOW_RUN_ID", outer_id)
    assert (flow_run.name, flow_run.parent_flow_run_id) == ("the outer run", None)


async def test_run_that_the_environment_names_is_read_under_a_loop(monkeypatch: pytest.MonkeyPatch):
    outer_id, _ = recording(1)
    monkeypatch.setenv("PREFECT__FLOW_RUN_ID", outer_id)
    assert flow_run.name == "the outer run"


def test_run_hides_what_the_environment_names(monkeypatch: pytest.MonkeyPatch):
    outer_id, _ = recording(1)
    monkeypatch.setenv("PREFECT__FLOW_RUN_ID", outer_id)

    @flow(flow_run_name="another")
    def program() -> tuple[Any, Any]:
        return flow_run.name, flow_run.parent_flow_run_id

    assert program() == ("another", None)


def test_environment_that_names_no_run_is_an_error(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PREFECT__FLOW_RUN_ID", str(UUID(int=1)))
    with pytest.raises(ObjectNotFound):
        _ = flow_run.name
    monkeypatch.setenv("PREFECT__FLOW_RUN_ID", "nonsense")
    assert flow_run.id == "nonsense"
    with pytest.raises(AttributeError, match="PREFECT__FLOW_RUN_ID is 'nonsense'"):
        _ = flow_run.name


def test_deployment_of_a_run_is_read(monkeypatch: pytest.MonkeyPatch):
    with get_client(sync_client=True) as client:
        flow_id = client.create_flow(recorded)
        deployment_id = client.create_deployment(flow_id=flow_id, name="nightly", version="3")
        run = client.create_flow_run_from_deployment(deployment_id, parameters={"x": 5})
    monkeypatch.setenv("PREFECT__FLOW_RUN_ID", str(run.id))
    assert (deployment.id, deployment.name, deployment.version) == (str(deployment_id), "nightly", "3")
    assert deployment.parameters == {"x": 5}


@pytest.mark.parametrize("module", [flow_run, task_run, deployment], ids=lambda module: module.__name__)
def test_environment_variable_adds_an_attribute(monkeypatch: pytest.MonkeyPatch, module: Any):
    monkeypatch.setenv(f"PREFECT__RUNTIME__{module.__name__.rpartition('.')[2].upper()}__NEW_KEY", "value")
    assert module.new_key == "value"
    with pytest.raises(AttributeError, match="other_key"):
        _ = module.other_key
