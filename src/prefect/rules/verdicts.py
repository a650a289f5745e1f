"""The four answers to a proposed state: accept, reject, wait, abort."""

from __future__ import annotations

from dataclasses import dataclass

from prefect.rules.effects import Effect
from prefect.rules.facts import RuleState


@dataclass(frozen=True, slots=True)
class Accept:
    """The run enters the state, which may differ in its details from the one proposed."""

    state: RuleState
    effects: tuple[Effect, ...] = ()


@dataclass(frozen=True, slots=True)
class Reject:
    """The run enters another state instead; without one it stays in the state that it is in, and nothing is done."""

    reason: str
    state: RuleState | None = None
    effects: tuple[Effect, ...] = ()


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing is written, and the state may be proposed again after this many seconds."""

    delay_seconds: int
    reason: str


@dataclass(frozen=True, slots=True)
class Abort:
    """Nothing is written, and the caller must stop the run."""

    reason: str


Verdict = Accept | Reject | Wait | Abort
"""The verdict on a proposed state."""
