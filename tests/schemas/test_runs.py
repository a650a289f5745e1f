"""Flow runs and task runs, built with and without validation."""

from __future__ import annotations

import datetime
import json
import subprocess
import sys
from uuid import UUID

import pytest
from pydantic import ValidationError

from prefect.schemas.run_inputs import Constant, FlowRunResult, Parameter, TaskRunResult
from prefect.schemas.runs import Flow, FlowRun, FlowRunPolicy, TaskRun, TaskRunPolicy
from prefect.schemas.states import State, StateType

ID = UUID(int=1)


def test_flow_run_make_equals_validated_run() -> None:
    made = FlowRun.make(flow_id=ID, name="n", tags=["t"], state=State.make(StateType.PENDING))
    validated = FlowRun.model_validate(made.model_dump())

    assert validated == made
    assert list(validated.__dict__) == list(made.__dict__)
    assert validated.model_dump_json() == made.model_dump_json()
    assert made.model_fields_set == {"flow_id", "name", "tags", "state"}


def test_task_run_make_equals_validated_run() -> None:
    inputs = {"x": [TaskRunResult.make(ID), FlowRunResult.make(ID), Parameter(name="p"), Constant(type="c")]}
    made = TaskRun.make(task_key="k", dynamic_key="0", name="n", task_inputs=inputs)
    validated = TaskRun.model_validate(made.model_dump())

    assert validated == made
    assert list(validated.__dict__) == list(made.__dict__)
    assert validated.model_dump_json() == made.model_dump_json()


@pytest.mark.parametrize("policy", [FlowRunPolicy, TaskRunPolicy])
def test_policy_make_equals_validated_policy(policy: type[FlowRunPolicy] | type[TaskRunPolicy]) -> None:
    assert policy.make(retries=2) == policy(retries=2)
    assert list(policy.make().__dict__) == list(policy().__dict__)


def test_made_runs_share_no_mutable_values() -> None:
    one, two = (FlowRun.make(flow_id=ID, name="n") for _ in range(2))
    three, four = (TaskRun.make(task_key="k", dynamic_key="0", name="n") for _ in range(2))

    for left, right in ((one, two), (three, four)):
        for field, value in left.__dict__.items():
            if isinstance(value, list | dict | set) or field == "empirical_policy":
                assert value is not right.__dict__[field], field
        assert left.id != right.id
    assert isinstance(one.empirical_policy, FlowRunPolicy)
    assert isinstance(three.empirical_policy, TaskRunPolicy)


@pytest.mark.parametrize("name", [None, ""])
def test_run_gets_generated_name_when_empty(name: str | None) -> None:
    assert "-" in FlowRun.model_validate({"flow_id": ID, "name": name}).name
    assert "-" in TaskRun.model_validate({"task_key": "k", "dynamic_key": "0", "name": name}).name


def test_flow_run_equality_ignores_estimates() -> None:
    run = FlowRun(flow_id=ID, name="n")

    assert run == run.model_copy(update={"estimated_run_time": datetime.timedelta(1)})
    assert run != run.model_copy(update={"name": "other"})


def test_durations_serialize_as_seconds() -> None:
    run = FlowRun.model_validate({"flow_id": ID, "total_run_time": 3.5})

    assert run.total_run_time == datetime.timedelta(seconds=3.5)
    assert json.loads(run.model_dump_json())["total_run_time"] == 3.5


def test_task_inputs_are_discriminated_by_type() -> None:
    inputs = {"x": [{"id": str(ID), "input_type": "flow_run"}, {"input_type": "parameter", "name": "p"}]}

    run = TaskRun.model_validate({"task_key": "k", "dynamic_key": "0", "task_inputs": inputs})

    assert run.task_inputs == {"x": [FlowRunResult(id=ID), Parameter(name="p")]}
    assert len({TaskRunResult(id=ID), TaskRunResult.make(ID)}) == 1


def test_labels_default_when_none() -> None:
    assert FlowRun.model_validate({"flow_id": ID, "labels": None}).labels == {}


def test_flow_name_rejects_slash() -> None:
    with pytest.raises(ValidationError):
        Flow(name="a/b")


class TestRunPolicies:
    def test_policy_accepts_former_field_names(self) -> None:
        policy = TaskRunPolicy.model_validate({"max_retries": 3, "retry_delay_seconds": 4.5})

        assert (policy.retries, policy.retry_delay) == (3, 4.5)
        assert FlowRunPolicy.model_validate({"max_retries": 3, "retries": 1}).retries == 1

    def test_policy_rejects_values_beyond_limits(self) -> None:
        assert len(TaskRunPolicy(retry_delay=[1] * 50).retry_delay or []) == 50  # pyright: ignore[reportArgumentType]
        with pytest.raises(ValidationError, match="at most 50"):
            TaskRunPolicy(retry_delay=[1] * 51)
        with pytest.raises(ValidationError, match="0 or more"):
            TaskRunPolicy(retry_jitter_factor=-1)


def test_import_of_run_models_builds_no_validator() -> None:
    code = (
        "import sys, pydantic.main\n"
        "from prefect.schemas import runs, states\n"
        "built = [m.__name__ for m in (runs.FlowRun, runs.TaskRun, states.State, states.StateDetails)"
        " if m.__pydantic_complete__]\n"
        "states.Completed(); runs.TaskRun.make(task_key='k', dynamic_key='0', name='n')\n"
        "heavy = [m for m in ('asyncio', 'yaml', 'rich', 'dateutil', 'prefect.settings') if m in sys.modules]\n"
        "print(built, heavy, states.State.__pydantic_complete__)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[] [] False"
