"""Changes that follow from every state that is written, under any policy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from prefect.rules.columns import advance
from prefect.rules.effects import Effect, MarkResuming, MirrorToParent, RecordPauseKey, SetOnPolicy, SetOnRun
from prefect.rules.facts import RuleState, Run
from prefect.rules.verdicts import Accept, Reject

_RESOLVED = SetOnRun | SetOnPolicy | MarkResuming | RecordPauseKey


@dataclass(frozen=True, slots=True)
class Settlement:
    """The changes to write and the side effects.

    Attributes:
        state: The state as it is to be stored.
        columns: The run's columns that change.
        policy: The fields of its `empirical_policy` that change.
        effects: What else is to be done; those with `after_write` after the rest is written.
    """

    state: RuleState
    columns: Mapping[str, Any]
    policy: Mapping[str, Any]
    effects: tuple[Effect, ...]


def settle(run: Run, current: RuleState | None, verdict: Accept | Reject) -> Settlement:
    """Return what is to be written for a verdict that writes a state.

    Args:
        run: The run before the change.
        current: The state it is in, or None before its first.
        verdict: What `decide` returned; a rejection must have a state.

    Raises:
        ValueError: The verdict has no state to write.
    """
    if verdict.state is None:
        raise ValueError("A rejection that keeps the current state leaves nothing to settle.")
    changed: dict[str, Any] = {}
    policy: dict[str, Any] = {}
    for effect in verdict.effects:
        if isinstance(effect, SetOnRun):
            changed.update(effect.columns)
        elif isinstance(effect, SetOnPolicy):
            policy.update(effect.fields)
    run = Run(run.kind, {**run.columns, **changed}, {**run.policy, **policy})
    state, effects = verdict.state, [effect for effect in verdict.effects if not isinstance(effect, _RESOLVED)]
    if run.kind == "flow_run":
        state = state.with_details(flow_run_id=run.id, task_run_id=run.parent_task_run_id)
        if run.parent_task_run_id is not None:
            mirrored = state.with_details(child_flow_run_id=run.id)
            effects.append(MirrorToParent(run.parent_task_run_id, mirrored))
    else:
        state = state.with_details(task_run_id=run.id, flow_run_id=run.flow_run_id)
    resuming = run.kind == "flow_run" and run.resuming
    columns = advance(run.columns, current.summary if current else None, state.summary, resuming)
    if resuming and (state.type == "RUNNING" or state.is_terminal):
        policy["resuming"] = False
    for effect in verdict.effects:
        if isinstance(effect, MarkResuming):
            policy["resuming"] = True
        elif isinstance(effect, RecordPauseKey):
            policy["pause_keys"] = run.pause_keys | {effect.key}
    return Settlement(state, {**changed, **columns}, policy, tuple(effects))
