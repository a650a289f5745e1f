"""Records that came at the same moment as their run, by another transaction, are applied to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect.server.loops import Environment, Loop
from prefect.server.services.runs import journal_ingestion

if TYPE_CHECKING:
    from prefect.settings import Settings

SWEEP_INTERVAL_SECONDS = 30.0
"""Seconds between two looks."""

SWEEP_BATCH_SIZE = 500
"""Records that are applied in one transaction."""


def loops(settings: Settings) -> list[Loop]:
    """The loop that looks for them."""
    return [
        Loop(
            "WaitingRecords",
            apply_waiting_records,
            SWEEP_INTERVAL_SECONDS,
            summary="Applies records that crossed with their run",
        )
    ]


async def apply_waiting_records(environment: Environment) -> None:
    """Apply all that waits for a run which is known."""
    while (
        await environment.database.write(lambda tx: journal_ingestion.apply_waiting_records(tx, SWEEP_BATCH_SIZE))
        == SWEEP_BATCH_SIZE
    ):
        pass
