"""Admission of journal records that came over the network to runs. Pure: rows and records in, refusals out.

The journal of this machine's home is not checked: who can write that file can write the database. See
`docs/adr/0020-results-are-not-sent-to-the-server.md` for what this protects against.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Any

from prefect import rules
from prefect.rules import policies
from prefect.server.services.runs.ingestion import records
from prefect.server.services.runs.ingestion.records import BadRecord, Record
from prefect.server.services.runs.states import run_states
from prefect.server.services.runs.states.run_states import StoredState
from prefect.server.store import Row
from prefect.types import json_codec, now

MAX_RESULT_BYTES = 65536
"""The largest result that is stored with a state."""


def check_owner(run: Row, record: Record) -> None:
    """Raise unless the record was written by the process that owns the run, or no process does.

    Raises:
        BadRecord: Another process owns the run. Its id is not shown by any operation, so a writer that knows it is it.
    """
    owner = run.get("owner")
    if owner is not None and owner != records.parse_owner(record):
        raise BadRecord(f"its run belongs to another process than {record.get('owner') or 'an unnamed one'}")


def check_result(result: Row | None) -> None:
    """Raise unless a recorded result may be stored: small, and JSON.

    Raises:
        BadRecord: It is a pickle, which would run code in whatever loads it, or it is too large.
    """
    if result is None:
        return
    if result["format"] != "json":
        raise BadRecord("its result is a pickle, which a server does not accept")
    if len(json_codec.dumps(result["body"])) > MAX_RESULT_BYTES:
        raise BadRecord(f"its result has more than {MAX_RESULT_BYTES} bytes")


def check_transition(run: Row, state: StoredState) -> None:
    """Raise if the rules forbid that a flow run goes to this state from the one before it in time.

    A crash is not protected: the server infers it from silence, and the process knows better. Nor is the end of a run
    that was to be cancelled: it has ended.

    Raises:
        BadRecord: The rules forbid it.
    """
    states: list[StoredState] = run["states"]
    position = bisect_right([known["timestamp"] for known in states], state["timestamp"])
    before = states[position - 1] if position else None
    if before is None or before["type"] not in policies.PROTECTED_FROM_RECORDS:
        return
    change = rules.Run("flow_run", run, run.get("empirical_policy") or {})
    current, proposed = run_states.to_rule_state(before), run_states.to_rule_state(state)
    verdict = rules.decide(policies.RecordedFlowPolicy, change, current, proposed, rules.Facts(now=now()))
    if not isinstance(verdict, rules.Accept):
        raise BadRecord(f"its run cannot go from {before['type']} to {state['type']}: {verdict.reason}")


def claim_run(run: Row, state: StoredState, owner: Any) -> None:
    """Make the process that recorded a run's newest state its owner, if the run has none."""
    states: list[StoredState] = run["states"]
    if owner is not None and run.get("owner") is None and (not states or state["timestamp"] > states[-1]["timestamp"]):
        run["owner"] = owner
