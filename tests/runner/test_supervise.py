"""What becomes of the flow run of a process that has ended."""

import signal

import pytest

from prefect import get_client
from prefect.runner.supervise import ProcessEnd, StopReason, record_end
from prefect.schemas.states import Cancelled, Completed, Paused, Pending, Running, Scheduled, State, StateType


async def _run_in(client, state):
    flow_id = await client.create_flow_from_name("made")
    deployment_id = await client.create_deployment(flow_id, "test")
    run = await client.create_flow_run_from_deployment(deployment_id)
    for each in [Pending(), Running(), state] if state.type is StateType.CANCELLING else [state]:
        await client.set_flow_run_state(run.id, each, force=True)
    return run.id


CASES = [
    (Running(), 1, None, "CRASHED"),
    (Running(), -signal.SIGKILL, None, "CRASHED"),
    (Pending(), 1, None, "CRASHED"),
    (Pending(), 0, None, "CRASHED"),
    (Running(), -signal.SIGTERM, StopReason.SHUTDOWN, "CRASHED"),
    (Pending(), -signal.SIGTERM, StopReason.SHUTDOWN, "SCHEDULED"),
    (Running(), -signal.SIGKILL, StopReason.CANCELLED, "CANCELLED"),
    (State(type=StateType.CANCELLING), -signal.SIGKILL, None, "CANCELLED"),
    # A process that could not reach its server has recorded the outcome in its outbox.
    (Running(), 0, None, "RUNNING"),
    (Completed(), 1, None, "COMPLETED"),
    (Cancelled(), -9, None, "CANCELLED"),
    (Scheduled(), -signal.SIGTERM, StopReason.SHUTDOWN, "SCHEDULED"),
    (Paused(), 0, None, "PAUSED"),
]


@pytest.mark.parametrize("before, exit_code, stop_reason, after", CASES)
async def test_run_of_an_ended_process_gets_an_outcome(before, exit_code, stop_reason, after):
    async with get_client() as client:
        run_id = await _run_in(client, before)
        end = ProcessEnd(flow_run_id=run_id, pid=7, exit_code=exit_code, stop_reason=stop_reason)

        async def propose(state: State) -> bool:
            await client.set_flow_run_state(run_id, state, force=True)
            return True

        recorded = await record_end(client, end, propose)
        state = (await client.read_flow_run(run_id)).state
    assert state.type.value == after
    assert (recorded is not None) == (before.type.value != after)


@pytest.mark.parametrize(
    "exit_code, words",
    [
        (-signal.SIGKILL, "was ended by SIGKILL (perhaps because the system ran out of memory)"),
        (3, "ended with the exit code 3 without recording an outcome"),
        (127, "ended with the exit code 127 (its command was not found)"),
        (-63, "was ended by signal 63"),
    ],
)
def test_end_is_described_for_people(exit_code, words):
    end = ProcessEnd(flow_run_id=None, pid=7, exit_code=exit_code)  # pyright: ignore
    assert words in end.describe() and "pid 7" in end.describe()
