"""Runs that are handed over to other processes: who owns them, their times, and values that stay where they are."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import cloudpickle
import pytest

from prefect import flow, task
from prefect.exceptions import CrashedRun
from prefect.task_runners import handover
from prefect.task_runners.handover import HandedOverRun, RunEnd
from prefect.types import now
from tests.recorded import records, states


@task
def double(number: int) -> int:
    return 2 * number


@task(retries=1)
def retried(number: int) -> int:
    return number


def send(run: HandedOverRun) -> RunEnd:
    """Execute a run as another process would, and return its end."""
    package = run.pack()
    return handover.execute(package.common, package.run)


def test_states_belong_to_the_process_that_created_the_run(home: Path):
    @flow
    def program() -> Any:
        run = HandedOverRun(double, {"number": 2})
        return run.adopt(send(run))

    assert program().result() == 4
    run = next(record for record in records(home, "task_run"))
    assert {
        state["owner"] for state in records(home, "state") if state["run_id"] == run["id"] and "owner" in state
    } <= {run["owner"]}
    assert states(home, "task_run") == ["Pending", "Running", "Completed"]


def test_states_are_later_than_those_of_a_process_whose_clock_is_ahead(home: Path):
    @flow
    def program() -> Any:
        run = HandedOverRun(double, {"number": 2})
        ahead = now() + timedelta(minutes=5)
        vars(run._engine.run.state)["timestamp"] = ahead
        run_end = send(run)
        assert [state["timestamp"] >= ahead for state in run_end.recorded] == [True, True]
        return run.adopt(run_end)

    program()


def test_ending_leaves_large_values_where_they_are():
    @flow
    def program() -> None:
        run = HandedOverRun(double, {"number": 21})
        run_end = send(run)
        small, has_value = RunEnd.unpack(run_end.pack(max_value_bytes=1000))
        assert has_value and small.state.result() == 42
        light, has_value = RunEnd.unpack(run_end.pack(max_value_bytes=1))
        assert not has_value and light.state.data is None
        assert light.with_remote_value(lambda: "fetched").state.result() == "fetched"
        run.adopt(run_end)

    program()


def test_run_is_tried_again_elsewhere_as_often_as_its_task_allows(home: Path):
    @flow
    def program() -> Any:
        run = HandedOverRun(retried, {"number": 1})
        assert run.retry_elsewhere("its worker died", CrashedRun("died")) == 0
        assert run.retry_elsewhere("its worker died", CrashedRun("died")) is None
        run.crash("its worker died")
        again = HandedOverRun(retried, {"number": 1})
        again.retry_elsewhere("its worker died", CrashedRun("died"))
        again.adopt(send(again))

    program()
    assert states(home, "task_run") == [
        *("Pending", "AwaitingRetry", "Crashed"),
        *("Pending", "AwaitingRetry", "Retrying", "Completed"),
    ]


def test_context_is_packed_once_for_all_runs_of_a_task():
    @flow
    def program() -> None:
        runs = [HandedOverRun(double, {"number": number}) for number in range(3)]
        assert len({id(run._common) for run in runs}) == 1
        for run in runs:
            run.cancel()

    program()


def test_run_whose_argument_cannot_be_pickled_is_not_packed():
    @flow
    def program() -> None:
        import threading

        run = HandedOverRun(double, {"number": threading.Lock()})
        with pytest.raises(TypeError, match="pickle"):
            run.pack()
        run.cancel()

    program()
    assert cloudpickle.loads(cloudpickle.dumps(double)).name == "double"
