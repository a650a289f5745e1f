"""What workers log."""

from __future__ import annotations

import logging

import pytest

from prefect.settings import temporary_settings
from prefect.workers.process import ProcessWorker


@pytest.mark.parametrize("debug_mode", [False, True])
def test_worker_logs_in_detail_in_debug_mode(debug_mode: bool) -> None:
    with temporary_settings({"worker.debug_mode": debug_mode}):
        worker = ProcessWorker(work_pool_name="any", name=f"worker {debug_mode}")
    logger = logging.getLogger(f"prefect.workers.process.{worker.name.lower()}")
    assert logger.isEnabledFor(logging.DEBUG) is debug_mode
