# pyright: reportIncompatibleVariableOverride=false, reportGeneralTypeIssues=false
"""What the schemas of the server have in common.

A class here may ask for what the client's class of the same name leaves open, or have another type for a field. Pyright
holds that to be wrong of a subclass, so the modules of this package turn two of its rules off.
"""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, BeforeValidator, Field

from prefect.schemas.base import ObjectBaseModel
from prefect.schemas.runs import random_name
from prefect.types._annotated import AwareDateTime, KeyValueLabels, convert_none_to_empty_dict


class Stored(ObjectBaseModel):
    """The base of what the server answers: its id and its times are always there."""

    id: UUID
    created: AwareDateTime | None
    updated: AwareDateTime | None


Labels = Annotated[KeyValueLabels | None, AfterValidator(convert_none_to_empty_dict)]
"""Labels, where None stands for no labels."""

RunName = Annotated[str, BeforeValidator(lambda value: value or random_name()), Field(default_factory=random_name)]
"""The name of a run, by default a random one."""
