"""Options of the task runners."""

import pytest

from prefect.task_runners import ConcurrentTaskRunner, ProcessPoolTaskRunner


def test_concurrent_task_runner_has_as_many_threads_as_configured() -> None:
    assert ConcurrentTaskRunner(max_workers=3) == ConcurrentTaskRunner(max_workers=3)
    assert ConcurrentTaskRunner(max_workers=3) != ConcurrentTaskRunner(max_workers=4)
    with pytest.raises(ValueError, match="at least 1"):
        ConcurrentTaskRunner(max_workers=0)


def test_process_pool_reports_that_it_has_no_message_processors() -> None:
    with pytest.raises(NotImplementedError, match="subprocess_message_processor_factories"):
        ProcessPoolTaskRunner(subprocess_message_processor_factories=[object()])
