"""The verdict and the effects of each flow rule."""

from uuid import UUID

import pytest

from prefect.rules import (
    CoreFlowPolicy,
    EmitStateEvent,
    MarkLateRunsPolicy,
    MarkResuming,
    MinimalFlowPolicy,
    NoStateToKeep,
    RecordPauseKey,
    ReleaseDeploymentSlot,
    RenewLease,
    RevokeLease,
    SetOnPolicy,
    TakeDeploymentSlot,
    decide,
)
from tests.rules.cases import RuleCase, single_rule_policy
from tests.rules.factories import (
    LEASE,
    NEW_LEASE,
    NOW,
    PARENT,
    STORED,
    after,
    deployed,
    entry,
    entry_with_lease,
    facts,
    flow_run,
    limited,
)

ONE, TWO = UUID(int=91), UUID(int=92)
KEPT = {"deployment_concurrency_lease_id": LEASE}
TAKEN = {"deployment_concurrency_lease_id": NEW_LEASE}
AFRESH = {"resuming": False, "pause_keys": frozenset()}
PRESERVE, TERMINAL = "PreserveDeploymentConcurrencyLeaseId", "HandleFlowTerminalStateTransitions"
ENFORCE, BYPASS = "EnforceCancellingToCancelledTransition", "BypassCancellingFlowRunsWithNoInfra"
VALIDATE, SECURE = "ValidateDeploymentConcurrencyAtRunning", "SecureFlowConcurrencySlots"
OLD, LATE = "RemoveDeploymentConcurrencyLeaseForOldClientVersions", "EnsureOnlyScheduledFlowsMarkedLate"
PAUSE, RESUME, RETRY = "HandlePausingFlows", "HandleResumingPausedFlows", "RetryFailedFlows"
PENDING, DUPLICATE = "PreventPendingTransitions", "PreventDuplicateTransitions"
FULL_LATE, RELEASE = "EnforceDeploymentConcurrencyOnLate", "ReleaseFlowConcurrencySlots"

run = flow_run()
done, running, scheduled = entry("COMPLETED", data=STORED), entry("RUNNING"), entry("SCHEDULED")
suspended = entry("PAUSED", "Suspended", pause_reschedule=True)

RETRIED = SetOnPolicy({**AFRESH, "retry_type": "in_process"})
CASES = [
    RuleCase(
        PRESERVE, run, entry_with_lease("RUNNING"), entry("COMPLETED"), "accept COMPLETED/Completed", details=KEPT
    ),
    RuleCase(PRESERVE, run, running, entry("COMPLETED"), "accept COMPLETED/Completed"),
    RuleCase(PRESERVE, run, None, entry("PENDING"), "accept PENDING/Pending"),
    RuleCase(
        PRESERVE,
        run,
        entry_with_lease("PENDING"),
        entry("RUNNING", deployment_concurrency_lease_id=NEW_LEASE),
        "accept RUNNING/Running",
        details=TAKEN,
    ),
    RuleCase(DUPLICATE, run, entry("PENDING", transition_id=ONE), entry("RUNNING", transition_id=ONE), "keep"),
    RuleCase(
        DUPLICATE,
        run,
        entry("PENDING", transition_id=ONE),
        entry("RUNNING", transition_id=TWO),
        "accept RUNNING/Running",
        details={"transition_id": TWO},
    ),
    RuleCase(DUPLICATE, run, entry("PENDING"), running, "accept RUNNING/Running"),
    *(RuleCase(TERMINAL, run, entry("FAILED"), entry(to), "abort") for to in ("CANCELLING", "PAUSED", "CRASHED")),
    *(
        RuleCase(TERMINAL, deployed(), done, entry(to), "keep")
        for to in ("RUNNING", "PENDING", "SCHEDULED", "COMPLETED")
    ),
    RuleCase(TERMINAL, run, done, entry("COMPLETED", data={"type": "unpersisted"}), "keep"),
    RuleCase(TERMINAL, run, done, entry("COMPLETED", data={"storage_key": "new"}), "accept COMPLETED/Completed"),
    RuleCase(TERMINAL, run, done, entry("FAILED"), "accept FAILED/Failed"),
    RuleCase(TERMINAL, run, entry("FAILED"), entry("SCHEDULED"), "abort"),
    RuleCase(
        TERMINAL,
        deployed(),
        entry("FAILED"),
        scheduled,
        "accept SCHEDULED/Scheduled",
        (SetOnPolicy({**AFRESH, "retry_type": "reschedule"}),),
    ),
    RuleCase(
        TERMINAL,
        run,
        entry("COMPLETED", data="not a record"),
        running,
        "accept RUNNING/Running",
        (SetOnPolicy({**AFRESH, "retry_type": None}),),
    ),
    *(RuleCase(ENFORCE, run, entry("CANCELLING"), entry(to), "keep") for to in ("CANCELLING", "RUNNING", "COMPLETED")),
    RuleCase(ENFORCE, run, entry("CANCELLING"), entry("CANCELLED"), "accept CANCELLED/Cancelled"),
    RuleCase(ENFORCE, run, running, entry("CANCELLING"), "accept CANCELLING/Cancelling"),
    RuleCase(BYPASS, run, scheduled, entry("CANCELLING"), "reject CANCELLED/Cancelled"),
    RuleCase(BYPASS, flow_run(infrastructure_pid="1"), scheduled, entry("CANCELLING"), "accept CANCELLING/Cancelling"),
    RuleCase(
        BYPASS,
        flow_run(infrastructure_pid="1"),
        entry("SCHEDULED", "Resuming"),
        entry("CANCELLING"),
        "reject CANCELLED/Cancelled",
    ),
    RuleCase(BYPASS, flow_run(infrastructure_pid="1"), suspended, entry("CANCELLING"), "reject CANCELLED/Cancelled"),
    RuleCase(BYPASS, run, entry("PAUSED"), entry("CANCELLING"), "accept CANCELLING/Cancelling"),
    *(
        RuleCase(PENDING, run, entry(type_), entry("PENDING"), "abort")
        for type_ in ("PENDING", "RUNNING", "CANCELLED", "CANCELLING")
    ),
    RuleCase(PENDING, run, entry("PENDING", "Submitting"), entry("PENDING", "Submitting"), "abort"),
    RuleCase(PENDING, run, entry("RUNNING"), entry("PENDING", "Submitting"), "abort"),
    RuleCase(
        PENDING,
        run,
        entry_with_lease("PENDING", scheduled_time=NOW),
        entry("PENDING", "Submitting"),
        "accept PENDING/Submitting",
        details={"scheduled_time": NOW, **KEPT},
    ),
    RuleCase(PENDING, run, entry("FAILED"), entry("PENDING"), "accept PENDING/Pending"),
    RuleCase(VALIDATE, deployed(), entry("PENDING"), running, "accept RUNNING/Running", facts=limited()),
    RuleCase(VALIDATE, deployed(), entry_with_lease("PENDING"), running, "accept RUNNING/Running", details=KEPT),
    RuleCase(
        VALIDATE,
        deployed(),
        entry_with_lease("PENDING"),
        running,
        "accept RUNNING/Running",
        (RenewLease(LEASE),),
        KEPT,
        limited(lease_held=True),
    ),
    RuleCase(
        VALIDATE,
        deployed(),
        entry_with_lease("PENDING"),
        running,
        "accept RUNNING/Running",
        (TakeDeploymentSlot(NEW_LEASE),),
        TAKEN,
        limited(1),
    ),
    RuleCase(VALIDATE, deployed(), entry_with_lease("PENDING"), running, "reject CANCELLED/Cancelled", facts=limited()),
    *(
        RuleCase(
            VALIDATE,
            deployed(),
            entry_with_lease("PENDING"),
            running,
            "accept RUNNING/Running",
            details=KEPT,
            facts=limited(client_version=version),
        )
        for version in ("3.4.10", "2.20.1", None, "nonsense")
    ),
    RuleCase(SECURE, deployed(), scheduled, entry("PENDING"), "accept PENDING/Pending"),
    RuleCase(SECURE, run, scheduled, entry("PENDING"), "accept PENDING/Pending", facts=limited()),
    RuleCase(SECURE, deployed(), scheduled, entry("PENDING"), "abort", facts=limited(limit=0)),
    *(
        RuleCase(
            SECURE,
            deployed(),
            current,
            entry("PENDING"),
            "accept PENDING/Pending",
            (TakeDeploymentSlot(NEW_LEASE),),
            TAKEN,
            limited(1),
        )
        for current in (None, scheduled, entry("FAILED"), entry("PAUSED"))
    ),
    RuleCase(
        SECURE,
        deployed(),
        scheduled,
        entry("PENDING"),
        "reject SCHEDULED/AwaitingConcurrencySlot",
        details={"scheduled_time": after(30)},
        facts=limited(),
    ),
    RuleCase(
        SECURE,
        deployed(),
        scheduled,
        entry("PENDING"),
        "reject CANCELLED/Cancelled",
        facts=limited(deployment_strategy="CANCEL_NEW"),
    ),
    RuleCase(
        SECURE,
        deployed(),
        entry("PENDING"),
        entry("PENDING", "Submitting"),
        "accept PENDING/Submitting",
        facts=limited(),
    ),
    RuleCase(OLD, run, entry_with_lease("PENDING"), running, "accept RUNNING/Running", (RevokeLease(LEASE),)),
    RuleCase(
        OLD,
        run,
        entry_with_lease("PENDING"),
        entry("CANCELLING"),
        "accept CANCELLING/Cancelling",
        (RevokeLease(LEASE),),
        facts=facts(client_version="3.4.10rc1"),
    ),
    *(
        RuleCase(
            OLD,
            run,
            entry_with_lease("PENDING"),
            running,
            "accept RUNNING/Running",
            facts=facts(client_version=version),
        )
        for version in ("3.4.11", "3.8.4.dev6", "3.10.0", "4.0.0")
    ),
    RuleCase(OLD, run, entry("PENDING"), running, "accept RUNNING/Running"),
    RuleCase(LATE, run, scheduled, entry("SCHEDULED", "Late"), "accept SCHEDULED/Late"),
    RuleCase(LATE, run, entry("SCHEDULED", "Late"), entry("SCHEDULED", "Late"), "keep"),
    RuleCase(LATE, run, entry("PENDING"), entry("SCHEDULED", "Late"), "keep"),
    RuleCase(LATE, run, entry("PENDING"), entry("SCHEDULED"), "accept SCHEDULED/Scheduled"),
    RuleCase(LATE, run, None, entry("SCHEDULED"), "accept SCHEDULED/Scheduled"),
    RuleCase(PAUSE, run, None, entry("PAUSED"), "abort"),
    RuleCase(PAUSE, run, entry("PENDING"), entry("PAUSED"), "keep"),
    RuleCase(PAUSE, run, running, entry("PAUSED"), "accept PAUSED/Paused"),
    RuleCase(PAUSE, flow_run({"pause_keys": ["k"]}), running, entry("PAUSED", pause_key="k"), "keep"),
    RuleCase(
        PAUSE,
        flow_run({"pause_keys": ["j"]}),
        running,
        entry("PAUSED", pause_key="k"),
        "accept PAUSED/Paused",
        (RecordPauseKey("k"),),
        {"pause_key": "k"},
    ),
    RuleCase(PAUSE, run, running, suspended, "abort"),
    RuleCase(PAUSE, deployed(parent_task_run_id=PARENT), running, suspended, "abort"),
    RuleCase(PAUSE, deployed(), running, suspended, "accept PAUSED/Suspended", details={"pause_reschedule": True}),
    *(
        RuleCase(RESUME, run, entry("PAUSED"), entry(to), f"accept {to}/{to.capitalize()}", (MarkResuming(),))
        for to in ("RUNNING", "SCHEDULED", "CANCELLING", "COMPLETED", "FAILED")
    ),
    *(RuleCase(RESUME, run, entry("PAUSED"), entry(to), "keep") for to in ("PENDING", "PAUSED")),
    RuleCase(RESUME, run, suspended, scheduled, "keep"),
    RuleCase(RESUME, deployed(), suspended, scheduled, "accept SCHEDULED/Scheduled", (MarkResuming(),)),
    *(
        RuleCase(RESUME, run, entry("PAUSED", pause_timeout=after(-1)), entry(to), "reject FAILED/Failed")
        for to in ("RUNNING", "COMPLETED", "CANCELLED")
    ),
    RuleCase(
        RESUME,
        run,
        entry("PAUSED", pause_timeout=after(-1)),
        entry("CANCELLING"),
        "accept CANCELLING/Cancelling",
        (MarkResuming(),),
    ),
    RuleCase(
        RESUME, run, entry("PAUSED", pause_timeout=after(1)), running, "accept RUNNING/Running", (MarkResuming(),)
    ),
    RuleCase(
        "CopyScheduledTime",
        run,
        entry("SCHEDULED", scheduled_time=NOW),
        entry("PENDING"),
        "accept PENDING/Pending",
        details={"scheduled_time": NOW},
    ),
    RuleCase(
        "CopyScheduledTime",
        run,
        entry("SCHEDULED", scheduled_time=NOW),
        entry("PENDING", scheduled_time=after(9)),
        "accept PENDING/Pending",
        details={"scheduled_time": after(9)},
    ),
    *(
        RuleCase("WaitForScheduledTime", run, entry(type_, scheduled_time=after(seconds)), running, expected)
        for type_ in ("SCHEDULED", "PENDING")
        for seconds, expected in [
            (0.4, "accept RUNNING/Running"),
            (0.75, "wait 1"),
            (1.3, "wait 1"),
            (1.8, "wait 2"),
            (-5, "accept RUNNING/Running"),
        ]
    ),
    RuleCase("WaitForScheduledTime", run, scheduled, running, "accept RUNNING/Running"),
    RuleCase(RETRY, run, running, entry("FAILED"), "accept FAILED/Failed", (SetOnPolicy({"retry_type": None}),)),
    RuleCase(
        RETRY,
        flow_run({"retries": 1, "retry_delay": 5}),
        running,
        entry_with_lease("FAILED", data=STORED, transition_id=ONE),
        "reject SCHEDULED/AwaitingRetry",
        (RETRIED,),
        {"scheduled_time": after(5), **KEPT},
    ),
    RuleCase(
        RETRY,
        flow_run({"retries": 1}, run_count=2),
        running,
        entry("FAILED"),
        "accept FAILED/Failed",
        (SetOnPolicy({"retry_type": None}),),
    ),
    RuleCase(FULL_LATE, deployed(), scheduled, entry("SCHEDULED", "Late"), "accept SCHEDULED/Late", facts=limited()),
    RuleCase(
        FULL_LATE,
        deployed(),
        scheduled,
        entry("SCHEDULED", "Late"),
        "accept SCHEDULED/Late",
        facts=limited(1, deployment_strategy="CANCEL_NEW"),
    ),
    RuleCase(
        FULL_LATE,
        deployed(),
        scheduled,
        entry("SCHEDULED", "Late"),
        "reject CANCELLED/Cancelled",
        facts=limited(deployment_strategy="CANCEL_NEW"),
    ),
    RuleCase(
        FULL_LATE,
        deployed(),
        scheduled,
        entry("SCHEDULED"),
        "accept SCHEDULED/Scheduled",
        facts=limited(deployment_strategy="CANCEL_NEW"),
    ),
    RuleCase("PreventResultDataLoss", run, done, entry("COMPLETED"), "keep"),
    RuleCase("PreventResultDataLoss", run, done, entry("COMPLETED", data=STORED), "accept COMPLETED/Completed"),
    RuleCase("PreventResultDataLoss", run, entry("COMPLETED"), entry("COMPLETED"), "accept COMPLETED/Completed"),
    RuleCase("PreventResultDataLoss", run, done, entry("FAILED"), "accept FAILED/Failed"),
    RuleCase(
        "InstrumentFlowRunStateTransitions", run, None, scheduled, "accept SCHEDULED/Scheduled", (EmitStateEvent(),)
    ),
    *(
        RuleCase(
            RELEASE,
            deployed(),
            entry_with_lease(type_),
            entry(to),
            f"accept {to}/{to.capitalize()}",
            (ReleaseDeploymentSlot(LEASE),),
        )
        for type_ in ("PENDING", "RUNNING", "CANCELLING")
        for to in ("COMPLETED", "CRASHED", "PAUSED", "SCHEDULED")
    ),
    RuleCase(
        RELEASE,
        deployed(),
        running,
        entry("FAILED"),
        "accept FAILED/Failed",
        (ReleaseDeploymentSlot(None),),
        facts=limited(),
    ),
    RuleCase(RELEASE, deployed(), running, entry("FAILED"), "accept FAILED/Failed"),
    RuleCase(RELEASE, deployed(), entry_with_lease("PENDING"), running, "accept RUNNING/Running"),
    RuleCase(RELEASE, deployed(), entry_with_lease("SCHEDULED"), entry("CANCELLED"), "accept CANCELLED/Cancelled"),
    RuleCase(
        RELEASE,
        deployed(),
        entry_with_lease("RUNNING"),
        entry("SCHEDULED", "AwaitingRetry"),
        "accept SCHEDULED/AwaitingRetry",
        (ReleaseDeploymentSlot(LEASE),),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_flow_rule_verdict(case):
    case.check()


def test_every_flow_rule_has_a_case():
    named = {rule.name for policy in (CoreFlowPolicy, MarkLateRunsPolicy, MinimalFlowPolicy) for rule in policy.rules}
    assert {case.rule for case in CASES} == named


def test_retry_keeps_failure_message_and_slot():
    failed = entry("FAILED", data=STORED, message="boom")
    decision_facts = limited()
    verdict = decide(CoreFlowPolicy, deployed({"retries": 1}), entry_with_lease("RUNNING"), failed, decision_facts)
    assert (verdict.state.message, verdict.state.data, verdict.state.details) == (
        "boom",
        STORED,
        {"scheduled_time": NOW, **KEPT},
    )
    assert verdict.effects == (RETRIED, EmitStateEvent())
    verdict = decide(CoreFlowPolicy, deployed(), entry_with_lease("RUNNING"), failed, decision_facts)
    assert ReleaseDeploymentSlot(LEASE) in verdict.effects


def test_decide_raises_when_run_has_no_state_to_keep():
    with pytest.raises(NoStateToKeep, match="EnsureOnlyScheduledFlowsMarkedLate"):
        decide(single_rule_policy(LATE), run, None, entry("SCHEDULED", "Late"), facts())


def test_deployed_run_keeps_its_lease_until_end():
    taken = decide(CoreFlowPolicy, deployed(), scheduled, entry("PENDING"), limited(1))
    started = decide(CoreFlowPolicy, deployed(), taken.state, running, limited(lease_held=True))
    assert RenewLease(NEW_LEASE) in started.effects
    ended = decide(CoreFlowPolicy, deployed(), started.state, entry("COMPLETED"), limited())
    assert ReleaseDeploymentSlot(NEW_LEASE) in ended.effects
