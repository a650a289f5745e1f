"""Columns, policy and effects that `settle` writes for an accepted state."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from prefect.rules import (
    Accept,
    CoreFlowPolicy,
    CoreTaskPolicy,
    EmitStateEvent,
    MarkResuming,
    MirrorToParent,
    RecordPauseKey,
    Reject,
    SetOnPolicy,
    SetOnRun,
    decide,
    settle,
)
from tests.rules.factories import FLOW_RUN, NOW, PARENT, RUN, TASK, after, facts, flow_run, rule_state, task_run

TABLE = json.loads((Path(__file__).parent / "data" / "policies.json").read_text(encoding="utf-8"))
running, done = rule_state("RUNNING"), rule_state("COMPLETED")


def written(run, current, state, *effects):
    return settle(run, current, Accept(state, effects))


def run_count(run):
    first, resumed = written(run, None, running), flow_run({"resuming": True})
    return (
        first.columns["run_count"] == run.run_count + 1 and "run_count" not in written(resumed, None, running).columns
    )


def resuming_is_over(run):
    resumed = flow_run({"resuming": True})
    ended = all(written(resumed, None, state).policy == {"resuming": False} for state in (running, done))
    return ended and written(resumed, None, rule_state("PENDING")).policy == {} == written(run, None, running).policy


def mirrored(run):
    settled = written(flow_run(parent_task_run_id=PARENT), None, running)
    (effect,) = settled.effects
    of_child = {"flow_run_id": RUN, "task_run_id": PARENT, "child_flow_run_id": RUN}
    plain = written(run, None, running).effects == ()
    return (
        plain
        and isinstance(effect, MirrorToParent)
        and effect.task_run_id == PARENT
        and effect.state.details == of_child
    )


def total(run):
    return written(run, running, rule_state("COMPLETED")).columns["total_run_time"] == timedelta(0)


def ends(run):
    ended = written(run, running, done).columns
    again = written(type(run)(run.kind, {**run.columns, **ended}), done, rule_state("PENDING")).columns
    return ended["end_time"] == ended["start_time"] == done.timestamp and again["end_time"] is None


def next_time(run):
    state = rule_state("SCHEDULED", scheduled_time=after(9))
    columns = written(run, None, state).columns
    left = written(type(run)(run.kind, columns), state, running).columns
    return columns["next_scheduled_start_time"] == after(9) and left["next_scheduled_start_time"] is None


def identity(run):
    own = {"flow_run_id": RUN} if run.kind == "flow_run" else {"task_run_id": TASK, "flow_run_id": FLOW_RUN}
    return written(run, None, running).state.details == own


KEPT_BY_THE_SERVER = "EnsureFlowRunStateTimestampIsUnique"
"""The server places a state after all others when it writes it:
`tests/server/services/runs/ingestion/test_same_history.py`."""

CHECKS = {
    "SetRunStateType": lambda run: written(run, None, running).columns["state_type"] == "RUNNING",
    "SetRunStateName": lambda run: written(run, None, rule_state("RUNNING", "X")).columns["state_name"] == "X",
    "SetRunStateTimestamp": lambda run: written(run, None, running).columns["state_timestamp"] == running.timestamp,
    "SetStartTime": lambda run: written(run, None, running).columns["start_time"] == running.timestamp,
    "SetEndTime": ends,
    "IncrementRunTime": total,
    "SetExpectedStartTime": lambda run: (
        written(run, None, rule_state("SCHEDULED", scheduled_time=NOW)).columns["expected_start_time"] == NOW
    ),
    "SetNextScheduledStartTime": next_time,
    "UpdateStateDetails": identity,
    "UpdateSubflowParentTask": mirrored,
    "UpdateSubflowStateDetails": lambda run: (
        written(flow_run(parent_task_run_id=PARENT), None, running).state.details["task_run_id"] == PARENT
    ),
    "IncrementFlowRunCount": run_count,
    "RemoveResumingIndicator": resuming_is_over,
    "IncrementTaskRunCount": lambda run: written(run, None, running).columns["run_count"] == run.run_count + 1,
}


def rules():
    for policy, run in (("GlobalFlowPolicy", flow_run()), ("GlobalTaskPolicy", task_run())):
        for row in TABLE[policy]:
            if row[0] != KEPT_BY_THE_SERVER:
                yield pytest.param(row[0], run, id=f"{policy}-{row[0]}")


@pytest.mark.parametrize(("rule", "run"), [*rules()])
def test_settle_applies_global_rule(rule, run):
    assert CHECKS[rule](run)


def test_settle_converts_effects_to_columns_and_policy():
    settled = written(
        flow_run({"pause_keys": ["a"]}),
        running,
        rule_state("PAUSED"),
        SetOnRun({"run_count": 7}),
        SetOnPolicy({"retry_type": None}),
        EmitStateEvent(),
        RecordPauseKey("b"),
        MarkResuming(),
    )
    assert settled.columns["run_count"] == 7
    assert settled.policy == {"retry_type": None, "pause_keys": {"a", "b"}, "resuming": True}
    assert settled.effects == (EmitStateEvent(),)


def test_settle_restarts_run_count_after_failure():
    run = task_run(run_count=3)
    settled = settle(run, rule_state("FAILED"), decide(CoreTaskPolicy, run, rule_state("FAILED"), running, facts()))
    assert settled.columns["run_count"] == 1


def test_settle_counts_resumed_run_once():
    run, state, counts = flow_run(run_count=1), running, []
    for proposed in (rule_state("PAUSED", pause_key="k"), running, running, done):
        settled = settle(run, state, decide(CoreFlowPolicy, run, state, proposed, facts()))
        run, state = (
            type(run)(run.kind, {**run.columns, **settled.columns}, {**run.policy, **settled.policy}),
            settled.state,
        )
        counts.append((run.run_count, run.resuming))
    assert counts == [(1, False), (2, True), (2, False), (2, False)]
    assert run.pause_keys == {"k"}


def test_settle_raises_when_rejection_keeps_state():
    with pytest.raises(ValueError, match="nothing to settle"):
        settle(flow_run(), running, Reject("No."))
