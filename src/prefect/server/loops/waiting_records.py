"""Applies journal records that were received at the same moment as their run, by another transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect.server.loops import Environment, Loop, drain
from prefect.server.services.runs import journal_ingestion

if TYPE_CHECKING:
    from prefect.settings import Settings

SWEEP_INTERVAL_SECONDS = 30.0

SWEEP_BATCH_SIZE = 500
"""Records that are applied in one transaction."""


def loops(settings: Settings) -> list[Loop]:
    """Return the loop that applies such records."""
    summary = "Applies journal records that crossed with their run"
    return [Loop("WaitingRecords", apply_waiting_records, SWEEP_INTERVAL_SECONDS, summary=summary)]


async def apply_waiting_records(environment: Environment) -> None:
    """Apply all records that wait for a run which is known now."""
    await drain(environment, lambda tx: journal_ingestion.apply_waiting_records(tx, SWEEP_BATCH_SIZE), SWEEP_BATCH_SIZE)
