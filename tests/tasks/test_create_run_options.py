"""Options of `Task.create_run` and `Task.create_local_run`."""

from typing import Any

from prefect import flow, get_client, task
from prefect.context import FlowRunContext, TaskRunContext
from prefect.schemas.run_inputs import TaskRunResult
from prefect.types import new_id


@task
def add(x: int, y: int = 1) -> int:
    return x + y


@task
def first() -> int:
    return 1


async def test_created_run_has_its_id_parameters_and_upstream() -> None:
    made: list[Any] = []

    @flow
    async def outer() -> None:
        run_id, source = new_id(), new_id()
        upstream = first.submit()
        upstream.wait()
        async with get_client() as client:
            made.append(
                await add.create_run(
                    client,
                    id=run_id,
                    parameters={"x": 1},
                    flow_run_context=FlowRunContext.get(),
                    wait_for=[upstream],
                    extra_task_inputs={"y": {TaskRunResult(id=source)}},
                )
            )
        made.extend([run_id, source, upstream])

    await outer()
    run, run_id, source, upstream = made
    assert run.id == run_id
    assert run.task_inputs["wait_for"] == [TaskRunResult(id=upstream.task_run_id)]
    assert run.task_inputs["y"] == [TaskRunResult(id=source)]


async def test_local_run_has_its_id_parameters_and_upstream() -> None:
    made: list[Any] = []

    @flow
    async def outer() -> None:
        run_id, source = new_id(), new_id()
        upstream = first.submit()
        upstream.wait()
        async with get_client() as client:
            run = await add.create_local_run(
                client=client,
                id=run_id,
                parameters={"x": 1},
                flow_run_context=FlowRunContext.get(),
                wait_for=[upstream],
                extra_task_inputs={"y": {TaskRunResult(id=source)}},
            )
        made.extend([run, run_id, source, upstream])

    await outer()
    run, run_id, source, upstream = made
    assert (run.id, run.state.name) == (run_id, "Pending")
    assert run.task_inputs["wait_for"] == [TaskRunResult(id=upstream.task_run_id)]
    assert run.task_inputs["y"] == [TaskRunResult(id=source)]


async def test_local_run_belongs_to_its_parent_task() -> None:
    made: list[Any] = []

    @task
    async def parent() -> None:
        context = TaskRunContext.get()
        made.append((await add.create_local_run(parameters={"x": 1}, parent_task_run_context=context), context))

    await parent()
    [(run, context)] = made
    assert TaskRunResult(id=context.task_run.id) in run.task_inputs["__parents__"]


async def test_deferred_local_run_is_scheduled() -> None:
    run = await add.create_local_run(parameters={"x": 1}, deferred=True)

    assert run.state is not None
    assert (run.state.name, run.state.state_details.deferred) == ("Scheduled", True)
