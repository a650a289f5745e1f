"""Concurrency limits."""

from __future__ import annotations

from enum import auto
from typing import Literal
from uuid import UUID

from pydantic import ConfigDict, Field

from prefect.schemas.base import ObjectBaseModel, PrefectBaseModel
from prefect.types.enums import AutoEnum


class ConcurrencyLimitStrategy(AutoEnum):
    """The handling of a run of a deployment whose concurrency limit is reached."""

    ENQUEUE = auto()
    CANCEL_NEW = auto()


class ConcurrencyOptions(PrefectBaseModel):
    """Options of the concurrency limit of a deployment. The grace period is in seconds."""

    collision_strategy: ConcurrencyLimitStrategy
    grace_period_seconds: int | None = Field(default=None, ge=60, le=86400)


class ConcurrencyLimitConfig(PrefectBaseModel):
    """A concurrency limit of a deployment with its options. The grace period is in seconds."""

    limit: int
    collision_strategy: ConcurrencyLimitStrategy = ConcurrencyLimitStrategy.ENQUEUE
    grace_period_seconds: int | None = Field(default=None, ge=60, le=86400)


class ConcurrencyLimit(ObjectBaseModel):
    """The limit of task runs with a tag that run at the same time; `active_slots` are those that do."""

    tag: str
    concurrency_limit: int
    active_slots: list[UUID] = Field(default_factory=list[UUID])


class GlobalConcurrencyLimit(ObjectBaseModel):
    """A named limit. Slots decay by `slot_decay_per_second` when it is a rate limit."""

    name: str
    limit: int
    active: bool | None = True
    active_slots: int | None = 0
    slot_decay_per_second: float | None = 0.0


class ConcurrencyLeaseHolder(PrefectBaseModel):
    """The run that holds slots of a limit."""

    model_config = ConfigDict(extra="forbid")

    type: Literal["flow_run", "task_run", "deployment"]
    id: UUID
