"""Apply the rules of a policy to a proposed state, in their order; each rule sees what the earlier ones proposed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from prefect.exceptions import PrefectException
from prefect.rules.columns import TERMINAL
from prefect.rules.effects import Effect
from prefect.rules.facts import Facts, RuleState, Run
from prefect.rules.verdicts import Abort, Accept, Reject, Verdict, Wait

STATE_TYPES = frozenset({"SCHEDULED", "PENDING", "RUNNING", "PAUSED", "CANCELLING"}) | TERMINAL
ANY: frozenset[str | None] = STATE_TYPES | {None}
"""Every type of state; None is that of a run which has no state yet."""


class NoStateToKeep(PrefectException):
    """A rule keeps a run in the state that it is in, but the run has none."""


@dataclass(frozen=True, slots=True)
class Case:
    """The input of a rule: a run in one state and the state that it is to enter.

    Attributes:
        run: The run.
        current: The state it is in, or None before its first.
        proposed: The state it is to enter, as the rules before left it.
        facts: What the rules must know besides.
        rejected: Whether an earlier rule replaced the requested state.
    """

    run: Run
    current: RuleState | None
    proposed: RuleState
    facts: Facts
    rejected: bool = False

    def reject(self, reason: str, state: RuleState | None = None, *effects: Effect) -> Reject:
        """Return a rejection; without a state, the run keeps its current one."""
        return Reject(reason, state, effects)

    def accept(self, state: RuleState | None = None, *effects: Effect) -> Accept:
        """Return an acceptance of `state`, by default of the proposed one."""
        return Accept(state or self.proposed, effects)


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of a policy.

    Attributes:
        name: What the rule is called in the interface.
        leaving: The types of current states to which the rule applies.
        entering: The types of proposed states to which it applies.
        judge: Returns the verdict on a case; None leaves it as it is.
        effects: Returns what to do once the state is written, whichever it is. A rule that has it applies to every
            change; all others stop applying once the proposed state is of another type than the requested one.
    """

    name: str
    leaving: frozenset[str | None]
    entering: frozenset[str | None]
    judge: Callable[[Case], Verdict | None] | None = None
    effects: Callable[[Case], tuple[Effect, ...]] | None = None

    def applies_to(self, leaving: str | None, entering: str) -> bool:
        """Return whether the rule is for a change between states of these types."""
        return leaving in self.leaving and entering in self.entering


@dataclass(frozen=True, slots=True)
class Policy:
    """An ordered set of rules for changes of state."""

    name: str
    rules: tuple[Rule, ...]


def decide(policy: Policy, run: Run, current: RuleState | None, proposed: RuleState, facts: Facts) -> Verdict:
    """Decide on a change of state.

    Args:
        policy: The rules, in the order in which they apply.
        run: The run, as it is now.
        current: The state it is in, or None before its first.
        proposed: The state it is to enter.
        facts: What the rules must know besides the run.

    Returns:
        The verdict. It has the effects of a rule only if no later rule replaced the state with one of another type.
        Effects before the state is written are in the order of the rules, those after it in the reverse order.

    Raises:
        NoStateToKeep: A rule rejects the state without another, and there is no current one.
    """
    leaving = current.type if current else None
    case = Case(run, current, proposed, facts)
    reason: str | None = None
    collected: list[tuple[str, tuple[Effect, ...]]] = []
    for rule in policy.rules:
        if rule.judge is None or not rule.applies_to(leaving, proposed.type) or case.proposed.type != proposed.type:
            continue
        verdict = rule.judge(case)
        if verdict is None:
            continue
        if isinstance(verdict, Wait | Abort):
            return verdict
        if isinstance(verdict, Reject):
            if verdict.state is None:
                return _keep_current(rule, current, verdict)
            reason = verdict.reason
        if verdict.state is not None:
            case = replace(case, proposed=verdict.state, rejected=reason is not None)
        collected.append((case.proposed.type, verdict.effects))
    groups = [effects for type_, effects in collected if type_ == case.proposed.type]
    groups += [rule.effects(case) for rule in policy.rules if rule.effects]
    effects = (
        *(effect for group in groups for effect in group if not effect.after_write),
        *(effect for group in reversed(groups) for effect in group if effect.after_write),
    )
    return Accept(case.proposed, effects) if reason is None else Reject(reason, case.proposed, effects)


def _keep_current(rule: Rule, current: RuleState | None, verdict: Reject) -> Reject:
    if current is None:
        raise NoStateToKeep(f"A run without a state was refused one by the rule {rule.name}: {verdict.reason}")
    return verdict
