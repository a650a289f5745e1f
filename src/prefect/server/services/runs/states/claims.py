"""Claims of flow runs by workers: which worker may start a run and propose its next states.

A worker claims a run by the state Pending, under a fencing token that it makes, which is stored with that state. A
later state that is proposed under another token is refused: the run was given to another worker meanwhile. Clients that
know no tokens are not affected. No answer of the API shows a token.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from prefect import rules
from prefect.schemas.worker_channel import CLAIM_HEADER, WORKER_LABEL
from prefect.server.services.core.errors import InvalidRequest
from prefect.server.store import Row
from prefect.types import new_id

REFUSAL = "The run was given to another worker, because this one had lost it."
ENDED_REFUSAL = "The run has ended meanwhile: it cannot be claimed any more."

MAX_SECONDS = 3600.0
"""The longest time for which a claim is valid without being renewed."""

_KEY = "claim"
_WORKER_HEADER = "x-prefect-worker-name"


@dataclass(frozen=True)
class Claim:
    """The claim under which a state is proposed.

    Attributes:
        token: The fencing token.
        seconds: For how long the run counts as alive, if a worker claims it that will renew the claim; else None.
        worker: The name of the worker.
    """

    token: str
    seconds: float | None = None
    worker: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the claim as it is stored."""
        fields = {"token": self.token, "seconds": self.seconds, "worker": self.worker}
        return {name: value for name, value in fields.items() if value is not None}


def read_claim(headers: Mapping[str, str] | None, flow_run_id: UUID) -> Claim | None:
    """Return the claim in a request's headers, `<id of the run>/<token>[/<seconds>]`; None if it is of another run.

    Raises:
        InvalidRequest: The header is not valid.
    """
    header = (headers or {}).get(CLAIM_HEADER.lower())
    if not header:
        return None
    try:
        run, token, *rest = header.split("/")
        seconds = min(float(rest[0]), MAX_SECONDS) if rest else None
        claim = Claim(str(UUID(token)), seconds, (headers or {}).get(_WORKER_HEADER))
        return claim if UUID(run) == flow_run_id else None
    except ValueError:
        raise InvalidRequest(f"The header {CLAIM_HEADER} is not valid: {header[:100]!r}.") from None


def find_refusal(row: Row, claim: Claim, proposed: rules.RuleState) -> str | None:
    """Return why a state cannot be proposed under a claim; None if it can.

    A claim may arrive late, when others have run the run to its end: it must not start it again.
    """
    if proposed.type == "PENDING":
        return ENDED_REFUSAL if row["state_type"] in rules.TERMINAL else None
    current = find_claim(row)
    return REFUSAL if current is not None and current["token"] != claim.token else None


def find_claim(row: Row) -> dict[str, Any] | None:
    """Return the last claim of a run, as it is stored."""
    return next((state[_KEY] for state in reversed(row["states"]) if _KEY in state), None)


def find_labels(stored: dict[str, Any]) -> dict[str, str] | None:
    """Return the labels of a run that a stored state claims for a worker."""
    worker = stored.get(_KEY, {}).get("worker")
    return {WORKER_LABEL: worker} if worker else None


def attach(row: Row, claim: Claim | None, proposed: rules.RuleState) -> rules.RuleState:
    """Return a proposed state with the claim that it makes. One that schedules the run anew ends the claim."""
    if claim is not None and proposed.type == "PENDING":
        return proposed.with_details(**{_KEY: claim.to_json()})
    if claim is None and proposed.type == "SCHEDULED" and find_claim(row) is not None:
        return revoke(proposed)
    return proposed


def revoke(proposed: rules.RuleState) -> rules.RuleState:
    """Return a state after which no claim that was made before is valid."""
    return proposed.with_details(**{_KEY: Claim(str(new_id())).to_json()})


def move_out_of_details(stored: dict[str, Any]) -> timedelta | None:
    """Put the claim of a stored state beside its details; return for how long the run counts as alive from it."""
    claim = stored.get("details", {}).pop(_KEY, None)
    if claim is None:
        return None
    if not stored["details"]:
        del stored["details"]
    stored[_KEY] = claim
    return timedelta(seconds=claim["seconds"]) if "seconds" in claim else None
