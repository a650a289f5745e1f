"""What filters have in common: how their conditions are combined."""

from __future__ import annotations

from enum import auto

from pydantic import BaseModel, ConfigDict

from prefect.schemas.base import PrefectBaseModel
from prefect.types.enums import AutoEnum


class Operator(AutoEnum):
    """Whether all conditions of a filter must hold, or any one of them."""

    and_ = auto()
    or_ = auto()


class OperatorMixin(BaseModel):
    """Gives a filter an operator that combines its conditions."""

    operator: Operator = Operator.and_


class FlowRunFilterBaseModel(PrefectBaseModel):
    """The base of the filters of flow runs, where a condition that does not exist is an error."""

    model_config = ConfigDict(extra="forbid")
