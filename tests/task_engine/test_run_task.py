"""Running a task by hand, as a task runner of an integration does in its own worker."""

import threading

import pytest

from prefect import flow, get_client, tags, task
from prefect.context import serialize_context
from prefect.schemas.run_inputs import TaskRunResult
from prefect.schemas.runs import TaskRun
from prefect.task_engine import run_task, run_task_async, run_task_sync
from prefect.types import new_id


@task
def add(x, y=1):
    return x + y


@task
async def aadd(x, y=1):
    return x + y


@task
def count(n):
    yield from range(n)


@task
async def acount(n):
    for number in range(n):
        yield number


@task
def fails():
    raise ValueError("on purpose")


def runs():
    with get_client(sync_client=True) as client:
        return client.read_task_runs()


class TestWhatItReturns:
    def test_run_returns_value_or_state(self):
        assert run_task(add, parameters={"x": 1}) == 2
        state = run_task_sync(task=add, parameters={"y": 5, "x": 1}, return_type="state")
        assert state.is_completed() and state.result() == 6

    async def test_run_async_task(self):
        assert await run_task(aadd, parameters={"x": 1}) == 2
        state = await run_task_async(task=aadd, parameters={"x": 1, "y": 2}, return_type="state")
        assert await state.aresult() == 3

    async def test_run_generators(self):
        assert list(run_task(count, parameters={"n": 3})) == [0, 1, 2]
        assert [number async for number in run_task(acount, parameters={"n": 2})] == [0, 1]
        with pytest.raises(ValueError, match="is a generator"):
            next(run_task(count, parameters={"n": 3}, return_type="state"))
        with pytest.raises(ValueError, match="is a generator"):
            await anext(run_task(acount, parameters={"n": 3}, return_type="state"))

    def test_failed_task_raises_or_returns_failed_state(self):
        with pytest.raises(ValueError, match="on purpose"):
            run_task(fails)
        assert run_task(fails, return_type="state").is_failed()


class TestWhatIsRecorded:
    def test_run_has_provided_id_and_dependencies(self):
        run_id, upstream = new_id(), TaskRunResult(id=new_id())
        run_task_sync(add, task_run_id=run_id, parameters={"x": 1}, dependencies={"x": {upstream}})
        (run,) = runs()
        assert run.id == run_id
        assert run.task_inputs == {"x": [upstream], "y": []}

    def test_recorded_run_goes_on(self):
        run = TaskRun(id=new_id(), name="made before", task_key="k", dynamic_key="0")
        state = run_task_sync(add, task_run=run, parameters={"x": 1}, return_type="state")
        assert state.is_completed()
        assert (run.state, run.run_count) == (state, 1)

    def test_run_task_waits_for_futures(self):
        @flow
        def outer():
            future = add.submit(1)
            return run_task_sync(add, parameters={"x": future}, wait_for=[add.submit(2)])

        assert outer() == 3
        last = max(runs(), key=lambda run: run.created)
        assert [len(last.task_inputs[name]) for name in ("x", "y", "wait_for")] == [1, 0, 1]

    def test_run_task_in_another_thread_uses_the_context_of_the_flow(self):
        @flow
        def outer():
            with tags("there"):
                context = serialize_context()
            thread = threading.Thread(
                target=run_task_sync, args=(add,), kwargs={"parameters": {"x": 1}, "context": context}
            )
            thread.start()
            thread.join()

        state = outer(return_state=True)
        (run,) = runs()
        assert run.flow_run_id == state.state_details.flow_run_id
        assert run.tags == ["there"]

    async def test_run_async_task_uses_the_context_of_the_flow(self):
        contexts = []

        @flow
        def outer():
            contexts.append(serialize_context())

        state = outer(return_state=True)
        await run_task_async(aadd, parameters={"x": 1}, context=contexts[0])
        items = [item async for item in run_task(acount, parameters={"n": 1}, context=contexts[0])]
        assert items == [0]
        assert [run.flow_run_id for run in runs()] == [state.state_details.flow_run_id] * 2
