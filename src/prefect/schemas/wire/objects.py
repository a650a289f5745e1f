# pyright: reportIncompatibleVariableOverride=false, reportGeneralTypeIssues=false
"""Blocks, limits, variables, artifacts, logs and what else the server keeps, in requests and responses."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from pydantic import Field

from prefect.schemas import account, blocks, concurrency, records
from prefect.schemas.actions import objects as actions
from prefect.schemas.actions.runs import LogFields
from prefect.schemas.wire.base import Stored
from prefect.types.names import Name

Data = dict[str, Any] | Any | None
"""The data of an artifact: any JSON, most often an object."""


class Artifact(records.Artifact):
    """An artifact."""

    data: Data = None


class ArtifactCollection(Stored, records.ArtifactCollection):
    """The latest artifact of a key."""

    data: Data = None


class ArtifactCreate(actions.ArtifactCreate):
    """A new artifact."""

    data: Data = None


class ArtifactUpdate(actions.ArtifactUpdate):
    """Changes to an artifact."""

    data: Data = None


class Log(Stored, records.Log):
    """A log record of a run."""


class LogCreate(LogFields):
    """A new log record. `level` is a number of the standard logging module."""


class Variable(Stored, records.Variable):
    """A named value."""


class VariableCreate(actions.VariableCreate):
    """A new variable."""

    tags: list[str] = Field(default_factory=list)


class BlockType(Stored, blocks.BlockType):
    """A kind of block."""

    logo_url: str | None = None
    documentation_url: str | None = None


class BlockTypeCreate(actions.BlockTypeCreate):
    """A new block type."""

    name: Name
    logo_url: str | None = None
    documentation_url: str | None = None


class BlockTypeUpdate(actions.BlockTypeUpdate):
    """Changes to a block type."""

    logo_url: str | None = None
    documentation_url: str | None = None


class BlockSchema(Stored, blocks.BlockSchema):
    """A version of the fields that blocks of a type have."""

    block_type: BlockType | None = None


class BlockSchemaCreate(actions.BlockSchemaCreate):
    """A new block schema."""

    block_type_id: UUID


class BlockDocument(Stored, blocks.BlockDocument):
    """A saved block."""

    block_schema: BlockSchema | None = None
    block_type: BlockType | None = None


class ConcurrencyLimit(Stored, concurrency.ConcurrencyLimit):
    """How many task runs with a tag may run at the same time."""


class ConcurrencyLimitV2(Stored):
    """A named limit with its active slots and their average occupancy."""

    active: bool = True
    name: Name
    limit: int
    active_slots: int = 0
    denied_slots: int = 0
    slot_decay_per_second: float = 0
    avg_slot_occupancy_seconds: float = 2.0


class CsrfToken(Stored, account.CsrfToken):
    """A token that protects a client against forged requests."""


class SavedSearch(Stored, account.SavedSearch):
    """A saved search."""
