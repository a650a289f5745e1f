"""Base classes of filters, which combine conditions."""

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
    """Base class of the flow run filters; unknown conditions are errors."""

    model_config = ConfigDict(extra="forbid")
