"""Flow runs have crashed whose process fell silent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect.server.loops import Environment, Loop
from prefect.server.services import zombies

if TYPE_CHECKING:
    from prefect.settings import Settings


SECONDS = 10.0
"""Seconds between two rounds."""


def loops(settings: Settings) -> list[Loop]:
    """The loop that looks for runs without a process."""
    return [Loop("Zombies", find, SECONDS, summary="Gives a Crashed state to flow runs whose process fell silent")]


async def find(environment: Environment) -> None:
    """Crash all runs whose lease ran out."""
    while await environment.database.write(zombies.crash_silent) >= zombies.AT_ONCE:
        pass
