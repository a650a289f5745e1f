"""Cases that test one rule, and verdicts as text."""

from dataclasses import dataclass, field
from typing import Any

from prefect.rules import POLICIES, Accept, Effect, Facts, Policy, Reject, RuleState, Run, Verdict, Wait, decide
from tests.rules.factories import facts


def single_rule_policy(rule: str) -> Policy:
    """Return a policy that has only this rule."""
    found = [each for policy in POLICIES.values() for each in policy.rules if each.name == rule]
    return Policy(rule, (found[0],))


def describe_verdict(verdict: Verdict) -> str:
    """Return the verdict as text: `accept RUNNING/Running`, `reject ...`, `keep`, `wait 3` or `abort`."""
    if isinstance(verdict, Wait):
        return f"wait {verdict.delay_seconds}"
    if isinstance(verdict, Accept | Reject):
        kind = type(verdict).__name__.lower()
        return f"{kind} {verdict.state.type}/{verdict.state.name}" if verdict.state else "keep"
    return "abort"


@dataclass(frozen=True)
class RuleCase:
    """A state transition with the expected verdict and effects of one rule, and the details of the resulting state."""

    rule: str
    run: Run
    current: RuleState | None
    proposed: RuleState
    expected: str
    effects: tuple[Effect, ...] = ()
    details: dict[str, Any] = field(default_factory=dict)
    facts: Facts = field(default_factory=facts)

    def __str__(self) -> str:
        leaving = self.current.name if self.current else "None"
        return f"{self.rule}-{leaving}-{self.proposed.name}-{self.expected.replace(' ', '-')}"

    def check(self) -> None:
        verdict = decide(single_rule_policy(self.rule), self.run, self.current, self.proposed, self.facts)
        assert describe_verdict(verdict) == self.expected
        if isinstance(verdict, Accept | Reject):
            assert verdict.effects == self.effects
            assert (verdict.state.details if verdict.state else {}) == self.details
        if not isinstance(verdict, Accept):
            assert verdict.reason.endswith(".")
