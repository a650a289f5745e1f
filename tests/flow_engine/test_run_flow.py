"""Running a flow by hand."""

import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from prefect import flow, get_client, task
from prefect.context import serialize_context
from prefect.engine import handle_engine_signals
from prefect.exceptions import Abort, MissingFlowError, ObjectNotFound, Pause
from prefect.flow_engine import (
    load_flow,
    load_flow_run,
    run_flow,
    run_flow_async,
    run_flow_in_subprocess,
    run_flow_sync,
)
from prefect.schemas.runs import FlowRun
from prefect.types import new_id


@flow
def add(x: int, y: int = 1):
    return x + y


@flow
async def aadd(x, y=1):
    return x + y


@flow
def count(n):
    yield from range(n)


@flow
async def acount(n):
    for number in range(n):
        yield number


@flow
def fails():
    raise ValueError("on purpose")


def test_run_returns_value_or_state():
    assert run_flow(add, parameters={"x": "1"}) == 2
    state = run_flow_sync(flow=add, parameters={"y": 5, "x": 1}, return_type="state")
    assert state.is_completed() and state.result() == 6


async def test_run_async_flow():
    assert await run_flow(aadd, parameters={"x": 1}) == 2
    state = await run_flow_async(flow=aadd, parameters={"x": 1}, return_type="state")
    assert await state.aresult() == 2


async def test_run_generators():
    assert list(run_flow(count, parameters={"n": 3})) == [0, 1, 2]
    assert [number async for number in run_flow(acount, parameters={"n": 2})] == [0, 1]
    with pytest.raises(ValueError, match="is a generator"):
        next(run_flow(count, parameters={"n": 3}, return_type="state"))


def test_failure_is_logged_with_error_logger(caplog: pytest.LogCaptureFixture):
    with pytest.raises(ValueError, match="on purpose"):
        run_flow(fails, error_logger=logging.getLogger("mine"))
    (record,) = [record for record in caplog.records if record.name == "mine"]
    assert "fails" in record.getMessage() and record.exc_info
    assert run_flow(fails, return_type="state").is_failed()


def test_run_flow_is_a_subflow_in_the_context_of_a_flow():
    contexts = []

    @flow
    def outer():
        contexts.append(serialize_context())

    outer()
    run_flow_sync(add, parameters={"x": 1}, context=contexts[0], wait_for=[task(lambda: 1).submit()])
    with get_client(sync_client=True) as client:
        inner = next(run for run in client.read_flow_runs() if run.parameters)
    assert inner.parent_task_run_id is not None


def test_load_flow_run_returns_run_by_id():
    state = add(1, return_state=True)
    assert state.state_details.flow_run_id is not None
    run = load_flow_run(state.state_details.flow_run_id)
    assert (run.parameters, run.state_name) == ({"x": 1, "y": 1}, "Completed")
    with pytest.raises(ObjectNotFound):
        load_flow_run(new_id())


def created(**parameters: Any) -> FlowRun:
    with get_client(sync_client=True) as client:
        return client.create_flow_run(add, name="before", parameters=parameters)


def test_existing_run_is_taken_over():
    run = created(x=1, y=2)
    assert run_flow(add, flow_run=run, parameters={"y": 5}) == 6
    after = load_flow_run(run.id)
    assert (after.name, after.state_name, after.run_count) == ("before", "Completed", 1)
    with get_client(sync_client=True) as client:
        assert len(client.read_flow_runs()) == 1
        assert [state.name for state in client.read_flow_run_states(run.id)] == ["Pending", "Running", "Completed"]


def test_run_flow_in_subprocess_exits_with_status(tmp_path: Path):
    run = created(x=1)
    process = run_flow_in_subprocess(add, flow_run=run)
    process.join(60)
    assert (process.exitcode, load_flow_run(run.id).state_name) == (0, "Completed")
    failing = run_flow_in_subprocess(fails)
    failing.join(60)
    assert failing.exitcode == 1


def test_engine_entry_point_runs_the_flow_of_an_entrypoint(tmp_path: Path):
    run = created(x=3, y=4)
    program = tmp_path / "mine.py"
    program.write_text("from prefect import flow\n\n@flow\ndef add(x, y):\n    print('sum', x + y)\n")
    variables = {**os.environ, "PREFECT__FLOW_RUN_ID": str(run.id), "PREFECT__FLOW_ENTRYPOINT": f"{program}:add"}
    command = [sys.executable, "-m", "prefect.engine"]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "sum 7\n")
    assert load_flow_run(run.id).state_name == "Completed"
    done = subprocess.run([*command, "nonsense"], env=variables, capture_output=True, text=True, timeout=60)
    assert (done.returncode, "'nonsense' is not the id" in done.stderr) == (1, True)


def test_load_flow_names_the_run_that_has_no_deployment():
    run = created(x=1)
    with pytest.raises(MissingFlowError, match=rf"Flow run '{run.name}' has no deployment"):
        load_flow(run)


@pytest.mark.parametrize(
    ("error", "status"), [(Abort("no"), 0), (Pause("later"), 0), (ValueError("no"), 1), (SystemExit(3), 3)]
)
def test_engine_signals_set_exit_status(error: BaseException, status: int):
    with pytest.raises(SystemExit) as ended, handle_engine_signals(new_id()):
        raise error
    assert ended.value.code == status
