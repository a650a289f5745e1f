"""Every rule for task runs, by itself: what it says of a change of state and what it asks for."""

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
from tests.rules.judging import Trial, alone, said
from tests.rules.making import NOW, STORED, after, entry, facts, task_run

CACHE, TERMINAL = "CacheRetrieval", "HandleTaskTerminalStateTransitions"
FLOW, SLOTS = "PreventRunningTasksFromStoppedFlows", "SecureTaskConcurrencySlots"
RETRY, RENAME, TRACK = "RetryFailedTasks", "RenameReruns", "UpdateFlowRunTrackerOnTasks"
INSERT, RELEASE, QUEUE = "CacheInsertion", "ReleaseTaskConcurrencySlots", "EnqueueScheduledTasks"
PENDING, PARAMETERS = "PreventPendingTransitions", "CopyTaskParametersID"

run, alone_run = task_run(), task_run(flow_run_id=None)
running, failed = entry("RUNNING"), entry("FAILED")
RUNNING, COMPLETED = "accept RUNNING/Running", "accept COMPLETED/Completed"
known = facts(cached=entry("COMPLETED", data=STORED, cache_key="k"))
zero = SetOnRun({"run_count": 0})
ID = UUID(int=77)


def limits(*free: int, limit: int = 1, held: bool = False):
    return facts(tag_limits=tuple(TagLimit(f"tag:{n}", limit, each, held) for n, each in enumerate(free)))


TRIALS = [
    Trial(
        CACHE,
        run,
        None,
        entry("RUNNING", cache_key="k"),
        "reject COMPLETED/Cached",
        details={"cache_key": "k"},
        facts=known,
    ),
    Trial(CACHE, run, None, entry("RUNNING", cache_key="k"), RUNNING, details={"cache_key": "k"}),
    Trial(CACHE, run, None, entry("RUNNING"), RUNNING, facts=known),
    Trial(
        CACHE,
        run,
        None,
        entry("RUNNING", cache_key="k", refresh_cache=True),
        RUNNING,
        details={"cache_key": "k", "refresh_cache": True},
        facts=known,
    ),
    *(Trial(TERMINAL, run, failed, entry(to), "abort") for to in ("CANCELLING", "PAUSED", "CRASHED")),
    *(
        Trial(TERMINAL, run, entry("COMPLETED", data=STORED), entry(to, data=STORED), "keep")
        for to in ("RUNNING", "PENDING", "COMPLETED", "FAILED")
    ),
    Trial(
        TERMINAL,
        run,
        entry("COMPLETED", data={"type": "unpersisted"}),
        entry("PENDING"),
        "accept PENDING/Pending",
        (zero,),
    ),
    Trial(TERMINAL, run, failed, running, RUNNING, (zero,)),
    Trial(TERMINAL, run, failed, running, "accept RUNNING/Retrying", (zero,), facts=facts(flow_run_run_count=2)),
    Trial(TERMINAL, run, failed, entry("SCHEDULED"), "accept SCHEDULED/Scheduled", (zero,)),
    Trial(TERMINAL, run, failed, entry("COMPLETED"), COMPLETED),
    Trial(FLOW, run, None, running, RUNNING),
    Trial(FLOW, alone_run, None, running, RUNNING, facts=facts(flow_run_state=None)),
    *(
        Trial(FLOW, run, None, running, "abort", facts=facts(flow_run_state=state))
        for state in (None, "PENDING", "CANCELLING", "COMPLETED")
    ),
    Trial(FLOW, run, None, running, "reject PAUSED/NotReady", facts=facts(flow_run_state="PAUSED")),
    Trial(SLOTS, run, None, running, RUNNING),
    Trial(SLOTS, run, None, running, RUNNING, (TakeSlots(("tag:0", "tag:1")),), facts=limits(1, 2)),
    Trial(SLOTS, run, None, running, "wait 10", facts=limits(1, 0)),
    Trial(SLOTS, run, None, running, "abort", facts=limits(0, limit=0)),
    Trial(SLOTS, run, None, running, RUNNING, facts=limits(0, held=True)),
    Trial(
        "CopyScheduledTime",
        run,
        entry("SCHEDULED", scheduled_time=NOW),
        entry("PENDING"),
        "accept PENDING/Pending",
        details={"scheduled_time": NOW},
    ),
    Trial("WaitForScheduledTime", run, entry("PENDING", scheduled_time=after(2.6)), running, "wait 3"),
    Trial(
        RETRY,
        task_run({"retries": 2, "retry_delay": [1, 100]}, run_count=1),
        running,
        entry("FAILED", data=STORED, cache_key="k"),
        "reject SCHEDULED/AwaitingRetry",
        details={"scheduled_time": after(1)},
    ),
    Trial(
        RETRY,
        task_run({"retries": 2, "retry_delay": [1, 100]}, run_count=2),
        running,
        failed,
        "reject SCHEDULED/AwaitingRetry",
        details={"scheduled_time": after(100)},
    ),
    Trial(
        RETRY, task_run({"retries": 2, "retry_delay": [1, 100]}, run_count=3), running, failed, "accept FAILED/Failed"
    ),
    Trial(RETRY, task_run(run_count=1), running, failed, "accept FAILED/Failed"),
    Trial(
        RETRY,
        task_run({"retries": 2}, run_count=1),
        running,
        entry("FAILED", retriable=False),
        "accept FAILED/Failed",
        details={"retriable": False},
    ),
    Trial(RENAME, run, entry("PENDING"), running, RUNNING),
    Trial(RENAME, task_run(run_count=1), running, entry("RUNNING", "X"), "accept RUNNING/Rerunning"),
    Trial(RENAME, task_run(run_count=1), entry("SCHEDULED", "AwaitingRetry"), running, "accept RUNNING/Retrying"),
    Trial(RENAME, task_run(run_count=1), failed, running, RUNNING),
    Trial(
        TRACK, run, None, running, RUNNING, (SetOnRun({"flow_run_run_count": 3}),), facts=facts(flow_run_run_count=3)
    ),
    Trial(TRACK, alone_run, None, running, RUNNING),
    Trial(INSERT, run, running, entry("COMPLETED"), COMPLETED),
    Trial(
        INSERT,
        run,
        running,
        entry("COMPLETED", cache_key="k", cache_expiration=after(9)),
        COMPLETED,
        (StoreCacheKey("k", after(9)),),
        {"cache_key": "k", "cache_expiration": after(9)},
    ),
    Trial(
        INSERT,
        run,
        running,
        entry("COMPLETED", cache_key="kkk"),
        "reject COMPLETED/Completed",
        details={"cache_key": "kkk"},
        facts=facts(max_cache_key_length=2),
    ),
    *(
        Trial(
            RELEASE,
            run,
            running,
            entry(to),
            f"accept {to}/{to.capitalize()}",
            () if to in ("RUNNING", "CANCELLING") else (ReleaseSlots(),),
        )
        for to in ("RUNNING", "CANCELLING", "COMPLETED", "SCHEDULED", "PAUSED", "PENDING")
    ),
    Trial(PENDING, run, running, entry("PENDING"), "abort"),
    Trial(
        PENDING,
        run,
        entry("PENDING", scheduled_time=NOW),
        entry("PENDING", "Submitting"),
        "accept PENDING/Submitting",
        details={"scheduled_time": NOW},
    ),
    Trial(
        PARAMETERS, run, entry("SCHEDULED", task_parameters_id=ID), running, RUNNING, details={"task_parameters_id": ID}
    ),
    Trial(
        PARAMETERS,
        run,
        entry("PENDING", task_parameters_id=ID),
        entry("RUNNING", task_parameters_id=UUID(int=1)),
        RUNNING,
        details={"task_parameters_id": UUID(int=1)},
    ),
    Trial(PARAMETERS, run, entry("PENDING"), running, RUNNING),
    Trial(QUEUE, run, None, entry("SCHEDULED"), "accept SCHEDULED/Scheduled"),
    Trial(
        QUEUE,
        run,
        None,
        entry("SCHEDULED", deferred=True),
        "accept SCHEDULED/Scheduled",
        (Enqueue(retry=False),),
        {"deferred": True},
    ),
    Trial(
        QUEUE,
        run,
        running,
        entry("SCHEDULED", "AwaitingRetry", deferred=True),
        "accept SCHEDULED/AwaitingRetry",
        (Enqueue(retry=True),),
        {"deferred": True},
    ),
]


@pytest.mark.parametrize("trial", TRIALS, ids=str)
def test_a_rule_by_itself(trial):
    trial.check()


def test_every_rule_is_tried():
    policies = (CoreTaskPolicy, BackgroundTaskPolicy, MinimalTaskPolicy)
    assert {trial.rule for trial in TRIALS} == {rule.name for policy in policies for rule in policy.rules}


@pytest.mark.parametrize("delay", [0.5, 10, 300])
@pytest.mark.parametrize("factor", [0.1, 0.5, 1, 60])
def test_jitter_spreads_a_retry_around_its_delay(delay, factor):
    tried = task_run({"retries": 1, "retry_delay": delay, "retry_jitter_factor": factor}, run_count=1)

    def waits(chance: float) -> timedelta:
        verdict = decide(alone(RETRY), tried, running, failed, facts(random_fraction=chance))
        return verdict.state.scheduled_time - NOW

    every = [waits(chance / 16) for chance in range(16)]
    assert every == sorted(set(every))
    assert timedelta(0) <= every[0] < timedelta(seconds=delay) < every[-1]
    assert every[-1] <= timedelta(seconds=delay * (1 + factor))


def test_a_task_run_in_the_retry_of_its_flow_is_retrying_and_counts_from_zero():
    verdict = decide(CoreTaskPolicy, task_run(run_count=1), failed, running, facts(flow_run_run_count=2))
    assert said(verdict) == "accept RUNNING/Retrying"
    assert verdict.effects == (zero, SetOnRun({"flow_run_run_count": 2}))


def test_what_a_rule_asked_for_is_dropped_when_a_later_one_makes_the_run_wait():
    told = facts(tag_limits=(TagLimit("a", 1, 1),))
    assert said(decide(CoreTaskPolicy, run, entry("SCHEDULED", scheduled_time=after(5)), running, told)) == "wait 5"


def test_what_a_rule_asked_for_is_dropped_when_a_later_one_changes_the_type():
    told = facts(flow_run_state="PAUSED")
    verdict = decide(CoreTaskPolicy, run, failed, running, told)
    assert said(verdict) == "reject PAUSED/NotReady"
    assert verdict.effects == (ReleaseSlots(),)
