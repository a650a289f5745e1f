"""State transitions: `prefect.rules` decides about a proposed state, and its verdict is applied in one transaction.

The run's row is locked first, so of two simultaneous requests the second is decided on the result of the first. Then
the facts that the rules need are gathered, the verdict is reached, and its effects are applied: slots, the state
with the columns derived from it, the event, the state of the task run that stands for a subflow run.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from prefect import rules
from prefect.rules import policies
from prefect.schemas.runs import RETRY_FROM
from prefect.server import store
from prefect.server.db.interface import Transaction
from prefect.server.services.concurrency import leases, slots, tag_limits
from prefect.server.services.core import presenters, reading
from prefect.server.services.core.errors import Conflict, InvalidRequest, NotFound, ServiceError
from prefect.server.services.core.presenters import Answer
from prefect.server.services.core.reading import get_row
from prefect.server.services.events import emitting
from prefect.server.services.runs.liveness import heartbeat_intervals
from prefect.server.services.runs.states import claims, observed_states, run_states
from prefect.server.services.work import notices
from prefect.server.store import Collection, Row
from prefect.server.store.queries import runs as queries
from prefect.settings import get_current_settings
from prefect.types import new_id, now

MAX_ATTEMPTS = 10
"""How often a transition is decided anew because another run took the slot that was free."""

SCHEDULED_TASKS_TOPIC = "scheduled-task-runs"
"""The topic of background task runs that wait for a worker: the key of the task."""

_WRITTEN = ("states", "updated", *run_states.NO_DERIVED_COLUMNS)


async def set_flow_run_state(
    tx: Transaction,
    id_: UUID,
    state: Mapping[str, Any],
    *,
    force: bool = False,
    policy: rules.Policy | None = None,
    client_version: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """Propose a state of a flow run.

    Args:
        tx: The transaction.
        id_: The flow run.
        state: The state: `type`, and optionally `name`, `message`, `state_details`, `data`.
        force: Apply only the rule that protects results.
        policy: The rules to apply in place of those that `force` selects.
        client_version: The version of the client, if the request names it.
        headers: The headers of the request: a worker, or the process that it started, sends its claim.

    Returns:
        An `OrchestrationResult`.
    """
    row, flows = await queries.lock_flow_run(tx, id_)
    if row is None:
        raise NotFound("flow run", id_)
    chosen = policy or (policies.MinimalFlowPolicy if force else policies.CoreFlowPolicy)
    proposed, token = parse_proposed_state(state), claims.read_claim(headers, id_)
    proposal = _Proposal(store.flow_runs, row, claims.attach(row, token, proposed), chosen, client_version, flows)
    if token is not None and (refusal := claims.find_refusal(row, token, proposed)) is not None:
        return _to_result(proposal, rules.Abort(refusal))
    return await _transition(tx, proposal)


async def set_flow_run_states(
    tx: Transaction,
    limit: int,
    state: Mapping[str, Any],
    *,
    force: bool = False,
    client_version: str | None = None,
    **criteria: Any,
) -> list[Answer]:
    """Propose a state of each of at most `limit` flow runs that satisfy filters, one after the other.

    Returns:
        An `OrchestrationResult` for each, with its `flow_run_id`.
    """
    where = reading.compile_criteria(tx, store.flow_runs, **criteria)
    results: list[Answer] = []
    for row in await store.flow_runs.find(tx, where, store.flow_runs.by_key, limit, columns=["id"]):
        try:
            answer = await set_flow_run_state(tx, row["id"], state, force=force, client_version=client_version)
        except ServiceError as error:
            answer = {"state": None, "status": "ABORT", "details": {"type": "abort_details", "reason": str(error)}}
        results.append({"flow_run_id": row["id"], **answer})
    return results


async def set_task_run_state(tx: Transaction, id_: UUID, state: Mapping[str, Any], *, force: bool = False) -> Answer:
    """Propose a state of a task run; arguments and result as of `set_flow_run_state`."""
    row = await get_row(tx, store.task_runs, id_, lock=True)
    proposed = parse_proposed_state(state)
    policy = policies.MinimalTaskPolicy if force else policies.CoreTaskPolicy
    if proposed.details.get("deferred"):
        policy = policies.BackgroundTaskPolicy
    return await propose_state(tx, store.task_runs, row, proposed, policy)


async def propose_state(
    tx: Transaction,
    collection: Collection,
    row: Row,
    proposed: rules.RuleState,
    policy: rules.Policy,
    client_version: str | None = None,
) -> Answer:
    """Propose a state of a run whose row is locked.

    Args:
        tx: The transaction.
        collection: `store.flow_runs` or `store.task_runs`.
        row: The run's row; it is changed in place.
        proposed: The state.
        policy: The rules to apply.
        client_version: The version of the client, if the request names it.

    Returns:
        An `OrchestrationResult`.
    """
    return await _transition(tx, _Proposal(collection, row, proposed, policy, client_version))


def enter_first_state(row: Row, state: Mapping[str, Any]) -> None:
    """Put the first state, which no rule can reject, into the row of a run that is about to be stored."""
    run_states.enter_state(row, run_states.to_stored(parse_proposed_state(state), new_id()))


async def handle_first_state(
    tx: Transaction, collection: Collection, row: Row, flows: Mapping[UUID, Row] | None = None
) -> None:
    """Apply the effects of the first state of a run that has just been stored; `flows` have been read already."""
    stored = row["states"][-1]
    await observed_states.record_states(tx, [stored])
    if collection is store.flow_runs:
        notices.notify_of_state(tx, row, None)
        entered = emitting.StateChange(row, None, stored, row["run_count"])
        await emitting.emit_state_events(tx, "flow_run", [entered], flows or {})
        if row["parent_task_run_id"] is not None:
            state = run_states.to_rule_state(stored).with_details(child_flow_run_id=row["id"])
            await _mirror_to_parent(tx, rules.MirrorToParent(row["parent_task_run_id"], state))
    elif stored["type"] == "SCHEDULED" and stored.get("details", {}).get("deferred"):
        tx.notify(SCHEDULED_TASKS_TOPIC, row["task_key"])


async def handle_first_states(tx: Transaction, rows: Sequence[Row]) -> None:
    """Apply the effects of the first states of flow runs that have just been stored, in few statements."""
    roots = [row for row in rows if row["parent_task_run_id"] is None]
    entered = [emitting.StateChange(row, None, row["states"][-1], row["run_count"]) for row in roots]
    await emitting.emit_state_events(tx, "flow_run", entered)
    for row in rows:
        if row["parent_task_run_id"] is not None:
            await handle_first_state(tx, store.flow_runs, row)
        else:
            notices.notify_of_state(tx, row, None)


def parse_proposed_state(state: Mapping[str, Any]) -> rules.RuleState:
    """Return a requested state as an `RuleState` of `prefect.rules`, entered now.

    Raises:
        InvalidRequest: Its details are not valid.
    """
    at = now()
    type_ = str(getattr(state["type"], "value", state["type"]))
    details = run_states.drop_implied_details(state.get("state_details") or {})
    try:
        details = {name: run_states.parse_detail(name, value) for name, value in details.items()}
    except (ValueError, OverflowError) as error:
        raise InvalidRequest(f"The details of the state are not valid: {error}.") from None
    if type_ == "SCHEDULED":
        details.setdefault("scheduled_time", at)
    return rules.RuleState(
        type_,
        state.get("name") or run_states.STATE_NAMES[type_],
        at,
        state.get("message"),
        state.get("data"),
        details,
    )


# --- deciding --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Proposal:
    """A proposed state: the run's row, which is locked, the state, the rules to apply, and the flow if it was read."""

    collection: Collection
    row: Row
    proposed: rules.RuleState
    policy: rules.Policy
    client_version: str | None = None
    flows: Mapping[UUID, Row] = field(default_factory=dict[UUID, Row])

    @property
    def kind(self) -> Any:
        return self.collection.table.name

    @property
    def run(self) -> rules.Run:
        return rules.Run(self.kind, self.row, self.row["empirical_policy"])

    @property
    def current(self) -> rules.RuleState | None:
        states = self.row["states"]
        return run_states.to_rule_state(states[-1]) if states else None


async def _transition(tx: Transaction, proposal: _Proposal) -> Answer:
    run, current = proposal.run, proposal.current
    for _ in range(MAX_ATTEMPTS):
        facts = await (_gather_flow_facts if proposal.kind == "flow_run" else _gather_task_facts)(tx, proposal, current)
        try:
            verdict = rules.decide(proposal.policy, run, current, proposal.proposed, facts)
        except rules.NoStateToKeep as error:
            raise Conflict(str(error)) from None
        if not isinstance(verdict, (rules.Accept, rules.Reject)) or verdict.state is None:
            return _to_result(proposal, verdict)
        settled = rules.settle(run, current, verdict)
        if await _take_slots(tx, proposal, settled.effects):
            before = proposal.row["states"][-1] if proposal.row["states"] else None
            await proposal.collection.change(tx, [proposal.row], _write_state(proposal, settled))
            await _run_effects(tx, proposal, before, settled.effects)
            return _to_result(proposal, verdict)
    raise Conflict("Other runs take every slot as soon as it is free: try again later.")


def _to_result(proposal: _Proposal, verdict: rules.Verdict) -> Answer:
    """Return a verdict as an `OrchestrationResult`, with the state that the run is in now."""
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
    shape = presenters.present_flow_run_state if proposal.kind == "flow_run" else presenters.present_task_run_state
    return {"state": shape(proposal.row), "status": status, "details": details}


# --- facts -----------------------------------------------------------------------------------------------------------


async def _gather_flow_facts(tx: Transaction, proposal: _Proposal, current: rules.RuleState | None) -> rules.Facts:
    row, proposed = proposal.row, proposal.proposed
    facts: dict[str, Any] = {}
    if row["deployment_id"] is not None and (proposed.type in ("PENDING", "RUNNING") or proposed.name == "Late"):
        limit = await find_deployment_limit(tx, row["deployment_id"])
        if limit is not None:
            settings = get_current_settings().server.deployments
            facts = {
                "deployment_limit": limit["limit_"],
                "deployment_free": -slots.count_missing(limit, 0),
                "deployment_strategy": limit["options"].get("collision_strategy") or "ENQUEUE",
                "deployment_wait": settings.concurrency_slot_wait_seconds,
                "new_lease_id": new_id(),
            }
            lease_id = current.lease_id if current else None
            facts["lease_held"] = lease_id is not None and await leases.is_held(tx, lease_id)
    return rules.Facts(now=proposed.timestamp, client_version=proposal.client_version, **facts)


async def find_deployment_limit(tx: Transaction, deployment_id: UUID) -> Row | None:
    """Return the active limit of a deployment with the deployment's `options` for it, if it has one."""
    columns = ("concurrency_limit_id", "concurrency_options")
    rows = await store.deployments.find(tx, {"id": deployment_id}, columns=columns)
    if not rows or rows[0]["concurrency_limit_id"] is None:
        return None
    limit = await store.concurrency_limits.get(tx, rows[0]["concurrency_limit_id"])
    if limit is None or not limit["active"]:
        return None
    await slots.read_usage(tx, [limit])
    return {**limit, "options": rows[0]["concurrency_options"] or {}}


async def _gather_task_facts(tx: Transaction, proposal: _Proposal, _: rules.RuleState | None) -> rules.Facts:
    row, proposed, settings = proposal.row, proposal.proposed, get_current_settings().server.tasks
    facts: dict[str, Any] = {}
    if proposed.type == "RUNNING":
        if row["flow_run_id"] is not None:
            columns = ("state_type", "run_count")
            for flow_run in await store.flow_runs.find(tx, {"id": row["flow_run_id"]}, columns=columns):
                facts = {"flow_run_state": flow_run["state_type"], "flow_run_run_count": flow_run["run_count"] or 0}
        if proposal.policy is policies.CoreTaskPolicy:
            facts["tag_limits"] = await _find_tag_limits(tx, row)
        if key := proposed.details.get("cache_key"):
            facts["cached"] = await _find_cached_state(tx, key)
    return rules.Facts(
        now=proposed.timestamp,
        random_fraction=random.random(),
        max_cache_key_length=settings.max_cache_key_length,
        tag_wait=settings.tag_concurrency_slot_wait_seconds,
        **facts,
    )


async def _find_tag_limits(tx: Transaction, row: Row) -> tuple[rules.TagLimit, ...]:
    active = [limit for limit in await tag_limits.find_by_tags(tx, row["tags"]) if limit["active"]]
    held = await tag_limits.find_held_limits(tx, row["id"]) if active else set[UUID]()
    return tuple(
        rules.TagLimit(limit["name"], limit["limit_"], -slots.count_missing(limit, 0), limit["id"] in held)
        for limit in active
    )


async def _find_cached_state(tx: Transaction, key: str) -> rules.RuleState | None:
    """Return the state that is stored under a cache key, unless it has expired."""
    cached = await store.cached_states.get(tx, key)
    if cached is None or (cached["expiration"] is not None and cached["expiration"] <= now()):
        return None
    return run_states.to_rule_state(cached["state"])


# --- effects ---------------------------------------------------------------------------------------------------------


async def _take_slots(tx: Transaction, proposal: _Proposal, effects: tuple[rules.Effect, ...]) -> bool:
    """Take the slots that the transition needs; return False when others have taken them."""
    for effect in effects:
        if isinstance(effect, rules.TakeDeploymentSlot):
            limit = await find_deployment_limit(tx, proposal.row["deployment_id"])
            if limit is None:
                return False
            holder = {"type": "flow_run", "id": proposal.row["id"]}
            duration = _lease_duration(limit["options"])
            if not await leases.take_slots(tx, [limit["id"]], 1, duration, holder, effect.lease_id):
                return False
        elif isinstance(effect, rules.RenewLease):
            if not await leases.renew_lease(tx, effect.lease_id, _lease_duration({})):
                return False
        elif isinstance(effect, rules.TakeSlots):
            rows = await tag_limits.find_by_tags(tx, proposal.row["tags"])
            limit_ids = [limit["id"] for limit in rows if limit["name"] in effect.limits]
            if not await tag_limits.take_slots(tx, proposal.row["id"], limit_ids):
                return False
    return True


def _lease_duration(options: Mapping[str, Any]) -> timedelta:
    """Return for how long a slot of a deployment is held at first, until its run has started and renews it."""
    default = get_current_settings().server.concurrency.initial_deployment_lease_duration
    return timedelta(seconds=options.get("grace_period_seconds") or default)


def _write_state(proposal: _Proposal, settled: rules.Settlement) -> list[str]:
    """Put the state into the run's row with the columns derived from it, and return the columns that changed."""
    row = proposal.row
    # The derived columns follow from all states of the run, also from those that arrive later with a journal.
    others = {name: value for name, value in settled.columns.items() if name not in run_states.NO_DERIVED_COLUMNS}
    stored = run_states.to_stored(settled.state, new_id())
    claim_duration = claims.move_out_of_details(stored)
    if row["states"]:  # a new state is placed after all others, even if the clock of another host is ahead
        stored["timestamp"] = max(stored["timestamp"], row["states"][-1]["timestamp"] + 1)
    has_ended = row["state_type"] in rules.TERMINAL
    run_states.enter_state(row, stored)
    row.update(others)
    if has_ended and RETRY_FROM in row.get("context", ()):
        # What was to run anew in the attempt that has ended does not hold for the next one.
        others["context"] = row["context"] = {
            name: value for name, value in row["context"].items() if name != RETRY_FROM
        }
    if stored["type"] in ("SCHEDULED", "PENDING") and row.get("owner") is not None:
        others["owner"] = row["owner"] = None  # another process may take the run over
    if (labels := claims.find_labels(stored)) is not None:
        others["labels"] = row["labels"] = {**row["labels"], **labels}
    if stored["type"] == "PENDING" and row.get("deployment_id") is not None:
        others["lease_until"] = row["lease_until"] = now() + claim_duration if claim_duration else None
    if stored["type"] == "RUNNING" and (lease := row.get("lease_until")) is not None and lease < now():
        # It sent no heartbeats while it did not run; its process gets time for the first one.
        others["lease_until"] = row["lease_until"] = now() + heartbeat_intervals.event_lease_duration()
    if settled.policy:
        fields = {
            name: sorted(value) if isinstance(value, frozenset) else value for name, value in settled.policy.items()
        }
        row["empirical_policy"] = {**row["empirical_policy"], **fields}
        others["empirical_policy"] = row["empirical_policy"]
    row["updated"] = now()
    return [*_WRITTEN, *others]


async def _run_effects(
    tx: Transaction, proposal: _Proposal, before: run_states.StoredState | None, effects: tuple[rules.Effect, ...]
) -> None:
    """Apply the effects of the state that has been written."""
    row = proposal.row
    await observed_states.record_states(tx, [row["states"][-1]])
    if proposal.kind == "flow_run":
        notices.notify_of_state(tx, row, before)
    for effect in effects:
        if isinstance(effect, rules.EmitStateEvent):
            entered = emitting.StateChange(row, before, row["states"][-1], row["run_count"], proposal.proposed.type)
            await emitting.emit_state_events(tx, "flow_run", [entered], proposal.flows)
        elif isinstance(effect, rules.ReleaseDeploymentSlot):
            if effect.lease_id is not None:
                await leases.end_lease(tx, effect.lease_id)
        elif isinstance(effect, rules.RevokeLease):
            # The lease stays, without an end, as the mark that the run holds a slot.
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
            await _mirror_to_parent(tx, effect)


async def _mirror_to_parent(tx: Transaction, effect: rules.MirrorToParent) -> None:
    parent = await store.task_runs.get(tx, effect.task_run_id, lock=True)
    if parent is not None:
        await _transition(tx, _Proposal(store.task_runs, parent, effect.state, policies.MinimalTaskPolicy))
