# pyright: reportIncompatibleVariableOverride=false, reportGeneralTypeIssues=false
"""Base classes of the server's schemas.

A class here may require an optional field of the client's class of the same name, or change the type of a field.
Pyright rejects that in a subclass, so the modules of this package turn two of its rules off.
"""

from __future__ import annotations

from typing import Annotated, Generic, TypeVar
from uuid import UUID

from pydantic import AfterValidator, BeforeValidator, Field

from prefect.schemas.base import ObjectBaseModel, PrefectBaseModel
from prefect.schemas.runs import random_name
from prefect.types._annotated import AwareDateTime, KeyValueLabels, convert_none_to_empty_dict

T = TypeVar("T")


class Stored(ObjectBaseModel):
    """Base class of the server's responses: ids and times are always set."""

    id: UUID
    created: AwareDateTime | None
    updated: AwareDateTime | None


class Page(PrefectBaseModel, Generic[T]):
    """A page of objects, with the number of all objects and of all pages."""

    results: list[T]
    count: int
    limit: int
    pages: int
    page: int


class Deleted(PrefectBaseModel):
    """The ids of the objects that were deleted."""

    deleted: list[UUID] = Field(default_factory=list[UUID])


Labels = Annotated[KeyValueLabels | None, AfterValidator(convert_none_to_empty_dict)]
"""Labels, where None stands for no labels."""

RunName = Annotated[str, BeforeValidator(lambda value: value or random_name()), Field(default_factory=random_name)]
"""The name of a run, by default a random one."""
