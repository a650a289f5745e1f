"""Changes of state: what is asked for is judged by the rule book, and what it allows is done in one transaction.

The run's row is locked first, so of two who ask at once the second is judged by what the first has done. Then come the
facts that the rules want to know, the verdict, and what it asks for: slots, the state with the columns that follow from
it, the event, the state of the task run that stands for a flow run in its parent.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from prefect import rules
from prefect.rules import policies
from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.db.sql import one_of
from prefect.server.services.concurrency import leases, limits, tag_limits
from prefect.server.services.core import presenters, reading
from prefect.server.services.core.errors import Conflict, InvalidRequest, ServiceError
from prefect.server.services.core.presenters import Answer
from prefect.server.services.core.reading import get_row
from prefect.server.services.events import emitting
from prefect.server.services.runs import heartbeats, run_states
from prefect.server.store import Collection, Row
from prefect.settings import get_current_settings
from prefect.types import new_id, now

MAX_ATTEMPTS = 10
"""How often a change is judged anew because a slot that was free is not any more."""

SCHEDULED_TASKS_TOPIC = "scheduled-task-runs"
"""The topic of task runs in the background that wait for a worker: the key of the task."""

_WRITTEN = ("states", "updated", *run_states.NO_DERIVED_COLUMNS)


async def set_flow_run_state(
    tx: Transaction,
    id_: UUID,
    state: Mapping[str, Any],
    *,
    force: bool = False,
    policy: rules.Policy | None = None,
    client_version: str | None = None,
) -> Answer:
    """Ask for a flow run to enter a state.

    Args:
        tx: The transaction.
        id_: The flow run.
        state: What is set of the state: `type`, and `name`, `message`, `state_details`, `data`.
        force: Only a result is protected, and nothing else is asked of the rules.
        policy: The rules, where they are other than those that `force` says.
        client_version: The version of the client that asks, if it said so.

    Returns:
        The answer as `OrchestrationResult` has it.
    """
    row = await get_row(tx, store.flow_runs, id_, lock=True)
    chosen = policy or (policies.MinimalFlowPolicy if force else policies.CoreFlowPolicy)
    return await propose_state(tx, store.flow_runs, row, parse_proposed_state(state), chosen, client_version)


async def set_flow_run_states(
    tx: Transaction,
    limit: int,
    state: Mapping[str, Any],
    *,
    force: bool = False,
    client_version: str | None = None,
    **criteria: Any,
) -> list[Answer]:
    """Ask for so many of the flow runs that satisfy filters to enter a state, one after the other.

    Returns:
        The answer of each, with its `flow_run_id`.
    """
    where = reading.compile_criteria(tx, store.flow_runs, **criteria)
    results: list[Answer] = []
    for row in await store.flow_runs.find(tx, where, "flow_run.id", limit, columns=["id"]):
        try:
            answer = await set_flow_run_state(tx, row["id"], state, force=force, client_version=client_version)
        except ServiceError as error:
            answer = {"state": None, "status": "ABORT", "details": {"type": "abort_details", "reason": str(error)}}
        results.append({"flow_run_id": row["id"], **answer})
    return results


async def set_task_run_state(
    tx: Transaction,
    id_: UUID,
    state: Mapping[str, Any],
    *,
    force: bool = False,
    policy: rules.Policy | None = None,
) -> Answer:
    """Ask for a task run to enter a state; arguments and answer as those of `set_flow_run_state`."""
    row = await get_row(tx, store.task_runs, id_, lock=True)
    entry = parse_proposed_state(state)
    if policy is None:
        policy = policies.MinimalTaskPolicy if force else policies.CoreTaskPolicy
        if entry.details.get("deferred"):
            policy = policies.BackgroundTaskPolicy
    return await propose_state(tx, store.task_runs, row, entry, policy)


async def propose_state(
    tx: Transaction,
    collection: Collection,
    row: Row,
    entry: rules.Entry,
    policy: rules.Policy,
    client_version: str | None = None,
) -> Answer:
    """Ask for a run to enter a state.

    Args:
        tx: The transaction.
        collection: The flow runs or the task runs.
        row: The run's row, which is locked; it is changed.
        entry: The state.
        policy: The rules by which it is judged.
        client_version: The version of the client that asks, if it said so.

    Returns:
        The answer as `OrchestrationResult` has it.
    """
    return await _change(tx, _Change(collection, row, entry, policy, client_version))


def enter_first_state(row: Row, state: Mapping[str, Any]) -> None:
    """Put the first state into the row of a run that is about to be stored: no rule stands against it."""
    run_states.enter_state(row, run_states.to_stored(parse_proposed_state(state), new_id()))


async def handle_first_state(tx: Transaction, collection: Collection, row: Row) -> None:
    """Do what follows from the first state of a run that has just been stored."""
    stored = row["states"][-1]
    if collection is store.flow_runs:
        await emitting.emit_state_events(tx, "flow_run", [emitting.StateChange(row, None, stored)])
        if row["parent_task_run_id"] is not None:
            state = run_states.to_entry(stored).detailed(child_flow_run_id=row["id"])
            await _mirror(tx, rules.MirrorToParent(row["parent_task_run_id"], state))
    elif stored["type"] == "SCHEDULED" and stored.get("details", {}).get("deferred"):
        tx.notify(SCHEDULED_TASKS_TOPIC, row["task_key"])


async def handle_first_states(tx: Transaction, rows: Sequence[Row]) -> None:
    """Do what follows from the first states of flow runs that have just been stored, all at once."""
    alone = [row for row in rows if row["parent_task_run_id"] is None]
    entered = [emitting.StateChange(row, None, row["states"][-1]) for row in alone]
    await emitting.emit_state_events(tx, "flow_run", entered)
    for row in rows:
        if row["parent_task_run_id"] is not None:
            await handle_first_state(tx, store.flow_runs, row)


def parse_proposed_state(state: Mapping[str, Any]) -> rules.Entry:
    """A requested state as the rule book knows it, entered now."""
    at = now()
    type_ = str(getattr(state["type"], "value", state["type"]))
    given = run_states.drop_implied_details(state.get("state_details") or {})
    try:
        details = {name: run_states.parse_detail(name, value) for name, value in given.items()}
    except (ValueError, OverflowError) as error:
        raise InvalidRequest(f"The details of the state are not valid: {error}.") from None
    if type_ == "SCHEDULED":
        details.setdefault("scheduled_time", at)
    return rules.Entry(
        type_,
        state.get("name") or run_states.STATE_NAMES[type_],
        at,
        state.get("message"),
        state.get("data"),
        details,
    )


# --- judging ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Change:
    """A change of state that is asked for: the run's row, which is locked, the state, and the rules that judge it."""

    collection: Collection
    row: Row
    proposed: rules.Entry
    policy: rules.Policy
    client_version: str | None = None

    @property
    def kind(self) -> Any:
        return self.collection.table.name

    @property
    def run(self) -> rules.Run:
        return rules.Run(self.kind, self.row, self.row["empirical_policy"])

    @property
    def current(self) -> rules.Entry | None:
        states = self.row["states"]
        return run_states.to_entry(states[-1]) if states else None


async def _change(tx: Transaction, change: _Change) -> Answer:
    run, current = change.run, change.current
    for _ in range(MAX_ATTEMPTS):
        facts = await (_flow_facts if change.kind == "flow_run" else _task_facts)(tx, change, current)
        try:
            verdict = rules.decide(change.policy, run, current, change.proposed, facts)
        except rules.NoStateToKeep as error:
            raise Conflict(str(error)) from None
        if not isinstance(verdict, (rules.Accept, rules.Reject)) or verdict.state is None:
            return _answer(change, verdict)
        settled = rules.settle(run, current, verdict, facts)
        if await _secure(tx, change, settled.effects):
            before = change.row["states"][-1] if change.row["states"] else None
            await change.collection.change(tx, [change.row], _write(change, settled))
            await _follow(tx, change, before, settled.effects)
            return _answer(change, verdict)
    raise Conflict("Others take every slot as soon as it is free: try again later.")


def _answer(change: _Change, verdict: rules.Verdict) -> Answer:
    """The verdict as `OrchestrationResult`, with the state that the run is in now."""
    details: Answer
    if isinstance(verdict, rules.Accept):
        status, details = "ACCEPT", {"type": "accept_details"}
    elif isinstance(verdict, rules.Wait):
        status = "WAIT"
        details = {"type": "wait_details", "delay_seconds": verdict.delay_seconds, "reason": verdict.reason}
    elif isinstance(verdict, rules.Reject):
        status, details = "REJECT", {"type": "reject_details", "reason": verdict.reason}
    else:
        status, details = "ABORT", {"type": "abort_details", "reason": verdict.reason}
    shape = presenters.present_flow_run_state if change.kind == "flow_run" else presenters.present_task_run_state
    return {"state": shape(change.row), "status": status, "details": details}


# --- facts -----------------------------------------------------------------------------------------------------------


async def _flow_facts(tx: Transaction, change: _Change, current: rules.Entry | None) -> rules.Facts:
    row, entry = change.row, change.proposed
    facts: dict[str, Any] = {}
    if row["deployment_id"] is not None and (entry.type in ("PENDING", "RUNNING") or entry.name == "Late"):
        limit = await _limit_of(tx, row["deployment_id"])
        if limit is not None:
            settings = get_current_settings().server.deployments
            facts = {
                "deployment_limit": limit["limit_"],
                "deployment_free": -limits.count_missing_slots(limit, 0),
                "deployment_strategy": limit["options"].get("collision_strategy") or "ENQUEUE",
                "deployment_wait": settings.concurrency_slot_wait_seconds,
                "new_lease_id": new_id(),
            }
            lease_id = current.lease_id if current else None
            facts["lease_held"] = lease_id is not None and await leases.is_held(tx, lease_id)
    timestamps = frozenset(run_states.entered_at(state) for state in row["states"])
    return rules.Facts(now=entry.timestamp, client_version=change.client_version, timestamps=timestamps, **facts)


async def _limit_of(tx: Transaction, deployment_id: UUID) -> Row | None:
    """The active limit of a deployment with the deployment's `options` for it, if it has one."""
    columns = ("concurrency_limit_id", "concurrency_options")
    found = await store.deployments.find(tx, one_of("deployment.id", [deployment_id]), columns=columns)
    if not found or found[0]["concurrency_limit_id"] is None:
        return None
    limit = await store.concurrency_limits.get(tx, found[0]["concurrency_limit_id"])
    if limit is None or not limit["active"]:
        return None
    return {**limits.apply_decay(limit), "options": found[0]["concurrency_options"] or {}}


async def _task_facts(tx: Transaction, change: _Change, _: rules.Entry | None) -> rules.Facts:
    row, entry, settings = change.row, change.proposed, get_current_settings().server.tasks
    facts: dict[str, Any] = {}
    if entry.type == "RUNNING":
        if row["flow_run_id"] is not None:
            columns = ("state_type", "run_count")
            for found in await store.flow_runs.find(tx, one_of("flow_run.id", [row["flow_run_id"]]), columns=columns):
                facts = {"flow_run_state": found["state_type"], "flow_run_run_count": found["run_count"] or 0}
        if change.policy is policies.CoreTaskPolicy:
            facts["tag_limits"] = await _tag_limits(tx, row)
        if key := entry.details.get("cache_key"):
            facts["cached"] = await _cached(tx, key)
    return rules.Facts(
        now=entry.timestamp,
        chance=random.random(),
        max_cache_key_length=settings.max_cache_key_length,
        tag_wait=settings.tag_concurrency_slot_wait_seconds,
        **facts,
    )


async def _tag_limits(tx: Transaction, row: Row) -> tuple[rules.TagLimit, ...]:
    found = [limit for limit in await tag_limits.find_by_tags(tx, row["tags"]) if limit["active"]]
    held = await tag_limits.find_held_limits(tx, row["id"]) if found else set[UUID]()
    return tuple(
        rules.TagLimit(limit["name"], limit["limit_"], -limits.count_missing_slots(limit, 0), limit["id"] in held)
        for limit in found
    )


async def _cached(tx: Transaction, key: str) -> rules.Entry | None:
    """The state that is stored under a cache key, unless it has expired."""
    cached = await store.cached_states.get(tx, key)
    if cached is None or (cached["expiration"] is not None and cached["expiration"] <= now()):
        return None
    return run_states.to_entry(cached["state"])


# --- doing -----------------------------------------------------------------------------------------------------------


async def _secure(tx: Transaction, change: _Change, effects: tuple[rules.Effect, ...]) -> bool:
    """Take the slots that the change needs; False when they are gone."""
    for effect in effects:
        if isinstance(effect, rules.TakeDeploymentSlot):
            limit = await _limit_of(tx, change.row["deployment_id"])
            if limit is None or not await limits.take_slots(tx, [limit["id"]]):
                return False
            holder = {"type": "flow_run", "id": change.row["id"]}
            await leases.create_lease(tx, [limit["id"]], 1, _length(limit["options"]), holder, effect.lease_id)
        elif isinstance(effect, rules.RenewLease):
            if not await leases.renew_lease(tx, effect.lease_id, _length({})):
                return False
        elif isinstance(effect, rules.TakeSlots):
            found = await tag_limits.find_by_tags(tx, change.row["tags"])
            wanted = [limit["id"] for limit in found if limit["name"] in effect.limits]
            if not await tag_limits.take_slots(tx, change.row["id"], wanted):
                return False
    return True


def _length(options: Mapping[str, Any]) -> timedelta:
    """For how long a slot of a deployment is held before it must be renewed: at first, until its run has started."""
    default = get_current_settings().server.concurrency.initial_deployment_lease_duration
    return timedelta(seconds=options.get("grace_period_seconds") or default)


def _write(change: _Change, settled: rules.Settled) -> list[str]:
    """Put the state into the run's row, with what follows from it, and return the columns that changed."""
    row = change.row
    # The derived columns follow from all states of the run, also from those that a journal brings later.
    others = {name: value for name, value in settled.columns.items() if name not in run_states.NO_DERIVED_COLUMNS}
    stored = run_states.to_stored(settled.state, new_id())
    if row["states"]:  # the newest is the last, whatever the clocks of those who told of the others
        stored["timestamp"] = max(stored["timestamp"], row["states"][-1]["timestamp"] + 1)
    run_states.enter_state(row, stored)
    row.update(others)
    if stored["type"] in ("SCHEDULED", "PENDING") and row.get("owner") is not None:
        others["owner"] = row["owner"] = None  # another process may take the run over
    if stored["type"] == "RUNNING" and (lease := row.get("lease_until")) is not None and lease < now():
        # It was silent while it did not run; now its process has some time to say that it is alive.
        others["lease_until"] = row["lease_until"] = now() + heartbeats.default_lease_duration()
    if settled.policy:
        fields = {
            name: sorted(value) if isinstance(value, frozenset) else value for name, value in settled.policy.items()
        }
        row["empirical_policy"] = {**row["empirical_policy"], **fields}
        others["empirical_policy"] = row["empirical_policy"]
    row["updated"] = now()
    return [*_WRITTEN, *others]


async def _follow(
    tx: Transaction, change: _Change, before: run_states.StoredState | None, effects: tuple[rules.Effect, ...]
) -> None:
    """Do what follows from the state that has been written."""
    row = change.row
    for effect in effects:
        if isinstance(effect, rules.EmitStateEvent):
            entered = emitting.StateChange(row, before, row["states"][-1], change.proposed.type)
            await emitting.emit_state_events(tx, "flow_run", [entered])
        elif isinstance(effect, rules.ReleaseDeploymentSlot):
            if effect.lease_id is not None:
                await leases.end_lease(tx, effect.lease_id)
        elif isinstance(effect, rules.RevokeLease):
            # The lease stays, without an end: it says that the run holds a slot.
            await store.leases.change(tx, [{"id": effect.lease_id, "expires": None}], ["expires"])
        elif isinstance(effect, rules.ReleaseSlots):
            if row["tags"]:
                await tag_limits.release_slots(tx, row["id"])
        elif isinstance(effect, rules.StoreCacheKey):
            cached = {"cache_key": effect.key, "expiration": effect.expiration, "state": row["states"][-1]}
            await store.cached_states.put(tx, cached)
        elif isinstance(effect, rules.Enqueue):
            tx.notify(SCHEDULED_TASKS_TOPIC, row["task_key"])
        elif isinstance(effect, rules.MirrorToParent):
            await _mirror(tx, effect)


async def _mirror(tx: Transaction, effect: rules.MirrorToParent) -> None:
    parent = await store.task_runs.get(tx, effect.task_run_id, lock=True)
    if parent is not None:
        await _change(tx, _Change(store.task_runs, parent, effect.state, policies.MinimalTaskPolicy))
