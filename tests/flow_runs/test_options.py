"""Options of suspending and waiting for flow runs."""

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest

from prefect import flow, get_client
from prefect.flow_runs import asuspend_flow_run, suspend_flow_run, wait_for_flow_run
from prefect.input import RunInput, read_flow_run_input
from prefect.schemas.runs import FlowRun
from prefect.states import Running
from prefect.types import now


class Person(RunInput):
    name: str


@pytest.fixture
def running() -> FlowRun:
    """A run of a deployment that another process executes."""

    @flow
    def main() -> None: ...

    with get_client(sync_client=True) as client:
        deployment_id = client.create_deployment(client.create_flow(main), "a-deployment")
        run = client.create_flow_run_from_deployment(deployment_id)
        client.set_flow_run_state(run.id, Running(), force=True)
        return run


def read(run_id: UUID) -> FlowRun:
    with get_client(sync_client=True) as client:
        return client.read_flow_run(run_id)


def check_suspension(run: FlowRun, key: str) -> None:
    state = read(run.id).state
    assert state is not None and state.name == "Suspended"
    assert state.state_details.pause_key == key
    timeout = state.state_details.pause_timeout
    assert timeout is not None and timedelta(seconds=500) < timeout - now() <= timedelta(seconds=600)
    assert read_flow_run_input(f"suspended-{key}-schema", run.id)["title"] == "Person"


def test_run_of_another_process_is_suspended_as_the_options_say(running: FlowRun) -> None:
    suspend_flow_run(wait_for_input=Person, flow_run_id=running.id, timeout=600, key="a-key")

    check_suspension(running, "a-key")


async def test_run_of_another_process_is_suspended_asynchronously(running: FlowRun) -> None:
    await asuspend_flow_run(wait_for_input=Person, flow_run_id=running.id, timeout=600, key="b-key")

    await asyncio.to_thread(check_suspension, running, "b-key")


def test_waiting_reads_through_the_passed_client_and_ignores_the_interval() -> None:
    @flow
    def main() -> None: ...

    run_id = main(return_state=True).state_details.flow_run_id
    assert run_id is not None

    async def wait() -> FlowRun:
        async with get_client() as client:
            reads: list[UUID] = []
            read_flow_run = client.read_flow_run

            async def note(flow_run_id: UUID) -> FlowRun:
                reads.append(flow_run_id)
                return await read_flow_run(flow_run_id)

            client.read_flow_run = note
            with pytest.warns(DeprecationWarning, match="poll_interval"):
                run = await wait_for_flow_run(run_id, poll_interval=60, client=client)
            assert reads == [run_id]
            return run

    assert asyncio.run(wait()).state_name == "Completed"
