"""The loop that applies the journal of the home, in which programs without a server record, to the home's store."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from prefect._file_stamps import Stamps, read_stamps
from prefect.journal import file
from prefect.server.db import opening
from prefect.server.db.errors import StoreUnavailable
from prefect.server.db.interface import Database
from prefect.server.loops import Environment, Loop
from prefect.server.services.runs.ingestion.journal_ingestion import JournalUnreadable, apply_journal
from prefect.server.services.runs.liveness.orphans import crash_orphans

if TYPE_CHECKING:
    from prefect.settings import Settings

POLL_INTERVAL_SECONDS = 0.2
"""Between two checks of the times of the journal's files, which cost 10 µs."""

ORPHAN_CHECK_INTERVAL_SECONDS = 5.0
"""Between two searches for runs whose process is gone."""

JOURNAL_FILES = (file.NAME, f"{file.NAME}-wal")


def loops(settings: Settings) -> list[Loop]:
    """Return the loop, which is enabled when the database is the home's own store."""
    summary = "Applies the records of programs of this home that use no server"
    return [
        Loop(
            "Journal",
            JournalWatch(settings.home).run_once,
            POLL_INTERVAL_SECONDS,
            _has_home_store(settings),
            leader_only=False,
            summary=summary,
        )
    ]


def _has_home_store(settings: Settings) -> bool:
    try:
        return opening.sqlite_path(settings) == settings.home / opening.STORE_FILE_NAME
    except StoreUnavailable:
        return False


class JournalWatch:
    """Applies the journal of a home when its files have changed.

    Args:
        home: The directory of the journal.
    """

    def __init__(self, home: Path) -> None:
        self._home = home
        self._known: Stamps | None = None
        self._next_orphan_check = 0.0

    async def run_once(self, environment: Environment) -> None:
        """Apply what is new, and now and then crash the runs of processes that have ended."""
        found = read_stamps(self._home / name for name in JOURNAL_FILES)
        if found != self._known:
            await apply_records(environment.database, self._home)
            self._known = found if found.is_settled else None
        if time.monotonic() >= self._next_orphan_check:
            await crash_orphans(environment.database, self._home)
            self._next_orphan_check = time.monotonic() + ORPHAN_CHECK_INTERVAL_SECONDS


async def apply_records(database: Database, home: Path) -> None:
    """Apply the journal of a home; one that cannot be read must not keep the server from its work."""
    try:
        await apply_journal(database, home)
    except JournalUnreadable:
        return
