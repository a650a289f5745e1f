"""Decisions about states in this process, by `prefect.rules`, with the facts that this process has.

Flow runs without a server are decided here, and those of a server that became unavailable. So are the retries of all
task runs: their states are records, which no server can refuse.
"""

from __future__ import annotations

import os
import random
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from prefect import rules
from prefect._file_stamps import Stamps, read_stamps
from prefect._lazy import lazy_modules
from prefect.engine import core
from prefect.engine.core import RunRecord, result_metadata
from prefect.engine.orchestration.orchestrator import Answer, FlowRunRecord, NewFlowRun
from prefect.engine.orchestration.subflow import ParentTaskRunStates
from prefect.logging.loggers import get_logger
from prefect.schemas.runs import FlowRun, FlowRunPolicy
from prefect.schemas.states import State, StateDetails, StateType
from prefect.types.slugs import generate_slug

if TYPE_CHECKING:
    from pathlib import Path

    import prefect
    from prefect.client import orchestration as client_api
    from prefect.journal.writer import Journal
else:
    client_api, prefect = lazy_modules("prefect.client.orchestration", "prefect")

STORE_FILE = "pluperfect.db"
"""The file of the local store in its home; a test compares it with the server's."""

_DECIDED_COLUMNS = (
    "state",
    "state_id",
    "state_type",
    "state_name",
    "run_count",
    "start_time",
    "end_time",
    "total_run_time",
    "expected_start_time",
    "next_scheduled_start_time",
    "infrastructure_pid",
    "empirical_policy",
)
"""Columns of a flow run that change with its states."""

_ALWAYS_ACCEPTED = frozenset(
    {
        ("PENDING", "RUNNING"),
        ("PENDING", "FAILED"),
        ("PENDING", "CRASHED"),
        ("RUNNING", "COMPLETED"),
        ("RUNNING", "CRASHED"),
        ("RUNNING", "CANCELLED"),
    }
)
"""Changes that every policy for flow runs accepts as they are, for a run without a deployment or a scheduled time."""

_RULE_DETAILS = frozenset(StateDetails.model_fields) - {"flow_run_id", "task_run_id", "child_flow_run_id"}
"""Details of a state that a rule may read."""


class LocalOrchestrator:
    """Decides about one flow run in this process.

    Args:
        journal: Where the run is recorded.
        retries: How often a failed run is tried again.
        retry_delay: Seconds before each retry.
        watch_store: Whether the local store has the run: others may change its state there, as `prefect flow-run
            cancel` does.
    """

    def __init__(
        self, journal: Journal, retries: int, retry_delay: float | list[float], watch_store: bool = True
    ) -> None:
        self._journal = journal
        self._policy = {"retries": retries, "retry_delay": retry_delay}
        self._store = _StoreWatch(journal.home) if watch_store else None
        self._run: FlowRun | None = None
        self._record: RunRecord | None = None

    async def create_run(self, new: NewFlowRun) -> tuple[FlowRun, RunRecord]:
        """Record a new run."""
        run_id = new.columns["id"]
        core.record_flow(self._journal, new.columns["flow_id"], new.flow_name)
        if new.parent_task is not None:
            new.parent_task.start_recording(self._journal, run_id)
        columns = {**new.columns, "name": generate_slug(2)}
        record = FlowRunRecord(self._journal, run_id, {**columns, "empirical_policy": new.policy}, new.parent_task)
        self._record = record
        self._run = FlowRun.make(**columns, empirical_policy=FlowRunPolicy.make(**new.policy))
        return self._run, record

    def adopt_run(self, run: FlowRun, flow_name: str) -> RunRecord:
        """Take over a run that the local store has. Its own retries count if the flow has none."""
        self._run = run
        stored = run.empirical_policy
        if not self._policy["retries"] and stored.retries:
            self._policy = {"retries": stored.retries, "retry_delay": stored.retry_delay or 0}
        if self._store is not None:
            self._store.expect_change()
        if run.parent_task_run_id is None:
            return FlowRunRecord(self._journal, run.id)
        parent = RunRecord(self._journal, "task_run", run.parent_task_run_id, created=None)
        return FlowRunRecord(self._journal, run.id, parent_task=ParentTaskRunStates(parent, run.id))

    async def update_policy(self, policy: dict[str, Any]) -> None:
        """Do nothing: `decide` uses the retries of the flow, not the stored ones."""

    async def propose_state(self, state: State[Any], force: bool = False) -> Answer:
        """Decide about a proposed state."""
        assert self._run is not None
        if self._store is not None and self._is_known_to_others():
            before: State[Any] | None = vars(self._run)["state"]
            after = await self.read_state()
            is_end = state.is_completed() or state.is_failed()
            if is_end and before is not None and before.is_running() and after is not None and after.is_cancelled():
                return Answer("REJECT", after, reason="Another process has cancelled the run.")
        return self.decide(state, force)

    def decide(self, proposed: State[Any], force: bool = False) -> Answer:
        """Decide by what this process knows."""
        assert self._run is not None
        columns: dict[str, Any] = vars(self._run)
        current: State[Any] | None = columns["state"]
        if self._is_always_accepted(columns, current, proposed):
            return Answer("ACCEPT", proposed)
        empirical = cast("dict[str, Any]", vars(columns["empirical_policy"]))
        run = rules.Run("flow_run", columns, {**empirical, **self._policy})
        policy = rules.MinimalFlowPolicy if force else rules.CoreFlowPolicy
        facts = rules.Facts(now=proposed.timestamp, client_version=prefect.__version__)
        return _answer(
            rules.decide(policy, run, _to_rule_state(current), _to_rule_state(proposed), facts), current, proposed
        )

    def _is_always_accepted(self, columns: Mapping[str, Any], current: State[Any] | None, proposed: State[Any]) -> bool:
        """Return whether the rules accept a change, unchanged and without effects.

        Hot path: most changes are such, and importing the rules takes 15 ms of CPU.
        """
        if current is None or columns["deployment_id"] is not None:
            return False
        change = (current.type, proposed.type)
        if change not in _ALWAYS_ACCEPTED and (change != ("RUNNING", "FAILED") or self._policy["retries"]):
            return False
        details, next_details = current.state_details, proposed.state_details
        return not (_has_rule_details(details) or (next_details is not details and _has_rule_details(next_details)))

    async def read_state(self) -> State[Any] | None:
        """Return the run's state, read from the local store if that has been written since."""
        assert self._run is not None
        store = self._store if self._is_known_to_others() else None
        if store is not None and (version := store.find_new_version()) is not None and await self._refresh():
            store.known_version = version
        return vars(self._run)["state"]

    def _is_known_to_others(self) -> bool:
        """Return whether other processes may know the run: its record has left this one."""
        return self._record is None or not self._record.is_unwritten

    async def call_api(self, method: Any, route: Any, body: Any = None, **path: Any) -> Any:
        """Call an operation on the local store."""
        async with client_api.get_client() as client:
            return (await client.request(method, route, path_params=path, json=body)).json()

    def release_run(self) -> None:
        """Do nothing, since this orchestrator keeps no lease of a run."""

    async def _refresh(self) -> bool:
        """Take over what others have changed in the local store; return whether it could be read."""
        assert self._run is not None
        try:
            async with client_api.get_client() as client:
                stored = await client.read_flow_run(self._run.id)
        except Exception as error:  # a store that is locked, full or damaged must not cost the run its result
            get_logger("engine").debug("The local store cannot be read: %s", error)
            return False
        adopt_columns(self._run, stored)
        return True


def adopt_columns(run: FlowRun, stored: FlowRun) -> None:
    """Take over the columns of a run that has entered another state than is known here."""
    columns, state = vars(run), cast("State[Any] | None", vars(stored)["state"])
    if state is not None and (columns["state"] is None or state.id != columns["state"].id):
        columns.update({name: vars(stored)[name] for name in _DECIDED_COLUMNS})


_last_versions: dict[Path, Stamps] = {}
"""What identified the content of each home's store when it was looked at last."""


COMMIT_SECONDS = 2.0
"""How long a commit may take to be readable once it has changed the file: in between it waits for the disk."""


class _StoreWatch:
    """Detects writes to the local store by other processes, with two `stat` calls.

    Attributes:
        known_version: What identifies the content that was read last.
    """

    def __init__(self, home: Path) -> None:
        self._home = home
        last = _last_versions.get(home)
        # Hot path: `stat` may take 10 µs. An older version is as good: the store may then be read once too often.
        self.known_version: Stamps | None = last if last is not None and last.is_settled else self._read_version()

    def _read_version(self) -> Stamps:
        path = os.path.join(self._home, STORE_FILE)
        version = _last_versions[self._home] = read_stamps((path, f"{path}-wal"), COMMIT_SECONDS)
        return version

    def find_new_version(self) -> Stamps | None:
        """Return what identifies the present content, if that may not be the known one."""
        version, known = self._read_version(), self.known_version
        return None if known is not None and known.is_settled and version.files == known.files else version

    def expect_change(self) -> None:
        """Take the known content for outdated."""
        self.known_version = None


def _has_rule_details(details: StateDetails) -> bool:
    return any(map(vars(details).__getitem__, _RULE_DETAILS))


def decide_retry(
    columns: Mapping[str, Any], policy: Mapping[str, Any], current: State[Any], failed: State[Any]
) -> State[Any] | None:
    """Return the state in which a failed task run waits for its next attempt; None when the failure is final.

    Args:
        columns: The run's columns.
        policy: Its retry policy: `retries`, `retry_delay`, `retry_jitter_factor`.
        current: The state that it is in.
        failed: The state that follows from the failure.
    """
    run = rules.Run("task_run", columns, policy)
    facts = rules.Facts(now=failed.timestamp, random_fraction=random.random())
    verdict = rules.decide(rules.CoreTaskPolicy, run, _to_rule_state(current), _to_rule_state(failed), facts)
    return _answer(verdict, current, failed).state if isinstance(verdict, rules.Reject) else None


# --- states as the rules know them ------------------------------------------------------------------------------------


def _to_rule_state(state: State[Any] | None) -> Any:
    if state is None:
        return None
    details = {name: value for name, value in vars(state.state_details).items() if value}
    name = state.name or state.type.value.capitalize()
    return rules.RuleState(state.type.value, name, state.timestamp, state.message, result_metadata(state.data), details)


def _answer(verdict: Any, current: State[Any] | None, proposed: State[Any]) -> Answer:
    if isinstance(verdict, rules.Wait):
        return Answer("WAIT", delay_seconds=verdict.delay_seconds, reason=verdict.reason)
    if isinstance(verdict, rules.Abort):
        return Answer("ABORT", reason=verdict.reason)
    if isinstance(verdict, rules.Reject):
        kept = current if verdict.state is None else _to_state(verdict.state, proposed)
        return Answer("REJECT", kept, reason=verdict.reason)
    if _to_rule_state(proposed) == verdict.state:
        return Answer("ACCEPT", proposed)
    # The value in memory, or the exception, stays with the state.
    return Answer("ACCEPT", _to_state(verdict.state, proposed, proposed.data))


def _to_state(decided: Any, proposed: State[Any], data: Any = None) -> State[Any]:
    """Return the state that the rules decided on, with the run ids of the proposed one."""
    run = {name: getattr(proposed.state_details, name) for name in ("flow_run_id", "task_run_id")}
    details = StateDetails.make(**{**run, **decided.details})
    timestamp: datetime = decided.timestamp
    return State.make(StateType(decided.type), decided.name, decided.message, data, details, timestamp)
