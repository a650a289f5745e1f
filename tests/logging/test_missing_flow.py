"""A task that runs outside of a flow logs, and is warned that its record has no flow run."""

from __future__ import annotations

import logging
import warnings
from typing import Any

import pytest

from prefect import flow, task
from prefect.exceptions import MissingContextError
from prefect.logging import get_run_logger
from prefect.settings import temporary_settings


@task
def logs() -> None:
    get_run_logger().info("from a task")


@task(log_prints=True)
def prints() -> None:
    print("from a task")


@pytest.mark.parametrize("run", [logs, prints], ids=lambda each: each.name)
def test_log_of_a_task_outside_of_a_flow_warns(run: Any):
    with pytest.warns(
        UserWarning, match=r"'prefect.task_runs' attempted to send logs .* without a flow run id"
    ) as found:
        run()
    assert [each.filename for each in found] == [__file__]


def test_log_of_a_task_outside_of_a_flow_raises_or_is_silent_by_setting():
    with temporary_settings({"logging.to_api.when_missing_flow": "error"}), pytest.raises(MissingContextError):
        logs()
    with temporary_settings({"logging.to_api.when_missing_flow": "ignore"}), warnings.catch_warnings():
        warnings.simplefilter("error")
        logs()


@pytest.mark.filterwarnings("error")
def test_log_of_a_task_in_a_flow_does_not_warn():
    @flow
    def program() -> None:
        logs()
        logs.submit().wait()
        logging.getLogger("prefect.flow_runs").info("from the flow")

    program()


@pytest.mark.filterwarnings("error")
def test_task_that_logs_nothing_does_not_warn():
    assert task(lambda: 1, name="quiet")() == 1
