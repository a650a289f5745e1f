"""The input of a rule as plain values: states, the run, and the facts about its surroundings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, cast
from uuid import UUID

from prefect.rules.columns import TERMINAL, StateSummary


def _empty_dict() -> dict[str, Any]:
    return {}


@dataclass(frozen=True, slots=True)
class RuleState:
    """A state as rules see it: one that a run is in, or is to enter.

    Attributes:
        type: The state's type, for instance `"RUNNING"`.
        name: Its name, for instance `"Retrying"`.
        timestamp: When it was, or is, entered; aware.
        message: Why, for people.
        data: The result's record, or another value.
        details: What is set of `state_details`, by the names of its fields. A missing one, None and False are the same.
    """

    type: str
    name: str
    timestamp: datetime
    message: str | None = None
    data: object = None
    details: Mapping[str, Any] = field(default_factory=_empty_dict)

    @property
    def is_terminal(self) -> bool:
        """Whether a run in this state has ended."""
        return self.type in TERMINAL

    @property
    def is_persisted(self) -> bool:
        """Whether the data is the location of a stored result."""
        record = cast("Mapping[str, Any] | None", self.data)
        return isinstance(record, Mapping) and bool(record) and record.get("type") != "unpersisted"

    @property
    def scheduled_time(self) -> datetime | None:
        """Return when a scheduled state is to run."""
        return self.details.get("scheduled_time")

    @property
    def lease_id(self) -> UUID | None:
        """Return the lease by which a slot of the deployment is held."""
        return self.details.get("deployment_concurrency_lease_id")

    @property
    def summary(self) -> StateSummary:
        """Return the part of the state that `advance` reads."""
        return StateSummary(self.type, self.name, self.timestamp, self.scheduled_time)

    def with_details(self, **details: Any) -> RuleState:
        """Return the state with these details set; None keeps a detail unchanged."""
        known = {name: value for name, value in details.items() if value is not None}
        if not known:
            return self
        return RuleState(self.type, self.name, self.timestamp, self.message, self.data, {**self.details, **known})

    def inherit_details(self, other: RuleState, *names: str) -> RuleState:
        """Return the state with its missing details of these names copied from the other state."""
        missing = {name: other.details.get(name) for name in names if not self.details.get(name)}
        return self.with_details(**missing)


@dataclass(frozen=True, slots=True)
class Run:
    """The run whose state changes.

    Attributes:
        kind: Whether it is a flow's run or a task's.
        columns: Its columns as stored; a missing one counts as not set.
        policy: Its `empirical_policy` as a mapping; a missing field counts as not set.
    """

    kind: Literal["flow_run", "task_run"]
    columns: Mapping[str, Any] = field(default_factory=_empty_dict)
    policy: Mapping[str, Any] = field(default_factory=_empty_dict)

    @property
    def id(self) -> UUID | None:
        """The id of the run."""
        return self.columns.get("id")

    @property
    def run_count(self) -> int:
        """Return how often it was RUNNING."""
        return self.columns.get("run_count") or 0

    @property
    def retries(self) -> int:
        """Return how many attempts may follow the first."""
        return self.policy.get("retries") or 0

    @property
    def deployment_id(self) -> UUID | None:
        """Return the deployment that it is a run of."""
        return self.columns.get("deployment_id")

    @property
    def parent_task_run_id(self) -> UUID | None:
        """Return the task run that stands for this flow run in the flow that called it."""
        return self.columns.get("parent_task_run_id")

    @property
    def flow_run_id(self) -> UUID | None:
        """Return the flow run to which this task run belongs."""
        return self.columns.get("flow_run_id")

    @property
    def pause_keys(self) -> frozenset[str]:
        """Return the keys of the pauses that happened."""
        return frozenset(self.policy.get("pause_keys") or ())

    @property
    def resuming(self) -> bool:
        """Return whether it was paused and continues."""
        return bool(self.policy.get("resuming"))


@dataclass(frozen=True, slots=True)
class TagLimit:
    """A limit on how many task runs with a tag run at the same time.

    Attributes:
        name: What the limit is called.
        limit: How many may run; 0 forbids all.
        free: How many slots are free.
        held: This run holds a slot of it already.
    """

    name: str
    limit: int
    free: int
    held: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Input of the rules besides the states. Fields that do not apply to the run keep their default.

    Attributes:
        now: The time; aware.
        random_fraction: A random number, from 0 to less than 1; it selects a delay within the jitter of a retry.
        client_version: The version of the client that proposes the state, or None when it is not known.
        deployment_limit: How many runs of the deployment may be under way, or None without a limit.
        deployment_free: How many of those slots are free.
        deployment_strategy: What happens to a run that finds no slot.
        deployment_wait: Seconds until a run that found no slot tries again.
        lease_held: The lease named by the current state still holds its slot.
        new_lease_id: The id for the lease of a slot to be taken. Without one, no slot is free.
        flow_run_state: The type of the state of the task run's flow run, or None when it has none.
        flow_run_run_count: How often that flow run was RUNNING.
        cached: The state stored under the proposed state's cache key, unless it has expired.
        max_cache_key_length: A longer cache key is not stored.
        tag_limits: The limits that apply to the task run's tags: global ones first.
        tag_wait: Seconds until a task run that found no slot tries again.
    """

    now: datetime
    random_fraction: float = 0.5
    client_version: str | None = None
    deployment_limit: int | None = None
    deployment_free: int = 0
    deployment_strategy: Literal["ENQUEUE", "CANCEL_NEW"] = "ENQUEUE"
    deployment_wait: float = 30.0
    lease_held: bool = False
    new_lease_id: UUID | None = None
    flow_run_state: str | None = None
    flow_run_run_count: int = 0
    cached: RuleState | None = None
    max_cache_key_length: int = 2000
    tag_limits: tuple[TagLimit, ...] = ()
    tag_wait: float = 10.0
