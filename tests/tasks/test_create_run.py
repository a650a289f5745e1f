"""Task runs that are recorded before they run."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from prefect import flow, task
from prefect.context import FlowRunContext, TaskRunContext
from prefect.schemas.run_inputs import TaskRunResult
from prefect.task_engine import run_task
from prefect.types import new_id
from tests.recorded import states


@task
def add(number: int, more: int = 1) -> int:
    return number + more


@pytest.mark.parametrize("create", ["create_run", "create_local_run"])
def test_created_run_is_pending_and_can_be_run(create: str, home: Path) -> None:
    run_id = new_id()
    run = asyncio.run(getattr(add, create)(id=run_id, parameters={"number": 1}))

    assert (run.id, run.name, run.state.name, run.flow_run_id) == (run_id, "add", "Pending", None)
    assert run_task(add, task_run=run, parameters={"number": 1}) == 2
    assert states(home, "task_run", run_id) == ["Pending", "Running", "Completed"]


def test_created_run_belongs_to_the_passed_contexts() -> None:
    found: list[Any] = []
    upstream = TaskRunResult(id=new_id())

    @task
    def outer() -> None:
        found.append((FlowRunContext.get(), TaskRunContext.get()))

    @flow
    def main() -> None:
        outer()
        of_flow, of_task = found[0]
        run = asyncio.run(
            add.create_run(
                parameters={"number": 1},
                flow_run_context=of_flow,
                parent_task_run_context=of_task,
                extra_task_inputs={"number": {upstream}},
            )
        )
        found.append(run)
        run_task(add, task_run=run, parameters={"number": 1})

    main()

    run = found[1]
    assert run.flow_run_id == found[0][0].flow_run.id
    assert [each.id for each in run.task_inputs["number"]] == [upstream.id]
    assert [each.id for each in run.task_inputs["__parents__"]] == [found[0][1].task_run.id]
