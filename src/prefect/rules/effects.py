"""Effects of a verdict, as values for the caller to apply; nothing here does anything.

An effect whose `after_write` is false is applied in the transaction that writes the state, before the write; the
others after it, in the same transaction where the caller can. `settle` resolves those that only change the run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from prefect.rules.facts import RuleState


@dataclass(frozen=True, slots=True)
class Effect:
    """An action that is due when the verdict's state is written."""

    after_write: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class SetOnRun(Effect):
    """Set columns of the run; the columns that follow from the state are derived from them. `settle` resolves it."""

    after_write: ClassVar[bool] = False
    columns: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SetOnPolicy(Effect):
    """Set fields of the run's `empirical_policy`. `settle` resolves it."""

    after_write: ClassVar[bool] = False
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class MarkResuming(Effect):
    """Do not count the next RUNNING state as another attempt. `settle` resolves it."""


@dataclass(frozen=True, slots=True)
class RecordPauseKey(Effect):
    """Record the key of a pause, so that it is not repeated. `settle` resolves it."""

    key: str


@dataclass(frozen=True, slots=True)
class TakeDeploymentSlot(Effect):
    """Take one slot of the deployment's limit and hold it by a lease with this id.

    When the slot is gone by then, write nothing and decide again with new facts.
    """

    after_write: ClassVar[bool] = False
    lease_id: UUID


@dataclass(frozen=True, slots=True)
class RenewLease(Effect):
    """Renew the lease of the deployment's slot. If it has expired, write nothing and decide again."""

    after_write: ClassVar[bool] = False
    lease_id: UUID


@dataclass(frozen=True, slots=True)
class RevokeLease(Effect):
    """Forget the lease but keep the slot: the client is too old to renew it."""

    lease_id: UUID


@dataclass(frozen=True, slots=True)
class ReleaseDeploymentSlot(Effect):
    """Release the deployment's slot, and the lease that holds it, if there is one."""

    lease_id: UUID | None


@dataclass(frozen=True, slots=True)
class TakeSlots(Effect):
    """Take a slot of each of these limits for the task run: all of them or none.

    When one is gone by then, write nothing and decide again with new facts.
    """

    after_write: ClassVar[bool] = False
    limits: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ReleaseSlots(Effect):
    """Release all slots that the task run holds."""


@dataclass(frozen=True, slots=True)
class StoreCacheKey(Effect):
    """Store the written state under this cache key, until it expires."""

    key: str
    expiration: datetime | None


@dataclass(frozen=True, slots=True)
class Enqueue(Effect):
    """Put the task run on the queue of its task, or on the queue for retries, which is served first."""

    retry: bool


@dataclass(frozen=True, slots=True)
class EmitStateEvent(Effect):
    """Emit the event of the flow run's change to the written state."""


@dataclass(frozen=True, slots=True)
class MirrorToParent(Effect):
    """Force this state onto the task run that stands for the flow run in the flow that called it."""

    task_run_id: UUID
    state: RuleState
