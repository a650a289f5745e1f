"""Engine functions that integrations import."""

import pytest

from prefect import flow, get_client, task
from prefect.context import FlowRunContext
from prefect.exceptions import ObjectNotFound, UpstreamTaskError
from prefect.schemas.run_inputs import FlowRunResult, TaskRunResult
from prefect.states import Cancelled, Completed
from prefect.types import new_id
from prefect.utilities import engine


@task
def make(x):
    return [x]


def test_collect_task_run_inputs_sync_finds_futures_and_results():
    @flow
    def outer():
        future, value = make.submit(1), make(1000)
        found = engine.collect_task_run_inputs_sync({"a": [future], "b": value, "c": 3})
        assert found == {TaskRunResult(id=future.task_run_id), *engine.collect_task_run_inputs_sync(value)}
        assert len(found) == 2
        assert engine.collect_task_run_inputs_sync("nothing") == set()

    outer()


async def test_collect_task_run_inputs_accepts_a_state():
    state = Completed()
    state.state_details.flow_run_id = new_id()
    assert await engine.collect_task_run_inputs(state) == {FlowRunResult(id=state.state_details.flow_run_id)}


class TheirFuture:
    """A future of another library, as Dask's, with the id of its task run."""

    def __init__(self, task_run_id=None):
        self.task_run_id = task_run_id


def test_collect_task_run_inputs_finds_futures_of_the_class():
    @flow
    def outer():
        own, foreign = make.submit(1), TheirFuture(new_id())
        value = {"a": [foreign, TheirFuture()], "b": own}
        assert engine.collect_task_run_inputs_sync(value) == {TaskRunResult(id=own.task_run_id)}
        found = engine.collect_task_run_inputs_sync(value, future_cls=TheirFuture)
        assert found == {TaskRunResult(id=foreign.task_run_id)}

    outer()


def test_collect_task_run_inputs_searches_no_deeper_than_requested():
    @flow
    def outer():
        future = make.submit(1)
        levels = [engine.collect_task_run_inputs_sync({"a": [future]}, max_depth=depth) for depth in (0, 1, 2, -1)]
        assert [len(found) for found in levels] == [0, 0, 1, 1]

    outer()


async def test_resolve_inputs_replaces_futures_with_values():
    future = make.submit(1)
    inputs = {"x": future, "y": [future], "z": 3}
    assert await engine.resolve_inputs(inputs) == {"x": [1], "y": [[1]], "z": 3}
    assert engine.resolve_inputs_sync(inputs, return_data=False) == {}
    failed = task(lambda: 1 / 0).submit()
    with pytest.raises(UpstreamTaskError):
        engine.resolve_inputs_sync({"x": failed})


async def test_propose_state_sets_the_state():
    run_id = flow(lambda: None)(return_state=True).state_details.flow_run_id
    async with get_client() as client:
        state = await engine.propose_state(client, Cancelled(message="by hand"), run_id)
        assert (state.name, state.message) == ("Cancelled", "by hand")
        assert (await client.read_flow_run(run_id)).state.is_cancelled()
        with pytest.raises(ObjectNotFound):
            await engine.propose_state(client, Completed(), new_id())


def test_propose_state_sync_sets_the_state():
    run_id = flow(lambda: None)(return_state=True).state_details.flow_run_id
    with get_client(sync_client=True) as client:
        state = engine.propose_state_sync(client, Completed(name="Mine", data=5), run_id, force=True)
    assert (state.name, state.data) == ("Mine", 5)


@pytest.mark.parametrize("kind", ["task_run", "flow_run"])
def test_link_state_to_result_records_the_run(kind):
    @flow
    def outer():
        value, state = object(), Completed()
        state.state_details = state.state_details.model_copy(update={f"{kind}_id": new_id()})
        engine.link_state_to_result(state, value, kind)
        (found,) = engine.collect_task_run_inputs_sync(value)
        assert (found.input_type, found.id) == (kind, getattr(state.state_details, f"{kind}_id"))

    outer()
    engine.link_state_to_task_run_result(Completed(), object())  # outside of a flow there is no run to record it


async def test_check_api_reachable_raises_when_the_api_is_down():
    async with get_client() as client:
        await engine.check_api_reachable(client, "No.")

    class Unreachable:
        async def api_healthcheck(self):
            return OSError("down")

    with pytest.raises(RuntimeError, match=r"^No\. The API is not reachable: down"):
        await engine.check_api_reachable(Unreachable(), "No.")


def test_should_log_prints_follows_the_flow():
    seen = []

    @flow(log_prints=True)
    def outer():
        assert FlowRunContext.get()
        seen.append(engine.should_log_prints(make))

    outer()
    assert seen == [True]
    assert engine.should_log_prints(make) is False
