# pyright: reportIncompatibleVariableOverride=false, reportGeneralTypeIssues=false
"""Base classes of the server's schemas.

A class here may require an optional field of the client's class of the same name, or change the type of a field.
Pyright rejects that in a subclass, so the modules of this package turn two of its rules off.
"""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, BeforeValidator, Field

from prefect.schemas.base import ObjectBaseModel
from prefect.schemas.runs import random_name
from prefect.types._annotated import AwareDateTime, KeyValueLabels, convert_none_to_empty_dict


class Stored(ObjectBaseModel):
    """Base class of the server's responses: ids and times are always set."""

    id: UUID
    created: AwareDateTime | None
    updated: AwareDateTime | None


Labels = Annotated[KeyValueLabels | None, AfterValidator(convert_none_to_empty_dict)]
"""Labels, where None stands for no labels."""

RunName = Annotated[str, BeforeValidator(lambda value: value or random_name()), Field(default_factory=random_name)]
"""The name of a run, by default a random one."""
