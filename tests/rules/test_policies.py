"""The policies are those of the interface, and hold for every change of state there is."""

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
    Entry,
    MarkResuming,
    MinimalFlowPolicy,
    NoStateToKeep,
    Policy,
    Reject,
    Rule,
    SetOnPolicy,
    Wait,
    decide,
    settle,
)
from prefect.rules.decision import ANY
from tests.rules.judging import said
from tests.rules.making import (
    DEPLOYMENT,
    ENDS,
    NOW,
    PARENT,
    STORED,
    TYPES,
    after,
    entry,
    facts,
    flow_run,
    limited,
    task_run,
)

TABLE = json.loads((Path(__file__).parent / "data" / "policies.json").read_text(encoding="utf-8"))
FLOWS = {"CoreFlowPolicy", "MarkLateRunsPolicy", "MinimalFlowPolicy"}
ALWAYS = {"GlobalFlowPolicy", "GlobalTaskPolicy"}


def types(said: str) -> set[str | None]:
    """Return the types that a cell of the table names."""
    if said.startswith("ANY"):
        return ANY - set(said.removeprefix("ANY").removeprefix(" except ").split(", "))
    return set(TERMINAL) if said == "TERMINAL" else set(said.split(", "))


def a_run(policy: str, retries: int = 0, count: int = 1):
    make = flow_run if policy in FLOWS else task_run
    return make({"retries": retries}, run_count=count)


def test_every_policy_of_the_interface_is_here():
    assert set(POLICIES) == set(TABLE) - ALWAYS


@pytest.mark.parametrize("name", POLICIES)
def test_a_policy_has_the_rules_of_the_interface_in_their_order(name):
    here = [(rule.name, set(rule.leaving), set(rule.entering)) for rule in POLICIES[name].rules]
    assert here == [(rule, types(leaving), types(entering)) for rule, leaving, entering, _ in TABLE[name]]


@pytest.mark.parametrize("name", POLICIES)
def test_a_transform_holds_for_every_change(name):
    kinds = {row[0]: row[3] for row in TABLE[name]}
    for rule in POLICIES[name].rules:
        # The lease is kept before any rule speaks, so it need not be looked at again.
        transform = rule.effects is not None or rule is CoreFlowPolicy.rules[0]
        assert transform == (kinds[rule.name] == "transform"), rule.name


# What is left, and what is written or said, for a run without a deployment, a retry, data or details; `.` is an
# acceptance, `k` keeps the state, `x` aborts, `c` puts CANCELLED in place. In the order of TYPES.
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
def test_every_pair_of_states(name, leaving):
    signs = {"keep": "k", "abort": "x", "reject CANCELLED/Cancelled": "c"}
    told = []
    for entering in TYPES:
        verdict = decide(POLICIES[name], a_run(name), entry(leaving), entry(entering), facts())
        told.append(signs.get(said(verdict), "." if isinstance(verdict, Accept) else "?"))
        if isinstance(verdict, Accept):
            assert verdict.state.type == entering
    assert "".join(told) == MOVES[name][leaving]


@pytest.mark.parametrize(("name", "entering"), [*product(POLICIES, TYPES)])
def test_every_first_state(name, entering):
    verdict = decide(POLICIES[name], a_run(name, count=0), None, entry(entering), facts())
    assert isinstance(verdict, Abort if (name, entering) == ("CoreFlowPolicy", "PAUSED") else Accept)


def test_a_rejection_replaces_the_proposal_and_ends_the_talk_about_it():
    def reject(case):
        return case.reject("No.", entry("FAILED"), MarkResuming())

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
    verdict = decide(Policy("Mine", rules), flow_run(), None, entry("RUNNING"), facts())
    assert verdict == Reject("No.", entry("FAILED"), (MarkResuming(),))


def test_a_state_put_in_place_of_another_of_its_type_is_judged_on():
    rules = (
        Rule("First", ANY, ANY, lambda case: case.reject("No.", entry("RUNNING", "Other"))),
        Rule("Second", ANY, ANY, lambda case: case.accept(replace(case.proposed, message=case.proposed.name))),
    )
    verdict = decide(Policy("Mine", rules), flow_run(), None, entry("RUNNING"), facts())
    assert verdict == Reject("No.", entry("RUNNING", "Other", message="Other"))


def test_late_effects_come_in_the_reverse_order():
    both = (MarkResuming(), SetOnPolicy({"x": 1}))
    rules = (
        Rule("First", ANY, ANY, lambda case: case.accept(None, *both)),
        Rule("Second", ANY, ANY, lambda case: case.accept(None, SetOnPolicy({"x": 2}))),
        Rule("Third", ANY, ANY, effects=lambda case: (EmitStateEvent(),)),
    )
    verdict = decide(Policy("Mine", rules), flow_run(), None, entry("RUNNING"), facts())
    assert verdict.effects == (SetOnPolicy({"x": 1}), SetOnPolicy({"x": 2}), EmitStateEvent(), MarkResuming())


def test_importing_the_room_imports_no_judge():
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
def states(draw: st.DrawFn, of: list[str] = TYPES) -> Entry:
    type_ = draw(st.sampled_from(of))
    return entry(type_, draw(st.sampled_from(names.get(type_, [type_.capitalize()]))), data=draw(data), **draw(details))


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
def test_a_verdict_makes_sense(case):
    policy, run, current, proposed, told = case
    try:
        verdict = decide(policy, run, current, proposed, told)
    except NoStateToKeep:
        assert current is None
        return
    if isinstance(verdict, Wait):
        assert type(verdict.delay_seconds) is int and verdict.delay_seconds > 0
    elif isinstance(verdict, Accept):
        assert verdict.state.type == proposed.type
        again = decide(policy, run, current, verdict.state, told)
        assert again == verdict
    elif isinstance(verdict, Reject) and verdict.state is None:
        assert verdict.effects == () and current is not None
    if isinstance(verdict, Accept | Reject) and verdict.state is not None:
        settled = settle(run, current, verdict, told)
        assert settled.columns["state_type"] == verdict.state.type == settled.state.type
        assert settled.columns.get("run_count", 0) <= run.run_count + 1


@given(st.sampled_from([CoreFlowPolicy, MinimalFlowPolicy]), states(["COMPLETED"]), states(), worlds, st.data())
def test_a_stored_result_is_not_lost_by_completing_again(policy, current, proposed, told, data):
    run = data.draw(runs(policy.name))
    verdict = decide(policy, run, replace(current, data=STORED), replace(proposed, type="COMPLETED"), told)
    assert proposed.is_persisted or verdict.state is None


@given(st.sampled_from([CoreTaskPolicy, BackgroundTaskPolicy]), states(), worlds, st.data())
def test_a_task_run_with_a_stored_result_stays_completed(policy, proposed, told, data):
    verdict = decide(policy, data.draw(runs(policy.name)), entry("COMPLETED", data=STORED), proposed, told)
    assert isinstance(verdict, Wait | Abort) or verdict.state is None


@given(st.sampled_from([CoreFlowPolicy, CoreTaskPolicy, BackgroundTaskPolicy]), st.sampled_from(ENDS), states(), worlds)
def test_what_has_ended_is_not_interrupted(policy, end, proposed, told):
    proposed = replace(proposed, type="CRASHED", name="Crashed")
    verdict = decide(policy, a_run(policy.name), entry(end), proposed, told)
    assert isinstance(verdict, Reject | Abort) and (isinstance(verdict, Abort) or verdict.state is None)


@given(st.sampled_from([CoreFlowPolicy, CoreTaskPolicy]), st.integers(0, 5))
def test_a_run_that_always_fails_is_tried_as_often_as_it_may(policy, retries):
    run, state = a_run(policy.name, retries, count=0), None
    told, attempts = facts(), 0
    while state is None or not state.is_terminal:
        asked = entry("FAILED") if state is not None and state.type == "RUNNING" else entry("RUNNING")
        attempts += asked.type == "RUNNING"
        settled = settle(run, state, decide(policy, run, state, asked, told), told)
        run = replace(run, columns={**run.columns, **settled.columns}, policy={**run.policy, **settled.policy})
        state = settled.state
    assert attempts == retries + 1 == run.run_count
    assert run.columns["total_run_time"] >= timedelta(0) and state.type == "FAILED"


@given(st.floats(-1000, 1000), st.sampled_from(["SCHEDULED", "PENDING"]))
def test_a_run_waits_whole_seconds_and_never_half_a_second_too_long_or_short(seconds, leaving):
    current = entry(leaving, scheduled_time=after(seconds))
    verdict = decide(CoreFlowPolicy, flow_run(), current, entry("RUNNING"), facts())
    waits = verdict.delay_seconds if isinstance(verdict, Wait) else 0
    assert abs(max((current.scheduled_time - NOW).total_seconds(), 0) - waits) <= 0.5
