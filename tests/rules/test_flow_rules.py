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
    facts,
    flow_run,
    limited,
    rule_state,
    rule_state_with_lease,
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
done, running, scheduled = rule_state("COMPLETED", data=STORED), rule_state("RUNNING"), rule_state("SCHEDULED")
suspended = rule_state("PAUSED", "Suspended", pause_reschedule=True)

RETRIED = SetOnPolicy({**AFRESH, "retry_type": "in_process"})
CASES = [
    RuleCase(
        PRESERVE,
        run,
        rule_state_with_lease("RUNNING"),
        rule_state("COMPLETED"),
        "accept COMPLETED/Completed",
        details=KEPT,
    ),
    RuleCase(PRESERVE, run, running, rule_state("COMPLETED"), "accept COMPLETED/Completed"),
    RuleCase(PRESERVE, run, None, rule_state("PENDING"), "accept PENDING/Pending"),
    RuleCase(
        PRESERVE,
        run,
        rule_state_with_lease("PENDING"),
        rule_state("RUNNING", deployment_concurrency_lease_id=NEW_LEASE),
        "accept RUNNING/Running",
        details=TAKEN,
    ),
    RuleCase(
        DUPLICATE, run, rule_state("PENDING", transition_id=ONE), rule_state("RUNNING", transition_id=ONE), "keep"
    ),
    RuleCase(
        DUPLICATE,
        run,
        rule_state("PENDING", transition_id=ONE),
        rule_state("RUNNING", transition_id=TWO),
        "accept RUNNING/Running",
        details={"transition_id": TWO},
    ),
    RuleCase(DUPLICATE, run, rule_state("PENDING"), running, "accept RUNNING/Running"),
    *(
        RuleCase(TERMINAL, run, rule_state("FAILED"), rule_state(to), "abort")
        for to in ("CANCELLING", "PAUSED", "CRASHED")
    ),
    *(
        RuleCase(TERMINAL, deployed(), done, rule_state(to), "keep")
        for to in ("RUNNING", "PENDING", "SCHEDULED", "COMPLETED")
    ),
    RuleCase(TERMINAL, run, done, rule_state("COMPLETED", data={"type": "unpersisted"}), "keep"),
    RuleCase(TERMINAL, run, done, rule_state("COMPLETED", data={"storage_key": "new"}), "accept COMPLETED/Completed"),
    RuleCase(TERMINAL, run, done, rule_state("FAILED"), "accept FAILED/Failed"),
    RuleCase(TERMINAL, run, rule_state("FAILED"), rule_state("SCHEDULED"), "abort"),
    RuleCase(
        TERMINAL,
        deployed(),
        rule_state("FAILED"),
        scheduled,
        "accept SCHEDULED/Scheduled",
        (SetOnPolicy({**AFRESH, "retry_type": "reschedule"}),),
    ),
    RuleCase(
        TERMINAL,
        run,
        rule_state("COMPLETED", data="not a record"),
        running,
        "accept RUNNING/Running",
        (SetOnPolicy({**AFRESH, "retry_type": None}),),
    ),
    *(
        RuleCase(ENFORCE, run, rule_state("CANCELLING"), rule_state(to), "keep")
        for to in ("CANCELLING", "RUNNING", "COMPLETED")
    ),
    RuleCase(ENFORCE, run, rule_state("CANCELLING"), rule_state("CANCELLED"), "accept CANCELLED/Cancelled"),
    RuleCase(ENFORCE, run, running, rule_state("CANCELLING"), "accept CANCELLING/Cancelling"),
    RuleCase(BYPASS, run, scheduled, rule_state("CANCELLING"), "reject CANCELLED/Cancelled"),
    RuleCase(
        BYPASS, flow_run(infrastructure_pid="1"), scheduled, rule_state("CANCELLING"), "accept CANCELLING/Cancelling"
    ),
    RuleCase(
        BYPASS,
        flow_run(infrastructure_pid="1"),
        rule_state("SCHEDULED", "Resuming"),
        rule_state("CANCELLING"),
        "reject CANCELLED/Cancelled",
    ),
    RuleCase(
        BYPASS, flow_run(infrastructure_pid="1"), suspended, rule_state("CANCELLING"), "reject CANCELLED/Cancelled"
    ),
    RuleCase(BYPASS, run, rule_state("PAUSED"), rule_state("CANCELLING"), "accept CANCELLING/Cancelling"),
    *(
        RuleCase(PENDING, run, rule_state(type_), rule_state("PENDING"), "abort")
        for type_ in ("PENDING", "RUNNING", "CANCELLED", "CANCELLING")
    ),
    RuleCase(PENDING, run, rule_state("PENDING", "Submitting"), rule_state("PENDING", "Submitting"), "abort"),
    RuleCase(PENDING, run, rule_state("RUNNING"), rule_state("PENDING", "Submitting"), "abort"),
    RuleCase(
        PENDING,
        run,
        rule_state_with_lease("PENDING", scheduled_time=NOW),
        rule_state("PENDING", "Submitting"),
        "accept PENDING/Submitting",
        details={"scheduled_time": NOW, **KEPT},
    ),
    RuleCase(PENDING, run, rule_state("FAILED"), rule_state("PENDING"), "accept PENDING/Pending"),
    RuleCase(VALIDATE, deployed(), rule_state("PENDING"), running, "accept RUNNING/Running", facts=limited()),
    RuleCase(VALIDATE, deployed(), rule_state_with_lease("PENDING"), running, "accept RUNNING/Running", details=KEPT),
    RuleCase(
        VALIDATE,
        deployed(),
        rule_state_with_lease("PENDING"),
        running,
        "accept RUNNING/Running",
        (RenewLease(LEASE),),
        KEPT,
        limited(lease_held=True),
    ),
    RuleCase(
        VALIDATE,
        deployed(),
        rule_state_with_lease("PENDING"),
        running,
        "accept RUNNING/Running",
        (TakeDeploymentSlot(NEW_LEASE),),
        TAKEN,
        limited(1),
    ),
    RuleCase(
        VALIDATE, deployed(), rule_state_with_lease("PENDING"), running, "reject CANCELLED/Cancelled", facts=limited()
    ),
    *(
        RuleCase(
            VALIDATE,
            deployed(),
            rule_state_with_lease("PENDING"),
            running,
            "accept RUNNING/Running",
            details=KEPT,
            facts=limited(client_version=version),
        )
        for version in ("3.4.10", "2.20.1", None, "nonsense")
    ),
    RuleCase(SECURE, deployed(), scheduled, rule_state("PENDING"), "accept PENDING/Pending"),
    RuleCase(SECURE, run, scheduled, rule_state("PENDING"), "accept PENDING/Pending", facts=limited()),
    RuleCase(SECURE, deployed(), scheduled, rule_state("PENDING"), "abort", facts=limited(limit=0)),
    *(
        RuleCase(
            SECURE,
            deployed(),
            current,
            rule_state("PENDING"),
            "accept PENDING/Pending",
            (TakeDeploymentSlot(NEW_LEASE),),
            TAKEN,
            limited(1),
        )
        for current in (None, scheduled, rule_state("FAILED"), rule_state("PAUSED"))
    ),
    RuleCase(
        SECURE,
        deployed(),
        scheduled,
        rule_state("PENDING"),
        "reject SCHEDULED/AwaitingConcurrencySlot",
        details={"scheduled_time": after(30)},
        facts=limited(),
    ),
    RuleCase(
        SECURE,
        deployed(),
        scheduled,
        rule_state("PENDING"),
        "reject CANCELLED/Cancelled",
        facts=limited(deployment_strategy="CANCEL_NEW"),
    ),
    RuleCase(
        SECURE,
        deployed(),
        rule_state("PENDING"),
        rule_state("PENDING", "Submitting"),
        "accept PENDING/Submitting",
        facts=limited(),
    ),
    RuleCase(OLD, run, rule_state_with_lease("PENDING"), running, "accept RUNNING/Running", (RevokeLease(LEASE),)),
    RuleCase(
        OLD,
        run,
        rule_state_with_lease("PENDING"),
        rule_state("CANCELLING"),
        "accept CANCELLING/Cancelling",
        (RevokeLease(LEASE),),
        facts=facts(client_version="3.4.10rc1"),
    ),
    *(
        RuleCase(
            OLD,
            run,
            rule_state_with_lease("PENDING"),
            running,
            "accept RUNNING/Running",
            facts=facts(client_version=version),
        )
        for version in ("3.4.11", "3.8.4.dev6", "3.10.0", "4.0.0")
    ),
    RuleCase(OLD, run, rule_state("PENDING"), running, "accept RUNNING/Running"),
    RuleCase(LATE, run, scheduled, rule_state("SCHEDULED", "Late"), "accept SCHEDULED/Late"),
    RuleCase(LATE, run, rule_state("SCHEDULED", "Late"), rule_state("SCHEDULED", "Late"), "keep"),
    RuleCase(LATE, run, rule_state("PENDING"), rule_state("SCHEDULED", "Late"), "keep"),
    RuleCase(LATE, run, rule_state("PENDING"), rule_state("SCHEDULED"), "accept SCHEDULED/Scheduled"),
    RuleCase(LATE, run, None, rule_state("SCHEDULED"), "accept SCHEDULED/Scheduled"),
    RuleCase(PAUSE, run, None, rule_state("PAUSED"), "abort"),
    RuleCase(PAUSE, run, rule_state("PENDING"), rule_state("PAUSED"), "keep"),
    RuleCase(PAUSE, run, running, rule_state("PAUSED"), "accept PAUSED/Paused"),
    RuleCase(PAUSE, flow_run({"pause_keys": ["k"]}), running, rule_state("PAUSED", pause_key="k"), "keep"),
    RuleCase(
        PAUSE,
        flow_run({"pause_keys": ["j"]}),
        running,
        rule_state("PAUSED", pause_key="k"),
        "accept PAUSED/Paused",
        (RecordPauseKey("k"),),
        {"pause_key": "k"},
    ),
    RuleCase(PAUSE, run, running, suspended, "abort"),
    RuleCase(PAUSE, deployed(parent_task_run_id=PARENT), running, suspended, "abort"),
    RuleCase(PAUSE, deployed(), running, suspended, "accept PAUSED/Suspended", details={"pause_reschedule": True}),
    *(
        RuleCase(RESUME, run, rule_state("PAUSED"), rule_state(to), f"accept {to}/{to.capitalize()}", (MarkResuming(),))
        for to in ("RUNNING", "SCHEDULED", "CANCELLING", "COMPLETED", "FAILED")
    ),
    *(RuleCase(RESUME, run, rule_state("PAUSED"), rule_state(to), "keep") for to in ("PENDING", "PAUSED")),
    RuleCase(RESUME, run, suspended, scheduled, "keep"),
    RuleCase(RESUME, deployed(), suspended, scheduled, "accept SCHEDULED/Scheduled", (MarkResuming(),)),
    *(
        RuleCase(RESUME, run, rule_state("PAUSED", pause_timeout=after(-1)), rule_state(to), "reject FAILED/Failed")
        for to in ("RUNNING", "COMPLETED", "CANCELLED")
    ),
    RuleCase(
        RESUME,
        run,
        rule_state("PAUSED", pause_timeout=after(-1)),
        rule_state("CANCELLING"),
        "accept CANCELLING/Cancelling",
        (MarkResuming(),),
    ),
    RuleCase(
        RESUME, run, rule_state("PAUSED", pause_timeout=after(1)), running, "accept RUNNING/Running", (MarkResuming(),)
    ),
    RuleCase(
        "CopyScheduledTime",
        run,
        rule_state("SCHEDULED", scheduled_time=NOW),
        rule_state("PENDING"),
        "accept PENDING/Pending",
        details={"scheduled_time": NOW},
    ),
    RuleCase(
        "CopyScheduledTime",
        run,
        rule_state("SCHEDULED", scheduled_time=NOW),
        rule_state("PENDING", scheduled_time=after(9)),
        "accept PENDING/Pending",
        details={"scheduled_time": after(9)},
    ),
    *(
        RuleCase("WaitForScheduledTime", run, rule_state(type_, scheduled_time=after(seconds)), running, expected)
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
    RuleCase(RETRY, run, running, rule_state("FAILED"), "accept FAILED/Failed", (SetOnPolicy({"retry_type": None}),)),
    RuleCase(
        RETRY,
        flow_run({"retries": 1, "retry_delay": 5}),
        running,
        rule_state_with_lease("FAILED", data=STORED, transition_id=ONE),
        "reject SCHEDULED/AwaitingRetry",
        (RETRIED,),
        {"scheduled_time": after(5), **KEPT},
    ),
    RuleCase(
        RETRY,
        flow_run({"retries": 1}, run_count=2),
        running,
        rule_state("FAILED"),
        "accept FAILED/Failed",
        (SetOnPolicy({"retry_type": None}),),
    ),
    RuleCase(
        FULL_LATE, deployed(), scheduled, rule_state("SCHEDULED", "Late"), "accept SCHEDULED/Late", facts=limited()
    ),
    RuleCase(
        FULL_LATE,
        deployed(),
        scheduled,
        rule_state("SCHEDULED", "Late"),
        "accept SCHEDULED/Late",
        facts=limited(1, deployment_strategy="CANCEL_NEW"),
    ),
    RuleCase(
        FULL_LATE,
        deployed(),
        scheduled,
        rule_state("SCHEDULED", "Late"),
        "reject CANCELLED/Cancelled",
        facts=limited(deployment_strategy="CANCEL_NEW"),
    ),
    RuleCase(
        FULL_LATE,
        deployed(),
        scheduled,
        rule_state("SCHEDULED"),
        "accept SCHEDULED/Scheduled",
        facts=limited(deployment_strategy="CANCEL_NEW"),
    ),
    RuleCase("PreventResultDataLoss", run, done, rule_state("COMPLETED"), "keep"),
    RuleCase("PreventResultDataLoss", run, done, rule_state("COMPLETED", data=STORED), "accept COMPLETED/Completed"),
    RuleCase(
        "PreventResultDataLoss", run, rule_state("COMPLETED"), rule_state("COMPLETED"), "accept COMPLETED/Completed"
    ),
    RuleCase("PreventResultDataLoss", run, done, rule_state("FAILED"), "accept FAILED/Failed"),
    RuleCase(
        "InstrumentFlowRunStateTransitions", run, None, scheduled, "accept SCHEDULED/Scheduled", (EmitStateEvent(),)
    ),
    *(
        RuleCase(
            RELEASE,
            deployed(),
            rule_state_with_lease(type_),
            rule_state(to),
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
        rule_state("FAILED"),
        "accept FAILED/Failed",
        (ReleaseDeploymentSlot(None),),
        facts=limited(),
    ),
    RuleCase(RELEASE, deployed(), running, rule_state("FAILED"), "accept FAILED/Failed"),
    RuleCase(RELEASE, deployed(), rule_state_with_lease("PENDING"), running, "accept RUNNING/Running"),
    RuleCase(
        RELEASE, deployed(), rule_state_with_lease("SCHEDULED"), rule_state("CANCELLED"), "accept CANCELLED/Cancelled"
    ),
    RuleCase(
        RELEASE,
        deployed(),
        rule_state_with_lease("RUNNING"),
        rule_state("SCHEDULED", "AwaitingRetry"),
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
    failed = rule_state("FAILED", data=STORED, message="boom")
    decision_facts = limited()
    verdict = decide(CoreFlowPolicy, deployed({"retries": 1}), rule_state_with_lease("RUNNING"), failed, decision_facts)
    assert (verdict.state.message, verdict.state.data, verdict.state.details) == (
        "boom",
        STORED,
        {"scheduled_time": NOW, **KEPT},
    )
    assert verdict.effects == (RETRIED, EmitStateEvent())
    verdict = decide(CoreFlowPolicy, deployed(), rule_state_with_lease("RUNNING"), failed, decision_facts)
    assert ReleaseDeploymentSlot(LEASE) in verdict.effects


def test_decide_raises_when_run_has_no_state_to_keep():
    with pytest.raises(NoStateToKeep, match="EnsureOnlyScheduledFlowsMarkedLate"):
        decide(single_rule_policy(LATE), run, None, rule_state("SCHEDULED", "Late"), facts())


def test_deployed_run_keeps_its_lease_until_end():
    taken = decide(CoreFlowPolicy, deployed(), scheduled, rule_state("PENDING"), limited(1))
    started = decide(CoreFlowPolicy, deployed(), taken.state, running, limited(lease_held=True))
    assert RenewLease(NEW_LEASE) in started.effects
    ended = decide(CoreFlowPolicy, deployed(), started.state, rule_state("COMPLETED"), limited())
    assert ReleaseDeploymentSlot(NEW_LEASE) in ended.effects
