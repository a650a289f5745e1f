"""The runs that events are about, and the states that these runs have left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from prefect.server.db.interface import Transaction
from prefect.server.services.events import packing
from prefect.server.services.events.event_store import EventKey
from prefect.server.store import Row
from prefect.server.store.filters.events import FLOW_RUN, TASK_RUN
from prefect.server.store.queries import events as queries

StateKey = tuple[str, str]
"""The type and the name of a state."""


@dataclass(frozen=True)
class RunEvents:
    """The runs that some events are about, and the states that they have left.

    Attributes:
        flow_runs: The flow runs that they are about, with None for events about none of them.
        task_runs: The task runs whose states they are, each with its flow run.
        before: The type and name of the state that a flow run or a task run was in before its first event of a state;
            None for one that had no state.
        others: Rows of events about flow runs that are not states of task runs.
    """

    flow_runs: set[UUID | None] = field(default_factory=set)
    task_runs: dict[UUID, UUID | None] = field(default_factory=dict)
    before: dict[UUID, StateKey | None] = field(default_factory=dict)
    others: list[Row] = field(default_factory=list)


async def find_run_events(tx: Transaction, keys: Sequence[EventKey], before_tasks: bool = True) -> RunEvents:
    """Return the runs that events are about, and the states that they have left.

    Args:
        tx: The transaction.
        keys: The events.
        before_tasks: Whether the states that task runs have left are wanted.
    """
    found = RunEvents()
    for row in await queries.find_run_events(tx, keys):
        found.flow_runs.add(row["flow_run_id"])
        is_task = row["resource"] in ("", TASK_RUN)
        id_ = row["resource_id"]
        if is_task and id_ is not None:
            found.task_runs[id_] = row["flow_run_id"]
        elif not is_task:
            found.others.append(row)
        if id_ is None or (is_task and not before_tasks) or (not is_task and row["resource"] != FLOW_RUN):
            continue
        if id_ in found.before:
            continue
        _, _, payload = packing.unpack(row)
        if "validated_state" in payload:
            state = payload.get("initial_state")
            found.before[id_] = (state["type"], state.get("name") or state["type"].title()) if state else None
    return found
