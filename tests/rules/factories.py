"""Factories of states, runs and facts for the tests of the rules."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from prefect.rules import Facts, RuleState, Run
from prefect.types import UTC

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
RUN, TASK, FLOW_RUN, DEPLOYMENT, LEASE, NEW_LEASE, PARENT = (UUID(int=number) for number in range(1, 8))
STORED = {"type": "reference", "storage_key": "k"}
TYPES = ["SCHEDULED", "PENDING", "RUNNING", "COMPLETED", "FAILED", "CANCELLED", "CRASHED", "PAUSED", "CANCELLING"]
ENDS = ["COMPLETED", "FAILED", "CANCELLED", "CRASHED"]


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def rule_state(
    type_: str, name: str | None = None, data: Any = None, message: str | None = None, **details: Any
) -> RuleState:
    """Return a state that was entered ten seconds ago."""
    return RuleState(type_, name or type_.capitalize(), after(-10), message, data, details)


def rule_state_with_lease(type_: str, name: str | None = None, **details: Any) -> RuleState:
    """Return a state with a lease."""
    return rule_state(type_, name, deployment_concurrency_lease_id=LEASE, **details)


def flow_run(policy: dict[str, Any] | None = None, **columns: Any) -> Run:
    return Run("flow_run", {"id": RUN, "run_count": 1, **columns}, policy or {})


def deployed(policy: dict[str, Any] | None = None, **columns: Any) -> Run:
    return flow_run(policy, deployment_id=DEPLOYMENT, **columns)


def task_run(policy: dict[str, Any] | None = None, **columns: Any) -> Run:
    columns = {"id": TASK, "flow_run_id": FLOW_RUN, "run_count": 0, "flow_run_run_count": 1, **columns}
    return Run("task_run", columns, policy or {})


def facts(**values: Any) -> Facts:
    """Return the facts of a task run whose flow runs, in its first attempt."""
    return Facts(**{"now": NOW, "flow_run_state": "RUNNING", "flow_run_run_count": 1, **values})


def limited(free: int = 0, limit: int = 1, **values: Any) -> Facts:
    """Return the facts of a flow run whose deployment has a limit."""
    values = {"client_version": "3.9.1", "new_lease_id": NEW_LEASE, **values}
    return facts(deployment_limit=limit, deployment_free=free, **values)
