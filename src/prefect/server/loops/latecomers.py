"""Records that came at the same moment as their run, by another transaction, are applied to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect.server.loops import Environment, Loop
from prefect.server.services.runs import apply

if TYPE_CHECKING:
    from prefect.settings import Settings

EVERY = 30.0
"""Seconds between two looks."""

AT_ONCE = 500
"""Records that are applied in one transaction."""


def loops(settings: Settings) -> list[Loop]:
    """The loop that looks for them."""
    return [Loop("Latecomers", take_back, EVERY, summary="Applies records that crossed with their run")]


async def take_back(environment: Environment) -> None:
    """Apply all that waits for a run which is known."""
    while await environment.database.write(lambda tx: apply.take_back(tx, AT_ONCE)) == AT_ONCE:
        pass
