"""The policies: ordered rules, each for changes between states of some types."""

from __future__ import annotations

from dataclasses import replace

from prefect.rules import flow_rules as flows
from prefect.rules import shared
from prefect.rules import task_rules as tasks
from prefect.rules.columns import TERMINAL
from prefect.rules.decision import ANY, Policy, Rule

_PENDING = frozenset({"PENDING"})
_RUNNING = frozenset({"RUNNING"})
_SCHEDULED = frozenset({"SCHEDULED"})
_PAUSED = frozenset({"PAUSED"})
_CANCELLING = frozenset({"CANCELLING"})
_COMPLETED = frozenset({"COMPLETED"})
_FAILED = frozenset({"FAILED"})
_CANCELLED = frozenset({"CANCELLED"})
_TERMINAL = frozenset[str | None](TERMINAL)

_prevent_pending = Rule(
    "PreventPendingTransitions",
    _PENDING | _RUNNING | _CANCELLED | _CANCELLING,
    _PENDING,
    shared.prevent_pending_transitions,
)
_copy_scheduled_time = Rule("CopyScheduledTime", _SCHEDULED, _PENDING, shared.copy_scheduled_time)
_wait_for_scheduled_time = Rule("WaitForScheduledTime", _SCHEDULED | _PENDING, _RUNNING, shared.wait_for_scheduled_time)

_bypass_cancelling = Rule(
    "BypassCancellingFlowRunsWithNoInfra",
    _SCHEDULED | _PAUSED,
    _CANCELLING,
    flows.bypass_cancelling_flow_runs_with_no_infra,
)
_only_scheduled_late = Rule(
    "EnsureOnlyScheduledFlowsMarkedLate", ANY, _SCHEDULED, flows.ensure_only_scheduled_flows_marked_late
)
_instrument = Rule("InstrumentFlowRunStateTransitions", ANY, ANY, effects=flows.instrument_flow_run_state_transitions)
_release_flow_slots = Rule("ReleaseFlowConcurrencySlots", ANY, ANY, effects=flows.release_flow_concurrency_slots)

_protect_end = Rule("HandleFlowTerminalStateTransitions", _TERMINAL, ANY, flows.handle_flow_terminal_state_transitions)
_protect_cancelling = Rule(
    "EnforceCancellingToCancelledTransition",
    _CANCELLING,
    ANY - _CANCELLED,
    flows.enforce_cancelling_to_cancelled_transition,
)

CoreFlowPolicy = Policy(
    "CoreFlowPolicy",
    (
        Rule("PreserveDeploymentConcurrencyLeaseId", ANY, ANY, flows.preserve_deployment_concurrency_lease_id),
        Rule("PreventDuplicateTransitions", ANY, ANY, flows.prevent_duplicate_transitions),
        _protect_end,
        _protect_cancelling,
        _bypass_cancelling,
        _prevent_pending,
        Rule(
            "ValidateDeploymentConcurrencyAtRunning",
            _PENDING,
            _RUNNING,
            flows.validate_deployment_concurrency_at_running,
        ),
        Rule(
            "SecureFlowConcurrencySlots",
            ANY - _CANCELLING - _PENDING - _RUNNING,
            _PENDING,
            flows.secure_flow_concurrency_slots,
        ),
        Rule(
            "RemoveDeploymentConcurrencyLeaseForOldClientVersions",
            _PENDING,
            _RUNNING | _CANCELLING,
            flows.remove_deployment_concurrency_lease_for_old_client_versions,
        ),
        _only_scheduled_late,
        Rule("HandlePausingFlows", ANY, _PAUSED, flows.handle_pausing_flows),
        Rule("HandleResumingPausedFlows", _PAUSED, ANY, flows.handle_resuming_paused_flows),
        _copy_scheduled_time,
        _wait_for_scheduled_time,
        Rule("RetryFailedFlows", _RUNNING, _FAILED, flows.retry_failed_flows),
        _instrument,
        _release_flow_slots,
    ),
)
"""The policy for states of flow runs without `force`, for resuming, and for cancelling that takes too long."""

MarkLateRunsPolicy = Policy(
    "MarkLateRunsPolicy",
    (
        _only_scheduled_late,
        Rule(
            "EnforceDeploymentConcurrencyOnLate", _SCHEDULED, _SCHEDULED, flows.enforce_deployment_concurrency_on_late
        ),
        _instrument,
    ),
)
"""The policy for marking flow runs as late."""

PROTECTED_FROM_RECORDS = _CANCELLING | _TERMINAL - {"CRASHED"}
"""The states that `RecordedFlowPolicy` protects. A crash is inferred from silence, which a record ends."""

RecordedFlowPolicy = Policy(
    "RecordedFlowPolicy",
    (_protect_end, replace(_protect_cancelling, entering=_protect_cancelling.entering - _TERMINAL)),
)
"""The rules for states of flow runs that a process decided and recorded while its server was unavailable."""

MinimalFlowPolicy = Policy(
    "MinimalFlowPolicy",
    (
        Rule("PreventResultDataLoss", _TERMINAL, _TERMINAL, flows.prevent_result_data_loss),
        _bypass_cancelling,
        _instrument,
        _release_flow_slots,
    ),
)
"""The policy for states of flow runs with `force`."""

_cache_retrieval = Rule("CacheRetrieval", ANY, _RUNNING, tasks.cache_retrieval)
_terminal_tasks = Rule(
    "HandleTaskTerminalStateTransitions", _TERMINAL, ANY, tasks.handle_task_terminal_state_transitions
)
_release_task_slots = Rule("ReleaseTaskConcurrencySlots", ANY, ANY, effects=tasks.release_task_concurrency_slots)
_ending = (
    Rule("RetryFailedTasks", _RUNNING, _FAILED, tasks.retry_failed_tasks),
    Rule("RenameReruns", ANY, _RUNNING, tasks.rename_reruns),
    Rule("UpdateFlowRunTrackerOnTasks", ANY, _RUNNING, tasks.update_flow_run_tracker_on_tasks),
    Rule("CacheInsertion", ANY, _COMPLETED, tasks.cache_insertion),
    _release_task_slots,
)

CoreTaskPolicy = Policy(
    "CoreTaskPolicy",
    (
        _cache_retrieval,
        _terminal_tasks,
        Rule("PreventRunningTasksFromStoppedFlows", ANY, _RUNNING, tasks.prevent_running_tasks_from_stopped_flows),
        Rule("SecureTaskConcurrencySlots", ANY, _RUNNING, tasks.secure_task_concurrency_slots),
        _copy_scheduled_time,
        _wait_for_scheduled_time,
        *_ending,
    ),
)
"""The policy for states of task runs without `force`."""

BackgroundTaskPolicy = Policy(
    "BackgroundTaskPolicy",
    (
        _prevent_pending,
        _cache_retrieval,
        _terminal_tasks,
        _copy_scheduled_time,
        Rule("CopyTaskParametersID", _SCHEDULED | _PENDING, _PENDING | _RUNNING, shared.copy_task_parameters_id),
        _wait_for_scheduled_time,
        *_ending,
        Rule("EnqueueScheduledTasks", ANY, _SCHEDULED, tasks.enqueue_scheduled_tasks),
    ),
)
"""The policy for states of background task runs, which have `deferred` in their details, with or without `force`."""

MinimalTaskPolicy = Policy("MinimalTaskPolicy", (_release_task_slots,))
"""The policy for states of task runs with `force`."""

POLICIES = {
    policy.name: policy
    for policy in (
        CoreFlowPolicy,
        MarkLateRunsPolicy,
        MinimalFlowPolicy,
        CoreTaskPolicy,
        BackgroundTaskPolicy,
        MinimalTaskPolicy,
    )
}
"""All of them by name."""
