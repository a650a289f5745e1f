"""Decisions in this process: when the local store is looked at for what others have changed."""

from collections.abc import Iterable
from typing import Any

import pytest

from prefect import flow, journal
from prefect._file_stamps import Stamps, read_stamps
from prefect.engine.orchestration import local
from prefect.journal import writer


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """The files whose stamps were read; the records of runs stay in memory until they are flushed."""
    found: list[tuple[Any, ...]] = []

    def read(paths: Iterable[Any]) -> Stamps:
        found.append(tuple(paths))
        return read_stamps(found[-1])

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
