"""The verdict and the effects of each task rule."""

from datetime import timedelta
from uuid import UUID

import pytest

from prefect.rules import (
    BackgroundTaskPolicy,
    CoreTaskPolicy,
    Enqueue,
    MinimalTaskPolicy,
    ReleaseSlots,
    SetOnRun,
    StoreCacheKey,
    TagLimit,
    TakeSlots,
    decide,
)
from tests.rules.cases import RuleCase, describe_verdict, single_rule_policy
from tests.rules.factories import NOW, STORED, after, facts, rule_state, task_run

CACHE, TERMINAL = "CacheRetrieval", "HandleTaskTerminalStateTransitions"
FLOW, SLOTS = "PreventRunningTasksFromStoppedFlows", "SecureTaskConcurrencySlots"
RETRY, RENAME, TRACK = "RetryFailedTasks", "RenameReruns", "UpdateFlowRunTrackerOnTasks"
INSERT, RELEASE, QUEUE = "CacheInsertion", "ReleaseTaskConcurrencySlots", "EnqueueScheduledTasks"
PENDING, PARAMETERS = "PreventPendingTransitions", "CopyTaskParametersID"

run, standalone_run = task_run(), task_run(flow_run_id=None)
running, failed = rule_state("RUNNING"), rule_state("FAILED")
RUNNING, COMPLETED = "accept RUNNING/Running", "accept COMPLETED/Completed"
known = facts(cached=rule_state("COMPLETED", data=STORED, cache_key="k"))
zero = SetOnRun({"run_count": 0})
ID = UUID(int=77)


def limits(*free: int, limit: int = 1, held: bool = False):
    return facts(tag_limits=tuple(TagLimit(f"tag:{n}", limit, each, held) for n, each in enumerate(free)))


CASES = [
    RuleCase(
        CACHE,
        run,
        None,
        rule_state("RUNNING", cache_key="k"),
        "reject COMPLETED/Cached",
        details={"cache_key": "k"},
        facts=known,
    ),
    RuleCase(CACHE, run, None, rule_state("RUNNING", cache_key="k"), RUNNING, details={"cache_key": "k"}),
    RuleCase(CACHE, run, None, rule_state("RUNNING"), RUNNING, facts=known),
    RuleCase(
        CACHE,
        run,
        None,
        rule_state("RUNNING", cache_key="k", refresh_cache=True),
        RUNNING,
        details={"cache_key": "k", "refresh_cache": True},
        facts=known,
    ),
    *(RuleCase(TERMINAL, run, failed, rule_state(to), "abort") for to in ("CANCELLING", "PAUSED", "CRASHED")),
    *(
        RuleCase(TERMINAL, run, rule_state("COMPLETED", data=STORED), rule_state(to, data=STORED), "keep")
        for to in ("RUNNING", "PENDING", "COMPLETED", "FAILED")
    ),
    RuleCase(
        TERMINAL,
        run,
        rule_state("COMPLETED", data={"type": "unpersisted"}),
        rule_state("PENDING"),
        "accept PENDING/Pending",
        (zero,),
    ),
    RuleCase(TERMINAL, run, failed, running, RUNNING, (zero,)),
    RuleCase(TERMINAL, run, failed, running, "accept RUNNING/Retrying", (zero,), facts=facts(flow_run_run_count=2)),
    RuleCase(TERMINAL, run, failed, rule_state("SCHEDULED"), "accept SCHEDULED/Scheduled", (zero,)),
    RuleCase(TERMINAL, run, failed, rule_state("COMPLETED"), COMPLETED),
    RuleCase(FLOW, run, None, running, RUNNING),
    RuleCase(FLOW, standalone_run, None, running, RUNNING, facts=facts(flow_run_state=None)),
    *(
        RuleCase(FLOW, run, None, running, "abort", facts=facts(flow_run_state=state))
        for state in (None, "PENDING", "CANCELLING", "COMPLETED")
    ),
    RuleCase(FLOW, run, None, running, "reject PAUSED/NotReady", facts=facts(flow_run_state="PAUSED")),
    RuleCase(SLOTS, run, None, running, RUNNING),
    RuleCase(SLOTS, run, None, running, RUNNING, (TakeSlots(("tag:0", "tag:1")),), facts=limits(1, 2)),
    RuleCase(SLOTS, run, None, running, "wait 10", facts=limits(1, 0)),
    RuleCase(SLOTS, run, None, running, "abort", facts=limits(0, limit=0)),
    RuleCase(SLOTS, run, None, running, RUNNING, facts=limits(0, held=True)),
    RuleCase(
        "CopyScheduledTime",
        run,
        rule_state("SCHEDULED", scheduled_time=NOW),
        rule_state("PENDING"),
        "accept PENDING/Pending",
        details={"scheduled_time": NOW},
    ),
    RuleCase("WaitForScheduledTime", run, rule_state("PENDING", scheduled_time=after(2.6)), running, "wait 3"),
    RuleCase(
        RETRY,
        task_run({"retries": 2, "retry_delay": [1, 100]}, run_count=1),
        running,
        rule_state("FAILED", data=STORED, cache_key="k"),
        "reject SCHEDULED/AwaitingRetry",
        details={"scheduled_time": after(1)},
    ),
    RuleCase(
        RETRY,
        task_run({"retries": 2, "retry_delay": [1, 100]}, run_count=2),
        running,
        failed,
        "reject SCHEDULED/AwaitingRetry",
        details={"scheduled_time": after(100)},
    ),
    RuleCase(
        RETRY, task_run({"retries": 2, "retry_delay": [1, 100]}, run_count=3), running, failed, "accept FAILED/Failed"
    ),
    RuleCase(RETRY, task_run(run_count=1), running, failed, "accept FAILED/Failed"),
    RuleCase(
        RETRY,
        task_run({"retries": 2}, run_count=1),
        running,
        rule_state("FAILED", retriable=False),
        "accept FAILED/Failed",
        details={"retriable": False},
    ),
    RuleCase(RENAME, run, rule_state("PENDING"), running, RUNNING),
    RuleCase(RENAME, task_run(run_count=1), running, rule_state("RUNNING", "X"), "accept RUNNING/Rerunning"),
    RuleCase(
        RENAME, task_run(run_count=1), rule_state("SCHEDULED", "AwaitingRetry"), running, "accept RUNNING/Retrying"
    ),
    RuleCase(RENAME, task_run(run_count=1), failed, running, RUNNING),
    RuleCase(
        TRACK, run, None, running, RUNNING, (SetOnRun({"flow_run_run_count": 3}),), facts=facts(flow_run_run_count=3)
    ),
    RuleCase(TRACK, standalone_run, None, running, RUNNING),
    RuleCase(INSERT, run, running, rule_state("COMPLETED"), COMPLETED),
    RuleCase(
        INSERT,
        run,
        running,
        rule_state("COMPLETED", cache_key="k", cache_expiration=after(9)),
        COMPLETED,
        (StoreCacheKey("k", after(9)),),
        {"cache_key": "k", "cache_expiration": after(9)},
    ),
    RuleCase(
        INSERT,
        run,
        running,
        rule_state("COMPLETED", cache_key="kkk"),
        "reject COMPLETED/Completed",
        details={"cache_key": "kkk"},
        facts=facts(max_cache_key_length=2),
    ),
    *(
        RuleCase(
            RELEASE,
            run,
            running,
            rule_state(to),
            f"accept {to}/{to.capitalize()}",
            () if to in ("RUNNING", "CANCELLING") else (ReleaseSlots(),),
        )
        for to in ("RUNNING", "CANCELLING", "COMPLETED", "SCHEDULED", "PAUSED", "PENDING")
    ),
    RuleCase(PENDING, run, running, rule_state("PENDING"), "abort"),
    RuleCase(
        PENDING,
        run,
        rule_state("PENDING", scheduled_time=NOW),
        rule_state("PENDING", "Submitting"),
        "accept PENDING/Submitting",
        details={"scheduled_time": NOW},
    ),
    RuleCase(
        PARAMETERS,
        run,
        rule_state("SCHEDULED", task_parameters_id=ID),
        running,
        RUNNING,
        details={"task_parameters_id": ID},
    ),
    RuleCase(
        PARAMETERS,
        run,
        rule_state("PENDING", task_parameters_id=ID),
        rule_state("RUNNING", task_parameters_id=UUID(int=1)),
        RUNNING,
        details={"task_parameters_id": UUID(int=1)},
    ),
    RuleCase(PARAMETERS, run, rule_state("PENDING"), running, RUNNING),
    RuleCase(QUEUE, run, None, rule_state("SCHEDULED"), "accept SCHEDULED/Scheduled"),
    RuleCase(
        QUEUE,
        run,
        None,
        rule_state("SCHEDULED", deferred=True),
        "accept SCHEDULED/Scheduled",
        (Enqueue(retry=False),),
        {"deferred": True},
    ),
    RuleCase(
        QUEUE,
        run,
        running,
        rule_state("SCHEDULED", "AwaitingRetry", deferred=True),
        "accept SCHEDULED/AwaitingRetry",
        (Enqueue(retry=True),),
        {"deferred": True},
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_task_rule_verdict(case):
    case.check()


def test_every_task_rule_has_a_case():
    policies = (CoreTaskPolicy, BackgroundTaskPolicy, MinimalTaskPolicy)
    assert {case.rule for case in CASES} == {rule.name for policy in policies for rule in policy.rules}


@pytest.mark.parametrize("delay", [0.5, 10, 300])
@pytest.mark.parametrize("factor", [0.1, 0.5, 1, 60])
def test_retry_jitter_spreads_delay(delay, factor):
    tried = task_run({"retries": 1, "retry_delay": delay, "retry_jitter_factor": factor}, run_count=1)

    def waits(chance: float) -> timedelta:
        verdict = decide(single_rule_policy(RETRY), tried, running, failed, facts(random_fraction=chance))
        return verdict.state.scheduled_time - NOW

    every = [waits(chance / 16) for chance in range(16)]
    assert every == sorted(set(every))
    assert timedelta(0) <= every[0] < timedelta(seconds=delay) < every[-1]
    assert every[-1] <= timedelta(seconds=delay * (1 + factor))


def test_task_run_count_restarts_when_flow_is_retried():
    verdict = decide(CoreTaskPolicy, task_run(run_count=1), failed, running, facts(flow_run_run_count=2))
    assert describe_verdict(verdict) == "accept RUNNING/Retrying"
    assert verdict.effects == (zero, SetOnRun({"flow_run_run_count": 2}))


def test_effects_are_dropped_when_later_rule_waits():
    decision_facts = facts(tag_limits=(TagLimit("a", 1, 1),))
    assert (
        describe_verdict(
            decide(CoreTaskPolicy, run, rule_state("SCHEDULED", scheduled_time=after(5)), running, decision_facts)
        )
        == "wait 5"
    )


def test_effects_are_dropped_when_later_rule_changes_type():
    decision_facts = facts(flow_run_state="PAUSED")
    verdict = decide(CoreTaskPolicy, run, failed, running, decision_facts)
    assert describe_verdict(verdict) == "reject PAUSED/NotReady"
    assert verdict.effects == (ReleaseSlots(),)
