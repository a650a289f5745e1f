"""Claims of flow runs by workers: who may start a run, and say how it goes on.

A worker claims a run by the state Pending, under a fencing token that it makes. The token is stored among the details
of that state. A later state that is proposed under another token is refused: the run was given to another worker
meanwhile. Clients that know no tokens are not affected.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from prefect import rules
from prefect.server.services.core.errors import InvalidRequest
from prefect.server.store import Row
from prefect.types import new_id

DETAIL = "claim_id"
"""The detail of a state that holds the token; no answer of the API shows it."""

LEASE_DETAIL = "claim_seconds"
"""The detail that holds for how long a claim is valid unless it is renewed."""

REFUSAL = "The run was given to another worker, because this one had lost it."


@dataclass(frozen=True)
class Claim:
    """The claim under which a state is proposed.

    Attributes:
        token: The fencing token.
        seconds: For how long the run counts as alive, if a worker claims it that will renew the claim; else None.
    """

    token: UUID
    seconds: float | None = None


def parse(header: str | None, flow_run_id: UUID) -> Claim | None:
    """Return the claim of a request's header, `<id of the run>/<token>[/<seconds>]`; None if it is of another run.

    Raises:
        InvalidRequest: The header is not valid.
    """
    if not header:
        return None
    try:
        run, token, *rest = header.split("/")
        claim = Claim(UUID(token), min(float(rest[0]), MAX_SECONDS) if rest else None)
        return claim if UUID(run) == flow_run_id else None
    except ValueError:
        raise InvalidRequest(f"The header Prefect-Claim is not valid: {header[:100]!r}.") from None


MAX_SECONDS = 3600.0
"""The longest time for which a claim is valid without being renewed."""


def is_lost(row: Row, claim: Claim, proposed: rules.Entry) -> bool:
    """Return whether a run was claimed under another token since."""
    current = find_token(row)
    return proposed.type != "PENDING" and current is not None and current != str(claim.token)


def find_token(row: Row) -> str | None:
    """Return the token of the last claim of a run."""
    for state in reversed(row["states"]):
        if token := state.get("details", {}).get(DETAIL):
            return token
    return None


def attach(row: Row, claim: Claim | None, proposed: rules.Entry) -> rules.Entry:
    """Return a proposed state with the claim that it makes. One that schedules the run anew ends the claim."""
    if claim is not None and proposed.type == "PENDING":
        return proposed.with_details(**{DETAIL: str(claim.token), LEASE_DETAIL: claim.seconds})
    if claim is None and proposed.type == "SCHEDULED" and find_token(row) is not None:
        return revoke(proposed)
    return proposed


def revoke(proposed: rules.Entry) -> rules.Entry:
    """Return a state after which no claim that was made before is valid."""
    return proposed.with_details(**{DETAIL: str(new_id())})


def lease_duration(state: dict[str, object]) -> timedelta | None:
    """Return for how long a claimed run counts as alive from the stored state that claims it; None without a claim."""
    details = state.get("details")
    seconds = details.get(LEASE_DETAIL) if isinstance(details, dict) else None
    return timedelta(seconds=float(seconds)) if isinstance(seconds, int | float) else None
