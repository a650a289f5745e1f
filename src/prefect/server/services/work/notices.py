"""Notices to workers: a run of their queues may start, or is to be stopped.

They name only the queue. A worker that gets one polls for runs, as it does anyway at longer intervals.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prefect.server.db.interface import Transaction
from prefect.server.store import Row

RUNS_TOPIC = "queued-flow-runs"
"""The topic of flow runs in work queues: a prefix below, and the id of the queue."""

READY, CANCELLING = "ready ", "cancelling "

_OCCUPYING = ("PENDING", "RUNNING", "CANCELLING")
"""The types of states in which a run may hold what others wait for: a slot of its queue, pool or deployment."""


def notify_of_state(tx: Transaction, run: Row, before: Mapping[str, Any] | None) -> None:
    """Notify workers of the state that a flow run has just entered.

    Args:
        tx: The transaction.
        run: The row of the run.
        before: The stored state before.
    """
    queue_id, type_ = run["work_queue_id"], run["state_type"]
    if queue_id is None:
        return
    if type_ == "CANCELLING":
        tx.notify(RUNS_TOPIC, f"{CANCELLING}{queue_id}")
    elif type_ == "SCHEDULED" or (before is not None and before["type"] in _OCCUPYING and type_ not in _OCCUPYING):
        tx.notify(RUNS_TOPIC, f"{READY}{queue_id}")
