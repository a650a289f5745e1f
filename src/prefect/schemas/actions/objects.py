"""Requests that create or change blocks, artifacts, variables, limits, searches, pools and queues."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

from pydantic import Field, model_validator

from prefect.schemas.account import SavedSearchFilter
from prefect.schemas.base import ActionBaseModel
from prefect.schemas.blocks import BlockTypeDescription, validate_name_present_on_nonanonymous_blocks
from prefect.schemas.records import ArtifactFields
from prefect.schemas.work import QueueFilter, WorkPoolStorageConfiguration
from prefect.types._annotated import (
    AwareDateTime,
    NonNegativeFloat,
    NonNegativeInteger,
    PositiveInteger,
    StrictVariableValue,
)
from prefect.types.names import ArtifactKey, BlockDocumentName, BlockTypeSlug, Name, NonEmptyishName, VariableName


class BlockTypeCreate(BlockTypeDescription, ActionBaseModel):
    """A new block type."""

    name: str
    slug: BlockTypeSlug


class BlockTypeUpdate(BlockTypeDescription, ActionBaseModel):
    """Changes to a block type."""

    @classmethod
    def updatable_fields(cls) -> set[str]:
        """Return the names of the fields that can be changed."""
        return set(cls.model_fields)


class BlockSchemaCreate(ActionBaseModel):
    """A new block schema."""

    fields: dict[str, Any] = Field(default_factory=dict)
    block_type_id: UUID | None = None
    capabilities: list[str] = Field(default_factory=list)
    version: str = "non-versioned"


class BlockDocumentCreate(ActionBaseModel):
    """A new block document."""

    name: BlockDocumentName | None = None
    data: dict[str, Any] = Field(default_factory=dict)
    block_schema_id: UUID
    block_type_id: UUID
    is_anonymous: bool = False

    @model_validator(mode="before")
    @classmethod
    def _named_unless_anonymous(cls, values: Any) -> Any:
        return validate_name_present_on_nonanonymous_blocks(values)


class BlockDocumentUpdate(ActionBaseModel):
    """Changes to a block document; its data is merged into the existing data by default."""

    block_schema_id: UUID | None = None
    data: dict[str, Any] = Field(default_factory=dict)
    merge_existing_data: bool = True


class BlockDocumentReferenceCreate(ActionBaseModel):
    """A new reference between block documents."""

    id: UUID = Field(default_factory=uuid4)
    parent_block_document_id: UUID
    reference_block_document_id: UUID
    name: str


class ArtifactCreate(ArtifactFields, ActionBaseModel):
    """A new artifact."""

    key: ArtifactKey | None = None


class ArtifactUpdate(ActionBaseModel):
    """Changes to an artifact."""

    data: Any = None
    description: str | None = None
    metadata_: dict[str, str] | None = None


class VariableCreate(ActionBaseModel):
    """A new variable."""

    name: VariableName
    value: StrictVariableValue
    tags: list[str] | None = None


class VariableUpdate(ActionBaseModel):
    """Changes to a variable."""

    name: VariableName | None = None
    value: StrictVariableValue = None
    tags: list[str] | None = None


class SavedSearchCreate(ActionBaseModel):
    """A new saved search."""

    name: str
    filters: list[SavedSearchFilter] = Field(default_factory=list[SavedSearchFilter])


class ConcurrencyLimitCreate(ActionBaseModel):
    """A new limit for task runs with a tag."""

    tag: str
    concurrency_limit: int


class ConcurrencyLimitV2Create(ActionBaseModel):
    """Request of the API to create a named limit."""

    active: bool = True
    name: Name
    limit: NonNegativeInteger
    active_slots: NonNegativeInteger = 0
    denied_slots: NonNegativeInteger = 0
    slot_decay_per_second: NonNegativeFloat = 0


class GlobalConcurrencyLimitCreate(ActionBaseModel):
    """A new named limit."""

    name: Name
    limit: NonNegativeInteger
    active: bool | None = True
    active_slots: NonNegativeInteger | None = 0
    slot_decay_per_second: NonNegativeFloat | None = 0.0


class GlobalConcurrencyLimitUpdate(ActionBaseModel):
    """Changes to a named limit."""

    name: Name | None = None
    limit: NonNegativeInteger | None = None
    active: bool | None = None
    active_slots: NonNegativeInteger | None = None
    slot_decay_per_second: NonNegativeFloat | None = None


class ConcurrencyLimitV2Update(GlobalConcurrencyLimitUpdate):
    """Request of the API to change a named limit."""

    denied_slots: NonNegativeInteger | None = None


class WorkPoolCreate(ActionBaseModel):
    """A new work pool."""

    name: NonEmptyishName
    description: str | None = None
    type: str = "prefect-agent"
    base_job_template: dict[str, Any] = Field(default_factory=dict)
    is_paused: bool = False
    concurrency_limit: NonNegativeInteger | None = None
    storage_configuration: WorkPoolStorageConfiguration = Field(default_factory=WorkPoolStorageConfiguration)


class WorkPoolUpdate(ActionBaseModel):
    """Changes to a work pool."""

    description: str | None = None
    is_paused: bool | None = None
    base_job_template: dict[str, Any] | None = None
    concurrency_limit: int | None = None
    storage_configuration: WorkPoolStorageConfiguration | None = None


class WorkQueueFields(ActionBaseModel):
    """Fields of new and changed work queues."""

    description: str | None = None
    is_paused: bool = False
    concurrency_limit: NonNegativeInteger | None = None
    priority: PositiveInteger | None = None
    filter: QueueFilter | None = None


class WorkQueueCreate(WorkQueueFields):
    """A new work queue."""

    name: str


class WorkQueueUpdate(WorkQueueFields):
    """Changes to a work queue."""

    name: str | None = None
    last_polled: AwareDateTime | None = None
