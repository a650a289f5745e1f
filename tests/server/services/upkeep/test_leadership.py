"""Who leads a loop: one server at a time, and another one at once when its process is gone."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta

import pytest

from prefect import _processes
from prefect.server.db.interface import Database
from prefect.server.services.upkeep import leadership
from prefect.types import new_id
from tests.server.clock import Clock

DURATION = timedelta(seconds=15)


async def claim(database: Database, owner: str) -> bool:
    return await database.write(lambda tx: leadership.claim_leadership(tx, "Triggers", owner, DURATION))


async def test_second_server_leads_once_the_first_one_gives_up_or_is_silent(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch, leadership.now())
    first, second = leadership.describe_owner(new_id()), leadership.describe_owner(new_id())
    assert await claim(database, first) and await claim(database, first)
    assert not await claim(database, second)
    clock.advance(seconds=16)
    assert await claim(database, second) and not await claim(database, first)
    await database.write(lambda tx: leadership.resign_leadership(tx, second))
    assert await claim(database, first)


async def test_server_without_a_process_loses_leadership_immediately(database: Database) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import os; from prefect import _processes as p; print(os.getpid(), p.start_mark())"],
        capture_output=True,
        text=True,
        check=True,
    )
    pid, mark = done.stdout.split()
    assert await claim(database, f"{new_id()} {_processes.host()} {pid} {mark}")
    assert await claim(database, leadership.describe_owner(new_id()))


@pytest.mark.parametrize("owner", ["an-older-release", "0197 elsewhere 1 1@x/y"])
async def test_server_that_cannot_be_seen_counts_as_alive(database: Database, owner: str) -> None:
    assert await claim(database, owner)
    assert not await claim(database, leadership.describe_owner(new_id()))
