"""Every rule for flow runs, by itself: what it says of a change of state and what it asks for."""

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
from tests.rules.judging import Trial, alone
from tests.rules.making import (
    LEASE,
    NEW_LEASE,
    NOW,
    PARENT,
    STORED,
    after,
    deployed,
    entry,
    facts,
    flow_run,
    held,
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
TRIALS = [
    Trial(PRESERVE, run, held("RUNNING"), entry("COMPLETED"), "accept COMPLETED/Completed", details=KEPT),
    Trial(PRESERVE, run, running, entry("COMPLETED"), "accept COMPLETED/Completed"),
    Trial(PRESERVE, run, None, entry("PENDING"), "accept PENDING/Pending"),
    Trial(
        PRESERVE,
        run,
        held("PENDING"),
        entry("RUNNING", deployment_concurrency_lease_id=NEW_LEASE),
        "accept RUNNING/Running",
        details=TAKEN,
    ),
    Trial(DUPLICATE, run, entry("PENDING", transition_id=ONE), entry("RUNNING", transition_id=ONE), "keep"),
    Trial(
        DUPLICATE,
        run,
        entry("PENDING", transition_id=ONE),
        entry("RUNNING", transition_id=TWO),
        "accept RUNNING/Running",
        details={"transition_id": TWO},
    ),
    Trial(DUPLICATE, run, entry("PENDING"), running, "accept RUNNING/Running"),
    *(Trial(TERMINAL, run, entry("FAILED"), entry(to), "abort") for to in ("CANCELLING", "PAUSED", "CRASHED")),
    *(Trial(TERMINAL, deployed(), done, entry(to), "keep") for to in ("RUNNING", "PENDING", "SCHEDULED", "COMPLETED")),
    Trial(TERMINAL, run, done, entry("COMPLETED", data={"type": "unpersisted"}), "keep"),
    Trial(TERMINAL, run, done, entry("COMPLETED", data={"storage_key": "new"}), "accept COMPLETED/Completed"),
    Trial(TERMINAL, run, done, entry("FAILED"), "accept FAILED/Failed"),
    Trial(TERMINAL, run, entry("FAILED"), entry("SCHEDULED"), "abort"),
    Trial(
        TERMINAL,
        deployed(),
        entry("FAILED"),
        scheduled,
        "accept SCHEDULED/Scheduled",
        (SetOnPolicy({**AFRESH, "retry_type": "reschedule"}),),
    ),
    Trial(
        TERMINAL,
        run,
        entry("COMPLETED", data="not a record"),
        running,
        "accept RUNNING/Running",
        (SetOnPolicy({**AFRESH, "retry_type": None}),),
    ),
    *(Trial(ENFORCE, run, entry("CANCELLING"), entry(to), "keep") for to in ("CANCELLING", "RUNNING", "COMPLETED")),
    Trial(ENFORCE, run, entry("CANCELLING"), entry("CANCELLED"), "accept CANCELLED/Cancelled"),
    Trial(ENFORCE, run, running, entry("CANCELLING"), "accept CANCELLING/Cancelling"),
    Trial(BYPASS, run, scheduled, entry("CANCELLING"), "reject CANCELLED/Cancelled"),
    Trial(BYPASS, flow_run(infrastructure_pid="1"), scheduled, entry("CANCELLING"), "accept CANCELLING/Cancelling"),
    Trial(
        BYPASS,
        flow_run(infrastructure_pid="1"),
        entry("SCHEDULED", "Resuming"),
        entry("CANCELLING"),
        "reject CANCELLED/Cancelled",
    ),
    Trial(BYPASS, flow_run(infrastructure_pid="1"), suspended, entry("CANCELLING"), "reject CANCELLED/Cancelled"),
    Trial(BYPASS, run, entry("PAUSED"), entry("CANCELLING"), "accept CANCELLING/Cancelling"),
    *(
        Trial(PENDING, run, entry(of), entry("PENDING"), "abort")
        for of in ("PENDING", "RUNNING", "CANCELLED", "CANCELLING")
    ),
    Trial(PENDING, run, entry("PENDING", "Submitting"), entry("PENDING", "Submitting"), "abort"),
    Trial(PENDING, run, entry("RUNNING"), entry("PENDING", "Submitting"), "abort"),
    Trial(
        PENDING,
        run,
        held("PENDING", scheduled_time=NOW),
        entry("PENDING", "Submitting"),
        "accept PENDING/Submitting",
        details={"scheduled_time": NOW, **KEPT},
    ),
    Trial(PENDING, run, entry("FAILED"), entry("PENDING"), "accept PENDING/Pending"),
    Trial(VALIDATE, deployed(), entry("PENDING"), running, "accept RUNNING/Running", facts=limited()),
    Trial(VALIDATE, deployed(), held("PENDING"), running, "accept RUNNING/Running", details=KEPT),
    Trial(
        VALIDATE,
        deployed(),
        held("PENDING"),
        running,
        "accept RUNNING/Running",
        (RenewLease(LEASE),),
        KEPT,
        limited(lease_held=True),
    ),
    Trial(
        VALIDATE,
        deployed(),
        held("PENDING"),
        running,
        "accept RUNNING/Running",
        (TakeDeploymentSlot(NEW_LEASE),),
        TAKEN,
        limited(1),
    ),
    Trial(VALIDATE, deployed(), held("PENDING"), running, "reject CANCELLED/Cancelled", facts=limited()),
    *(
        Trial(
            VALIDATE,
            deployed(),
            held("PENDING"),
            running,
            "accept RUNNING/Running",
            details=KEPT,
            facts=limited(client_version=version),
        )
        for version in ("3.4.10", "2.20.1", None, "nonsense")
    ),
    Trial(SECURE, deployed(), scheduled, entry("PENDING"), "accept PENDING/Pending"),
    Trial(SECURE, run, scheduled, entry("PENDING"), "accept PENDING/Pending", facts=limited()),
    Trial(SECURE, deployed(), scheduled, entry("PENDING"), "abort", facts=limited(limit=0)),
    *(
        Trial(
            SECURE,
            deployed(),
            of,
            entry("PENDING"),
            "accept PENDING/Pending",
            (TakeDeploymentSlot(NEW_LEASE),),
            TAKEN,
            limited(1),
        )
        for of in (None, scheduled, entry("FAILED"), entry("PAUSED"))
    ),
    Trial(
        SECURE,
        deployed(),
        scheduled,
        entry("PENDING"),
        "reject SCHEDULED/AwaitingConcurrencySlot",
        details={"scheduled_time": after(30)},
        facts=limited(),
    ),
    Trial(
        SECURE,
        deployed(),
        scheduled,
        entry("PENDING"),
        "reject CANCELLED/Cancelled",
        facts=limited(deployment_strategy="CANCEL_NEW"),
    ),
    Trial(
        SECURE,
        deployed(),
        entry("PENDING"),
        entry("PENDING", "Submitting"),
        "accept PENDING/Submitting",
        facts=limited(),
    ),
    Trial(OLD, run, held("PENDING"), running, "accept RUNNING/Running", (RevokeLease(LEASE),)),
    Trial(
        OLD,
        run,
        held("PENDING"),
        entry("CANCELLING"),
        "accept CANCELLING/Cancelling",
        (RevokeLease(LEASE),),
        facts=facts(client_version="3.4.10rc1"),
    ),
    *(
        Trial(OLD, run, held("PENDING"), running, "accept RUNNING/Running", facts=facts(client_version=version))
        for version in ("3.4.11", "3.8.4.dev6", "3.10.0", "4.0.0")
    ),
    Trial(OLD, run, entry("PENDING"), running, "accept RUNNING/Running"),
    Trial(LATE, run, scheduled, entry("SCHEDULED", "Late"), "accept SCHEDULED/Late"),
    Trial(LATE, run, entry("SCHEDULED", "Late"), entry("SCHEDULED", "Late"), "keep"),
    Trial(LATE, run, entry("PENDING"), entry("SCHEDULED", "Late"), "keep"),
    Trial(LATE, run, entry("PENDING"), entry("SCHEDULED"), "accept SCHEDULED/Scheduled"),
    Trial(LATE, run, None, entry("SCHEDULED"), "accept SCHEDULED/Scheduled"),
    Trial(PAUSE, run, None, entry("PAUSED"), "abort"),
    Trial(PAUSE, run, entry("PENDING"), entry("PAUSED"), "keep"),
    Trial(PAUSE, run, running, entry("PAUSED"), "accept PAUSED/Paused"),
    Trial(PAUSE, flow_run({"pause_keys": ["k"]}), running, entry("PAUSED", pause_key="k"), "keep"),
    Trial(
        PAUSE,
        flow_run({"pause_keys": ["j"]}),
        running,
        entry("PAUSED", pause_key="k"),
        "accept PAUSED/Paused",
        (RecordPauseKey("k"),),
        {"pause_key": "k"},
    ),
    Trial(PAUSE, run, running, suspended, "abort"),
    Trial(PAUSE, deployed(parent_task_run_id=PARENT), running, suspended, "abort"),
    Trial(PAUSE, deployed(), running, suspended, "accept PAUSED/Suspended", details={"pause_reschedule": True}),
    *(
        Trial(RESUME, run, entry("PAUSED"), entry(to), f"accept {to}/{to.capitalize()}", (MarkResuming(),))
        for to in ("RUNNING", "SCHEDULED", "CANCELLING", "COMPLETED", "FAILED")
    ),
    *(Trial(RESUME, run, entry("PAUSED"), entry(to), "keep") for to in ("PENDING", "PAUSED")),
    Trial(RESUME, run, suspended, scheduled, "keep"),
    Trial(RESUME, deployed(), suspended, scheduled, "accept SCHEDULED/Scheduled", (MarkResuming(),)),
    *(
        Trial(RESUME, run, entry("PAUSED", pause_timeout=after(-1)), entry(to), "reject FAILED/Failed")
        for to in ("RUNNING", "COMPLETED", "CANCELLED")
    ),
    Trial(
        RESUME,
        run,
        entry("PAUSED", pause_timeout=after(-1)),
        entry("CANCELLING"),
        "accept CANCELLING/Cancelling",
        (MarkResuming(),),
    ),
    Trial(RESUME, run, entry("PAUSED", pause_timeout=after(1)), running, "accept RUNNING/Running", (MarkResuming(),)),
    Trial(
        "CopyScheduledTime",
        run,
        entry("SCHEDULED", scheduled_time=NOW),
        entry("PENDING"),
        "accept PENDING/Pending",
        details={"scheduled_time": NOW},
    ),
    Trial(
        "CopyScheduledTime",
        run,
        entry("SCHEDULED", scheduled_time=NOW),
        entry("PENDING", scheduled_time=after(9)),
        "accept PENDING/Pending",
        details={"scheduled_time": after(9)},
    ),
    *(
        Trial("WaitForScheduledTime", run, entry(of, scheduled_time=after(seconds)), running, expected)
        for of in ("SCHEDULED", "PENDING")
        for seconds, expected in [
            (0.4, "accept RUNNING/Running"),
            (0.75, "wait 1"),
            (1.3, "wait 1"),
            (1.8, "wait 2"),
            (-5, "accept RUNNING/Running"),
        ]
    ),
    Trial("WaitForScheduledTime", run, scheduled, running, "accept RUNNING/Running"),
    Trial(RETRY, run, running, entry("FAILED"), "accept FAILED/Failed", (SetOnPolicy({"retry_type": None}),)),
    Trial(
        RETRY,
        flow_run({"retries": 1, "retry_delay": 5}),
        running,
        held("FAILED", data=STORED, transition_id=ONE),
        "reject SCHEDULED/AwaitingRetry",
        (RETRIED,),
        {"scheduled_time": after(5), **KEPT},
    ),
    Trial(
        RETRY,
        flow_run({"retries": 1}, run_count=2),
        running,
        entry("FAILED"),
        "accept FAILED/Failed",
        (SetOnPolicy({"retry_type": None}),),
    ),
    Trial(FULL_LATE, deployed(), scheduled, entry("SCHEDULED", "Late"), "accept SCHEDULED/Late", facts=limited()),
    Trial(
        FULL_LATE,
        deployed(),
        scheduled,
        entry("SCHEDULED", "Late"),
        "accept SCHEDULED/Late",
        facts=limited(1, deployment_strategy="CANCEL_NEW"),
    ),
    Trial(
        FULL_LATE,
        deployed(),
        scheduled,
        entry("SCHEDULED", "Late"),
        "reject CANCELLED/Cancelled",
        facts=limited(deployment_strategy="CANCEL_NEW"),
    ),
    Trial(
        FULL_LATE,
        deployed(),
        scheduled,
        entry("SCHEDULED"),
        "accept SCHEDULED/Scheduled",
        facts=limited(deployment_strategy="CANCEL_NEW"),
    ),
    Trial("PreventResultDataLoss", run, done, entry("COMPLETED"), "keep"),
    Trial("PreventResultDataLoss", run, done, entry("COMPLETED", data=STORED), "accept COMPLETED/Completed"),
    Trial("PreventResultDataLoss", run, entry("COMPLETED"), entry("COMPLETED"), "accept COMPLETED/Completed"),
    Trial("PreventResultDataLoss", run, done, entry("FAILED"), "accept FAILED/Failed"),
    Trial("InstrumentFlowRunStateTransitions", run, None, scheduled, "accept SCHEDULED/Scheduled", (EmitStateEvent(),)),
    *(
        Trial(
            RELEASE, deployed(), held(of), entry(to), f"accept {to}/{to.capitalize()}", (ReleaseDeploymentSlot(LEASE),)
        )
        for of in ("PENDING", "RUNNING", "CANCELLING")
        for to in ("COMPLETED", "CRASHED", "PAUSED", "SCHEDULED")
    ),
    Trial(
        RELEASE,
        deployed(),
        running,
        entry("FAILED"),
        "accept FAILED/Failed",
        (ReleaseDeploymentSlot(None),),
        facts=limited(),
    ),
    Trial(RELEASE, deployed(), running, entry("FAILED"), "accept FAILED/Failed"),
    Trial(RELEASE, deployed(), held("PENDING"), running, "accept RUNNING/Running"),
    Trial(RELEASE, deployed(), held("SCHEDULED"), entry("CANCELLED"), "accept CANCELLED/Cancelled"),
    Trial(
        RELEASE,
        deployed(),
        held("RUNNING"),
        entry("SCHEDULED", "AwaitingRetry"),
        "accept SCHEDULED/AwaitingRetry",
        (ReleaseDeploymentSlot(LEASE),),
    ),
]


@pytest.mark.parametrize("trial", TRIALS, ids=str)
def test_a_rule_by_itself(trial):
    trial.check()


def test_every_rule_is_tried():
    named = {rule.name for policy in (CoreFlowPolicy, MarkLateRunsPolicy, MinimalFlowPolicy) for rule in policy.rules}
    assert {trial.rule for trial in TRIALS} == named


def test_a_retry_keeps_what_the_failure_said_and_its_slot():
    failed = entry("FAILED", data=STORED, message="boom")
    told = limited()
    verdict = decide(CoreFlowPolicy, deployed({"retries": 1}), held("RUNNING"), failed, told)
    assert (verdict.state.message, verdict.state.data, verdict.state.details) == (
        "boom",
        STORED,
        {"scheduled_time": NOW, **KEPT},
    )
    assert verdict.effects == (RETRIED, EmitStateEvent())
    verdict = decide(CoreFlowPolicy, deployed(), held("RUNNING"), failed, told)
    assert ReleaseDeploymentSlot(LEASE) in verdict.effects


def test_a_run_without_a_state_has_none_to_keep():
    with pytest.raises(NoStateToKeep, match="EnsureOnlyScheduledFlowsMarkedLate"):
        decide(alone(LATE), run, None, entry("SCHEDULED", "Late"), facts())


def test_a_deployed_run_goes_on_with_the_lease_it_took():
    taken = decide(CoreFlowPolicy, deployed(), scheduled, entry("PENDING"), limited(1))
    started = decide(CoreFlowPolicy, deployed(), taken.state, running, limited(lease_held=True))
    assert RenewLease(NEW_LEASE) in started.effects
    ended = decide(CoreFlowPolicy, deployed(), started.state, entry("COMPLETED"), limited())
    assert ReleaseDeploymentSlot(NEW_LEASE) in ended.effects
