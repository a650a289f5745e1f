"""Policies match the interface, and their verdicts are consistent for every transition."""

import json
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect.rules import (
    POLICIES,
    TERMINAL,
    Abort,
    Accept,
    BackgroundTaskPolicy,
    CoreFlowPolicy,
    CoreTaskPolicy,
    EmitStateEvent,
    MarkResuming,
    MinimalFlowPolicy,
    MinimalTaskPolicy,
    NoStateToKeep,
    Policy,
    Reject,
    Rule,
    RuleState,
    SetOnPolicy,
    Wait,
    decide,
    settle,
)
from prefect.rules.decision import ANY
from tests.rules.cases import describe_verdict
from tests.rules.factories import (
    DEPLOYMENT,
    ENDS,
    NOW,
    PARENT,
    STORED,
    TYPES,
    after,
    facts,
    flow_run,
    limited,
    rule_state,
    task_run,
)

TABLE = json.loads((Path(__file__).parent / "data" / "policies.json").read_text(encoding="utf-8"))
FLOWS = {"CoreFlowPolicy", "MarkLateRunsPolicy", "MinimalFlowPolicy"}
ALWAYS = {"GlobalFlowPolicy", "GlobalTaskPolicy"}


def types(text: str) -> set[str | None]:
    """Return the types that a cell of the table names."""
    if text.startswith("ANY"):
        return ANY - set(text.removeprefix("ANY").removeprefix(" except ").split(", "))
    return set(TERMINAL) if text == "TERMINAL" else set(text.split(", "))


def make_run(policy: str, retries: int = 0, count: int = 1):
    make = flow_run if policy in FLOWS else task_run
    return make({"retries": retries}, run_count=count)


def test_policies_match_interface():
    assert set(POLICIES) == set(TABLE) - ALWAYS


@pytest.mark.parametrize("name", POLICIES)
def test_policy_has_interface_rules_in_order(name):
    here = [(rule.name, set(rule.leaving), set(rule.entering)) for rule in POLICIES[name].rules]
    assert here == [(rule, types(leaving), types(entering)) for rule, leaving, entering, _ in TABLE[name]]


@pytest.mark.parametrize("name", POLICIES)
def test_transform_rules_match_interface(name):
    kinds = {row[0]: row[3] for row in TABLE[name]}
    for rule in POLICIES[name].rules:
        # The lease is kept before any rule speaks, so it need not be looked at again.
        transform = rule.effects is not None or rule is CoreFlowPolicy.rules[0]
        assert transform == (kinds[rule.name] == "transform"), rule.name


# Verdicts by current state (key) and proposed state (position, in the order of TYPES), for a run without a deployment,
# retries, data or details: `.` accepts, `k` keeps the current state, `x` aborts, `c` replaces the state by CANCELLED.
MOVES = {
    "CoreFlowPolicy": {
        "SCHEDULED": ".......kc",
        "PENDING": ".x.....k.",
        "RUNNING": ".x.......",
        "COMPLETED": "x.....xxx",
        "FAILED": "x.....xxx",
        "CANCELLED": "xx....xxx",
        "CRASHED": "x.....xxx",
        "PAUSED": ".k.....k.",
        "CANCELLING": "kkkkk.kkk",
    },
    "CoreTaskPolicy": {
        **dict.fromkeys(["SCHEDULED", "PENDING", "RUNNING", "PAUSED", "CANCELLING"], "........."),
        **dict.fromkeys(ENDS, "......xxx"),
    },
    "BackgroundTaskPolicy": {
        **dict.fromkeys(["SCHEDULED", "PAUSED"], "........."),
        **dict.fromkeys(["PENDING", "RUNNING", "CANCELLING"], ".x......."),
        **dict.fromkeys(["COMPLETED", "FAILED", "CRASHED"], "......xxx"),
        "CANCELLED": ".x....xxx",
    },
    "MarkLateRunsPolicy": dict.fromkeys(TYPES, "........."),
    "MinimalFlowPolicy": {**dict.fromkeys(TYPES, "........."), "SCHEDULED": "........c"},
    "MinimalTaskPolicy": dict.fromkeys(TYPES, "........."),
}


@pytest.mark.parametrize(("name", "leaving"), [*product(POLICIES, TYPES)])
def test_policy_verdict_for_every_state_pair(name, leaving):
    signs = {"keep": "k", "abort": "x", "reject CANCELLED/Cancelled": "c"}
    actual = []
    for entering in TYPES:
        verdict = decide(POLICIES[name], make_run(name), rule_state(leaving), rule_state(entering), facts())
        actual.append(signs.get(describe_verdict(verdict), "." if isinstance(verdict, Accept) else "?"))
        if isinstance(verdict, Accept):
            assert verdict.state.type == entering
    assert "".join(actual) == MOVES[name][leaving]


@pytest.mark.parametrize(("name", "entering"), [*product(POLICIES, TYPES)])
def test_policy_verdict_for_every_first_state(name, entering):
    verdict = decide(POLICIES[name], make_run(name, count=0), None, rule_state(entering), facts())
    assert isinstance(verdict, Abort if (name, entering) == ("CoreFlowPolicy", "PAUSED") else Accept)


def test_rejection_replaces_proposal_and_skips_later_rules():
    def reject(case):
        return case.reject("No.", rule_state("FAILED"), MarkResuming())

    def never(case):
        raise AssertionError

    def last(case):
        assert case.rejected and case.proposed.type == "FAILED"
        return ()

    rules = (
        Rule("First", ANY, ANY, lambda case: case.accept(None, SetOnPolicy({"x": 1}))),
        Rule("Second", ANY, ANY, reject),
        Rule("Third", ANY, ANY, never),
        Rule("Fourth", ANY, ANY, effects=last),
    )
    verdict = decide(Policy("Mine", rules), flow_run(), None, rule_state("RUNNING"), facts())
    assert verdict == Reject("No.", rule_state("FAILED"), (MarkResuming(),))


def test_later_rules_judge_replacement_of_same_type():
    rules = (
        Rule("First", ANY, ANY, lambda case: case.reject("No.", rule_state("RUNNING", "Other"))),
        Rule("Second", ANY, ANY, lambda case: case.accept(replace(case.proposed, message=case.proposed.name))),
    )
    verdict = decide(Policy("Mine", rules), flow_run(), None, rule_state("RUNNING"), facts())
    assert verdict == Reject("No.", rule_state("RUNNING", "Other", message="Other"))


def test_late_effects_are_in_reverse_order():
    both = (MarkResuming(), SetOnPolicy({"x": 1}))
    rules = (
        Rule("First", ANY, ANY, lambda case: case.accept(None, *both)),
        Rule("Second", ANY, ANY, lambda case: case.accept(None, SetOnPolicy({"x": 2}))),
        Rule("Third", ANY, ANY, effects=lambda case: (EmitStateEvent(),)),
    )
    verdict = decide(Policy("Mine", rules), flow_run(), None, rule_state("RUNNING"), facts())
    assert verdict.effects == (SetOnPolicy({"x": 1}), SetOnPolicy({"x": 2}), EmitStateEvent(), MarkResuming())


def test_import_of_rules_does_not_import_decision():
    program = (
        "import sys; sys.modules.pop('dataclasses', None); import prefect.rules as r; r.advance;"
        "assert not {'pydantic', 'dataclasses', 'prefect.rules.decision', 'prefect.rules.facts'} & set(sys.modules);"
        "assert all(getattr(r, name) for name in r.__all__) and set(r.__all__) <= set(dir(r))"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


# --- whatever the run, the states and the facts ---------------------------------------------------------------------

details = st.fixed_dictionaries(
    {},
    optional={
        "scheduled_time": st.floats(-100, 100).map(after),
        "pause_timeout": st.floats(-100, 100).map(after),
        "pause_key": st.sampled_from("ab"),
        "pause_reschedule": st.booleans(),
        "cache_key": st.sampled_from(["k", "k" * 3000]),
        "transition_id": st.sampled_from([DEPLOYMENT, PARENT]),
        "deployment_concurrency_lease_id": st.sampled_from([DEPLOYMENT, PARENT]),
        "deferred": st.booleans(),
    },
)
data = st.sampled_from([None, STORED, {"type": "unpersisted"}, "text", {}])
names = {"SCHEDULED": ["Scheduled", "Late", "AwaitingRetry", "Resuming"], "PENDING": ["Pending", "Submitting"]}


@st.composite
def states(draw: st.DrawFn, allowed: list[str] = TYPES) -> RuleState:
    type_ = draw(st.sampled_from(allowed))
    return rule_state(
        type_, draw(st.sampled_from(names.get(type_, [type_.capitalize()]))), data=draw(data), **draw(details)
    )


worlds = st.builds(
    limited,
    free=st.integers(0, 2),
    limit=st.integers(0, 2),
    client_version=st.sampled_from([None, "3.4.1", "3.9.1"]),
    lease_held=st.booleans(),
    deployment_strategy=st.sampled_from(["ENQUEUE", "CANCEL_NEW"]),
    random_fraction=st.floats(0, 1, exclude_max=True),
    flow_run_state=st.sampled_from([None, *TYPES]),
    flow_run_run_count=st.integers(0, 3),
)


@st.composite
def runs(draw: st.DrawFn, policy: str):
    own = {"retries": draw(st.integers(0, 3)), "retry_delay": draw(st.sampled_from([None, 0, 3]))}
    count = draw(st.integers(0, 5))
    if policy in FLOWS:
        own |= {"pause_keys": draw(st.sampled_from([None, ["a"]])), "resuming": draw(st.booleans())}
        deployment = draw(st.sampled_from([None, DEPLOYMENT]))
        return flow_run(
            own, run_count=count, deployment_id=deployment, parent_task_run_id=draw(st.sampled_from([None, PARENT]))
        )
    own["retry_jitter_factor"] = draw(st.sampled_from([None, 0.3]))
    return task_run(own, run_count=count)


@st.composite
def cases(draw: st.DrawFn):
    name = draw(st.sampled_from(sorted(POLICIES)))
    return POLICIES[name], draw(runs(name)), draw(st.none() | states()), draw(states()), draw(worlds)


@given(cases())
def test_verdict_is_consistent(case):
    policy, run, current, proposed, decision_facts = case
    try:
        verdict = decide(policy, run, current, proposed, decision_facts)
    except NoStateToKeep:
        assert current is None
        return
    if isinstance(verdict, Wait):
        assert type(verdict.delay_seconds) is int and verdict.delay_seconds > 0
    elif isinstance(verdict, Accept):
        assert verdict.state.type == proposed.type
        again = decide(policy, run, current, verdict.state, decision_facts)
        assert again == verdict
    elif isinstance(verdict, Reject) and verdict.state is None:
        assert verdict.effects == () and current is not None
    if isinstance(verdict, Accept | Reject) and verdict.state is not None:
        settled = settle(run, current, verdict)
        assert settled.columns["state_type"] == verdict.state.type == settled.state.type
        assert settled.columns.get("run_count", 0) <= run.run_count + 1


@given(st.sampled_from([CoreFlowPolicy, MinimalFlowPolicy]), states(["COMPLETED"]), states(), worlds, st.data())
def test_completed_state_keeps_stored_result_when_completed_again(policy, current, proposed, decision_facts, data):
    run = data.draw(runs(policy.name))
    verdict = decide(policy, run, replace(current, data=STORED), replace(proposed, type="COMPLETED"), decision_facts)
    assert proposed.is_persisted or verdict.state is None


@given(st.sampled_from([CoreTaskPolicy, BackgroundTaskPolicy]), states(), worlds, st.data())
def test_task_run_with_stored_result_stays_completed(policy, proposed, decision_facts, data):
    verdict = decide(
        policy, data.draw(runs(policy.name)), rule_state("COMPLETED", data=STORED), proposed, decision_facts
    )
    assert isinstance(verdict, Wait | Abort) or verdict.state is None


@given(st.sampled_from([CoreFlowPolicy, CoreTaskPolicy, BackgroundTaskPolicy]), st.sampled_from(ENDS), states(), worlds)
def test_terminal_run_cannot_crash(policy, end, proposed, decision_facts):
    proposed = replace(proposed, type="CRASHED", name="Crashed")
    verdict = decide(policy, make_run(policy.name), rule_state(end), proposed, decision_facts)
    assert isinstance(verdict, Reject | Abort) and (isinstance(verdict, Abort) or verdict.state is None)


@given(st.sampled_from([CoreFlowPolicy, CoreTaskPolicy]), st.integers(0, 5))
def test_failing_run_is_retried_up_to_limit(policy, retries):
    run, state = make_run(policy.name, retries, count=0), None
    decision_facts, attempts = facts(), 0
    while state is None or not state.is_terminal:
        proposed = rule_state("FAILED") if state is not None and state.type == "RUNNING" else rule_state("RUNNING")
        attempts += proposed.type == "RUNNING"
        settled = settle(run, state, decide(policy, run, state, proposed, decision_facts))
        run = replace(run, columns={**run.columns, **settled.columns}, policy={**run.policy, **settled.policy})
        state = settled.state
    assert attempts == retries + 1 == run.run_count
    assert run.columns["total_run_time"] >= timedelta(0) and state.type == "FAILED"


@given(st.floats(-1000, 1000), st.sampled_from(["SCHEDULED", "PENDING"]))
def test_wait_is_rounded_to_nearest_second(seconds, leaving):
    current = rule_state(leaving, scheduled_time=after(seconds))
    verdict = decide(CoreFlowPolicy, flow_run(), current, rule_state("RUNNING"), facts())
    waits = verdict.delay_seconds if isinstance(verdict, Wait) else 0
    assert abs(max((current.scheduled_time - NOW).total_seconds(), 0) - waits) <= 0.5


def test_forced_rollback_of_a_completed_task_run_is_accepted():
    rolled_back = rule_state("COMPLETED", name="RolledBack")
    verdict = decide(MinimalTaskPolicy, task_run(), rule_state("COMPLETED"), rolled_back, facts())
    assert isinstance(verdict, Accept) and verdict.state == rolled_back
