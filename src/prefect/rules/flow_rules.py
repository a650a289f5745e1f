"""The rules for flow runs, one function each, under the names that they have in the interface."""

from __future__ import annotations

import re
from datetime import timedelta

from prefect.rules.columns import TERMINAL, retry_delay
from prefect.rules.decision import Case
from prefect.rules.effects import (
    Effect,
    EmitStateEvent,
    MarkResuming,
    RecordPauseKey,
    ReleaseDeploymentSlot,
    RenewLease,
    RevokeLease,
    SetOnPolicy,
    TakeDeploymentSlot,
)
from prefect.rules.facts import RuleState
from prefect.rules.shared import LEASE, awaiting_retry
from prefect.rules.verdicts import Abort, Verdict

FIRST_VERSION_WITH_LEASES = (3, 4, 11)
"""The first version of the client that renews leases."""

ACTIVE_TYPES = frozenset({"PENDING", "RUNNING", "CANCELLING"})
"""The types of states in which a flow run holds a slot of its deployment."""

NO_FREE_SLOT = "All slots of the deployment's concurrency limit are taken."


def preserve_deployment_concurrency_lease_id(case: Case) -> Verdict | None:
    """Copy the lease of the deployment's slot from the current state to the proposed one."""
    if case.current is None:
        return None
    return case.accept(case.proposed.inherit_details(case.current, LEASE))


def prevent_duplicate_transitions(case: Case) -> Verdict | None:
    """Reject a state with the transition id of the current state: the request was repeated."""
    transition_id = case.proposed.details.get("transition_id")
    if case.current is None or not transition_id or transition_id != case.current.details.get("transition_id"):
        return None
    return case.reject("This change of state has already happened.")


def handle_flow_terminal_state_transitions(case: Case) -> Verdict | None:
    """Protect a finished run from interruption and from losing its result; let it run again otherwise."""
    current, proposed = case.current, case.proposed
    if current is None:
        return None
    if proposed.type in ("CANCELLING", "PAUSED", "CRASHED"):
        return Abort(f"The run has ended as {current.type} already.")
    if rejection := _reject_result_loss(case):
        return rejection
    if proposed.is_terminal:
        return None
    if current.type == "COMPLETED" and current.is_persisted:
        return case.reject("The run has completed already, with a result.")
    if proposed.type == "SCHEDULED" and case.run.deployment_id is None:
        return Abort("A run without a deployment cannot be scheduled again.")
    retry_type = "reschedule" if proposed.type == "SCHEDULED" else None
    reset = {"resuming": False, "pause_keys": frozenset[str](), "retry_type": retry_type}
    return case.accept(None, SetOnPolicy(reset))


def prevent_result_data_loss(case: Case) -> Verdict | None:
    """Reject, even when forced, a completed state without a result in place of one with a result."""
    return _reject_result_loss(case)


def enforce_cancelling_to_cancelled_transition(case: Case) -> Verdict | None:
    """Reject every state but CANCELLED for a run that is being cancelled."""
    return case.reject("A run that is being cancelled can only become CANCELLED.")


def bypass_cancelling_flow_runs_with_no_infra(case: Case) -> Verdict | None:
    """Cancel a run without a process directly, because there is nothing to stop first."""
    current = case.current
    if current is None:
        return None
    if current.type == "SCHEDULED":
        idle = not case.run.columns.get("infrastructure_pid") or current.name == "Resuming"
    else:
        idle = bool(current.details.get("pause_reschedule"))
    if not idle:
        return None
    state = RuleState("CANCELLED", "Cancelled", case.facts.now)
    return case.reject("Nothing runs that would have to be stopped first.", state)


def validate_deployment_concurrency_at_running(case: Case) -> Verdict | None:
    """Renew the slot's lease when a run starts, or take another slot; cancel the run if none is free."""
    lease_id = case.current.lease_id if case.current else None
    if lease_id is None:
        return None
    state = case.proposed.with_details(**{LEASE: case.proposed.lease_id or lease_id})
    facts = case.facts
    if case.run.deployment_id is None or facts.deployment_limit is None or not _client_renews_leases(case):
        return case.accept(state)
    if facts.lease_held:
        return case.accept(state, RenewLease(lease_id))
    if facts.deployment_free > 0 and facts.new_lease_id is not None:
        taken = state.with_details(**{LEASE: facts.new_lease_id})
        return case.accept(taken, TakeDeploymentSlot(facts.new_lease_id))
    reason = "The run lost its slot of the deployment's concurrency limit, and all slots are taken."
    return case.reject(reason, RuleState("CANCELLED", "Cancelled", facts.now, reason))


def secure_flow_concurrency_slots(case: Case) -> Verdict | None:
    """Take a slot of the deployment's limit; without a free one, delay or cancel the run."""
    facts = case.facts
    if case.run.deployment_id is None or facts.deployment_limit is None:
        return None
    if facts.deployment_limit == 0:
        return Abort("The deployment's concurrency limit is 0: none of its runs can start.")
    if facts.deployment_free > 0 and facts.new_lease_id is not None:
        taken = case.proposed.with_details(**{LEASE: facts.new_lease_id})
        return case.accept(taken, TakeDeploymentSlot(facts.new_lease_id))
    if facts.deployment_strategy == "CANCEL_NEW":
        return case.reject(NO_FREE_SLOT, RuleState("CANCELLED", "Cancelled", facts.now, NO_FREE_SLOT))
    scheduled = {"scheduled_time": facts.now + timedelta(seconds=facts.deployment_wait)}
    return case.reject(NO_FREE_SLOT, RuleState("SCHEDULED", "AwaitingConcurrencySlot", facts.now, details=scheduled))


def remove_deployment_concurrency_lease_for_old_client_versions(case: Case) -> Verdict | None:
    """Revoke the lease, but keep the slot, for a client that is too old to renew leases."""
    lease_id = case.current.lease_id if case.current else None
    if lease_id is None or _client_renews_leases(case):
        return None
    return case.accept(None, RevokeLease(lease_id))


def ensure_only_scheduled_flows_marked_late(case: Case) -> Verdict | None:
    """Reject Late for a run that is not scheduled, or is late already."""
    if case.proposed.name != "Late":
        return None
    if case.current is None or case.current.type != "SCHEDULED":
        return case.reject("Only a scheduled run can be late.")
    if case.current.name == "Late":
        return case.reject("The run is marked as late already.")
    return None


def enforce_deployment_concurrency_on_late(case: Case) -> Verdict | None:
    """Cancel a late run whose deployment has no free slot, where the strategy is CANCEL_NEW."""
    facts = case.facts
    if case.proposed.name != "Late" or case.run.deployment_id is None or facts.deployment_limit is None:
        return None
    if facts.deployment_strategy != "CANCEL_NEW" or facts.deployment_free > 0:
        return None
    return case.reject(NO_FREE_SLOT, RuleState("CANCELLED", "Cancelled", facts.now, NO_FREE_SLOT))


def handle_pausing_flows(case: Case) -> Verdict | None:
    """Refuse a pause that is repeated or of a run that is not running, and a suspension without a deployment."""
    details, current = case.proposed.details, case.current
    if current is None:
        return Abort("A run without a state cannot be paused.")
    if current.type != "RUNNING":
        return case.reject("Only a running flow can be paused.")
    key = details.get("pause_key")
    if key in case.run.pause_keys:
        return case.reject("This pause has happened already.")
    if details.get("pause_reschedule"):
        if case.run.parent_task_run_id is not None:
            return Abort("A subflow cannot be suspended.")
        if case.run.deployment_id is None:
            return Abort("A run without a deployment cannot be suspended.")
    return case.accept(None, RecordPauseKey(key)) if key else None


def handle_resuming_paused_flows(case: Case) -> Verdict | None:
    """Let a paused run resume, be scheduled or end; fail it when the pause has timed out."""
    current, to = case.current, case.proposed.type
    if current is None:
        return None
    if to not in ("RUNNING", "SCHEDULED", "CANCELLING") and to not in TERMINAL:
        return case.reject(f"A paused run cannot become {to}.")
    if current.details.get("pause_reschedule") and case.run.deployment_id is None:
        return case.reject("A suspended run without a deployment cannot go on.")
    timeout = current.details.get("pause_timeout")
    if timeout is not None and timeout < case.facts.now and to != "CANCELLING":
        reason = "The pause has run out, so the run cannot go on."
        return case.reject(reason, RuleState("FAILED", "Failed", case.facts.now, reason))
    return case.accept(None, MarkResuming())


def retry_failed_flows(case: Case) -> Verdict | None:
    """Schedule the next attempt of a failed run while it has retries left."""
    run = case.run
    delay = retry_delay(max(run.run_count, 1), run.retries, run.policy.get("retry_delay"))
    if delay is None:
        return case.accept(None, SetOnPolicy({"retry_type": None}))
    state = awaiting_retry(case, delay).with_details(**{LEASE: case.proposed.lease_id})
    reset = {"resuming": False, "pause_keys": frozenset[str](), "retry_type": "in_process"}
    return case.reject("The run is tried again.", state, SetOnPolicy(reset))


def instrument_flow_run_state_transitions(case: Case) -> tuple[Effect, ...]:
    """Emit an event for every written state."""
    return (EmitStateEvent(),)


def release_flow_concurrency_slots(case: Case) -> tuple[Effect, ...]:
    """Release the slot of a run that is no longer active, except while it waits for a retry in its process."""
    current, state = case.current, case.proposed
    if current is None or current.type not in ACTIVE_TYPES or state.type in ACTIVE_TYPES:
        return ()
    if case.rejected and state.name == "AwaitingRetry":
        return ()
    lease_id = state.lease_id or current.lease_id
    if case.run.deployment_id is None or (lease_id is None and case.facts.deployment_limit is None):
        return ()
    return (ReleaseDeploymentSlot(lease_id),)


def _reject_result_loss(case: Case) -> Verdict | None:
    current, proposed = case.current, case.proposed
    if current is None or not current.type == proposed.type == "COMPLETED":
        return None
    if not current.is_persisted or proposed.is_persisted:
        return None
    return case.reject("The run has completed with a result, which a state without one cannot replace.")


def _client_renews_leases(case: Case) -> bool:
    # A client that sends no version may be too old to renew a lease.
    version = re.match(r"(\d+)\.(\d+)\.(\d+)", case.facts.client_version or "")
    return version is not None and tuple(int(part) for part in version.groups()) >= FIRST_VERSION_WITH_LEASES
