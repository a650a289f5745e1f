"""Filters on deployments, work pools, work queues and workers as SQL, and links of deployments to other tables."""

from __future__ import annotations

from typing import Any

from prefect.server.db.dialect import Dialect
from prefect.server.db.sql import TRUE, Sql, any_of
from prefect.server.store.filters.core import column, tags

_QUEUES = "SELECT work_queue.id FROM work_queue"
_POOLED = f"{_QUEUES} JOIN work_pool ON work_pool.id = work_queue.work_pool_id WHERE {{}}"

LINKS = {
    ("deployment", "flow"): "deployment.flow_id IN (SELECT flow.id FROM flow WHERE {})",
    ("deployment", "flow_run"): "deployment.id IN (SELECT flow_run.deployment_id FROM flow_run WHERE {})",
    ("deployment", "task_run"): "deployment.id IN (SELECT flow_run.deployment_id FROM flow_run JOIN task_run"
    " ON task_run.flow_run_id = flow_run.id WHERE {})",
    ("deployment", "work_pool"): f"deployment.work_queue_id IN ({_POOLED})",
    ("deployment", "work_queue"): f"deployment.work_queue_id IN ({_QUEUES} WHERE {{}})",
}


def _flow_or_deployment_name(dialect: Dialect, criteria: Any) -> Sql:
    if criteria.like_ is None:
        return TRUE
    pattern = f"%{criteria.like_}%"
    flow = dialect.like("flow.name", pattern)
    in_flow = Sql(f"deployment.flow_id IN (SELECT flow.id FROM flow WHERE {flow.text})", flow.values)
    return any_of([dialect.like("deployment.name", pattern), in_flow])


def _starts_with(dialect: Dialect, name: str, prefixes: Any) -> Sql:
    return any_of(dialect.like(name, f"{prefix}%") for prefix in prefixes)


COMPILERS = {
    "DeploymentFilter": {
        **{name: column(f"deployment.{name}") for name in ("id", "name", "work_queue_name")},
        "paused": column("deployment.paused", eq_=lambda _, name, value: Sql(f"{name} = ?", (value,))),
        "tags": tags("deployment.tags"),
        "flow_or_deployment_name": _flow_or_deployment_name,
        # Deprecated: the limit of a deployment is a separate object. As in the interface, it selects all rows.
        "concurrency_limit": lambda _dialect, _criteria: TRUE,
    },
    "WorkPoolFilter": {name: column(f"work_pool.{name}") for name in ("id", "name", "type")},
    "WorkQueueFilter": {
        "id": column("work_queue.id"),
        "name": column("work_queue.name", startswith_=_starts_with),
    },
    "WorkerFilter": {name: column(f"worker.{name}") for name in ("last_heartbeat_time", "status", "work_pool_id")},
}
