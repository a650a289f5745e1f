"""Ids of the current runs, and code that runs with the context variables of another context."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import Context, ContextVar, Token
from typing import Any
from uuid import UUID

from prefect import context as contexts


@contextmanager
def temporary_context(context: Context) -> Generator[None, None, None]:
    """Set every context variable as it is in `context`, and set them back at the end."""
    tokens: dict[ContextVar[Any], Token[Any]] = {variable: variable.set(value) for variable, value in context.items()}
    try:
        yield
    finally:
        for variable, token in tokens.items():
            variable.reset(token)


def get_task_run_id() -> UUID | None:
    """Return the id of the task run this code belongs to, or None."""
    run = contexts.TaskRunContext.get()
    return run.task_run.id if run is not None and run.task_run is not None else None


def get_flow_run_id() -> UUID | None:
    """Return the id of the flow run this code belongs to, or None."""
    flow_run = contexts.FlowRunContext.get()
    if flow_run is not None and flow_run.flow_run is not None:
        return flow_run.flow_run.id
    task_run = contexts.TaskRunContext.get()
    return task_run.task_run.flow_run_id if task_run is not None and task_run.task_run is not None else None


def get_task_and_flow_run_ids() -> tuple[UUID | None, UUID | None]:
    """Return the ids of the task run and the flow run this code belongs to."""
    return get_task_run_id(), get_flow_run_id()
