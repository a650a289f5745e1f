"""How a policy comes to a verdict: its rules speak in their order, and a later one judges what an earlier one left."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from prefect.exceptions import PrefectException
from prefect.rules.columns import TERMINAL
from prefect.rules.effects import Effect
from prefect.rules.facts import Entry, Facts, Run
from prefect.rules.verdicts import Abort, Accept, Reject, Verdict, Wait

TYPES = frozenset({"SCHEDULED", "PENDING", "RUNNING", "PAUSED", "CANCELLING"}) | TERMINAL
ANY: frozenset[str | None] = TYPES | {None}
"""Every type of state; None is that of a run which has no state yet."""


class NoStateToKeep(PrefectException):
    """A rule keeps a run in the state that it is in, but the run has none."""


@dataclass(frozen=True, slots=True)
class Case:
    """What a rule judges: a run that is in one state and is to enter another.

    Attributes:
        run: The run.
        current: The state it is in, or None before its first.
        proposed: The state it is to enter, as the rules before left it.
        facts: What else there is to know.
        rejected: A rule before put another state in place of the one asked for.
    """

    run: Run
    current: Entry | None
    proposed: Entry
    facts: Facts
    rejected: bool = False

    def reject(self, reason: str, state: Entry | None = None, *effects: Effect) -> Reject:
        """A rejection; without a state, the run stays as it is."""
        return Reject(reason, state, effects)

    def accept(self, state: Entry | None = None, *effects: Effect) -> Accept:
        """An acceptance, of the proposed state unless another is given."""
        return Accept(state or self.proposed, effects)


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of a policy.

    Attributes:
        name: What the rule is called in the interface.
        leaving: The types of states it is for: those that the run leaves.
        entering: And those that the run is asked to enter.
        judge: Says what it makes of a case; None leaves it as it is.
        afterwards: Says what is to be done once a state is written, whichever it is. A rule with it holds for every
            change; no other rule speaks once the type of the proposed state is not the one asked for.
    """

    name: str
    leaving: frozenset[str | None]
    entering: frozenset[str | None]
    judge: Callable[[Case], Verdict | None] | None = None
    afterwards: Callable[[Case], tuple[Effect, ...]] | None = None

    def concerns(self, leaving: str | None, entering: str) -> bool:
        """Whether it is for a change between states of these types."""
        return leaving in self.leaving and entering in self.entering


@dataclass(frozen=True, slots=True)
class Policy:
    """An ordered set of rules, by which changes of state are judged."""

    name: str
    rules: tuple[Rule, ...]


def decide(policy: Policy, run: Run, current: Entry | None, proposed: Entry, facts: Facts) -> Verdict:
    """Judge a change of state.

    Args:
        policy: The rules, which speak in their order.
        run: The run, as it is now.
        current: The state it is in, or None before its first.
        proposed: The state it is to enter.
        facts: What the rules must know of the world.

    Returns:
        The verdict. What a rule asked to be done is in its effects only if no later rule put a state of another type
        in place of the one which that rule saw. Effects before the state is written come in the order of the rules,
        those after it in the reverse order.

    Raises:
        NoStateToKeep: A rule rejects the state without another, and there is no current one.
    """
    leaving = current.type if current else None
    case = Case(run, current, proposed, facts)
    reason: str | None = None
    asked: list[tuple[str, tuple[Effect, ...]]] = []
    for rule in policy.rules:
        if rule.judge is None or not rule.concerns(leaving, proposed.type) or case.proposed.type != proposed.type:
            continue
        said = rule.judge(case)
        if said is None:
            continue
        if isinstance(said, Wait | Abort):
            return said
        if isinstance(said, Reject):
            if said.state is None:
                return _kept(rule, current, said)
            reason = said.reason
        if said.state is not None:
            case = replace(case, proposed=said.state, rejected=reason is not None)
        asked.append((case.proposed.type, said.effects))
    held = [effects for type_, effects in asked if type_ == case.proposed.type]
    held += [rule.afterwards(case) for rule in policy.rules if rule.afterwards]
    effects = (
        *(effect for group in held for effect in group if not effect.late),
        *(effect for group in reversed(held) for effect in group if effect.late),
    )
    return Accept(case.proposed, effects) if reason is None else Reject(reason, case.proposed, effects)


def _kept(rule: Rule, current: Entry | None, verdict: Reject) -> Reject:
    if current is None:
        raise NoStateToKeep(f"A run without a state was refused one by the rule {rule.name}: {verdict.reason}")
    return verdict
