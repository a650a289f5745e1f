"""Decisions in this process: when the local store is looked at for what others have changed."""

import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from prefect import flow, journal
from prefect._file_stamps import Stamps, read_stamps
from prefect._io import drive
from prefect.client.orchestration import get_client
from prefect.context import FlowRunContext
from prefect.engine.orchestration import local
from prefect.exceptions import CancelledRun
from prefect.journal import writer
from prefect.runtime import flow_run as runtime
from prefect.schemas.states import Cancelled


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """The files whose stamps were read; the records of runs stay in memory until they are flushed."""
    found: list[tuple[Any, ...]] = []

    def read(paths: Iterable[Any], settling_seconds: float) -> Stamps:
        found.append(tuple(paths))
        return read_stamps(found[-1], settling_seconds)

    monkeypatch.setattr(local, "read_stamps", read)
    monkeypatch.setattr(writer, "GATHER_INTERVAL_SECONDS", 60.0)
    return found


def test_run_does_not_look_at_the_store_before_its_record_is_written(looks: list[tuple[Any, ...]]):
    @flow
    def main() -> None: ...

    main()
    looks.clear()
    main()
    assert looks == []


def test_run_looks_at_the_store_once_its_record_is_written(looks: list[tuple[Any, ...]]):
    @flow
    def main() -> None:
        looks.clear()
        journal.flush()

    main()
    assert len(looks) == 1


def test_run_reads_a_store_again_that_could_not_be_read(monkeypatch: pytest.MonkeyPatch):
    class Locked:
        def get_client(self) -> None:
            failures.append(OSError("database is locked"))
            raise failures[-1]

    failures: list[OSError] = []
    monkeypatch.setattr(local, "COMMIT_SECONDS", 0.0)  # each write of the file shows

    @flow
    def main() -> None:
        with get_client(sync_client=True) as client:
            client.set_flow_run_state(UUID(runtime.id), Cancelled(), force=True)
        context = FlowRunContext.get()
        assert context is not None
        with monkeypatch.context() as patch:
            patch.setattr(local, "client_api", Locked())
            drive(context.stop_check._orchestrator.read_state())

    with pytest.raises(CancelledRun):
        main()
    assert len(failures) == 1


@pytest.mark.parametrize(("age_seconds", "is_known"), [(0.5, False), (3.0, True)])
def test_store_is_read_again_while_a_commit_may_wait_for_the_disk(
    age_seconds: float, is_known: bool, tmp_path: Path
) -> None:
    store = tmp_path / local.STORE_FILE
    store.touch()
    changed_at = time.time() - age_seconds
    os.utime(store, (changed_at, changed_at))
    watch = local._StoreWatch(tmp_path)
    watch.known_version = watch.find_new_version() or watch.known_version
    assert (watch.find_new_version() is None) == is_known
