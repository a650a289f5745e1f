"""Base classes of filters, which combine conditions."""

from __future__ import annotations

from enum import auto
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from prefect.schemas.base import PrefectBaseModel
from prefect.types._annotated import AwareDateTime
from prefect.types.enums import AutoEnum


class Operator(AutoEnum):
    """The operator of a filter's conditions: all must hold, or any one of them."""

    and_ = auto()
    or_ = auto()


class OperatorMixin(BaseModel):
    """Gives a filter an operator that combines its conditions."""

    operator: Operator = Operator.and_


class FlowRunFilterBaseModel(PrefectBaseModel):
    """Base class of the flow run filters; unknown conditions are errors."""

    model_config = ConfigDict(extra="forbid")


# --- conditions on one value; a filter with several inherits them in the reverse order of its fields -----------------


class AnyId(PrefectBaseModel):
    """The value is one of these ids."""

    any_: list[UUID] | None = None


class AnyText(PrefectBaseModel):
    """The value is one of these texts."""

    any_: list[str] | None = None


class NotAnyText(AnyText):
    """The value is one of these texts, and none of those."""

    not_any_: list[str] | None = None


class LikeText(AnyText):
    """The value is one of these texts, or contains one in any case."""

    like_: str | None = None


class AllTexts(PrefectBaseModel):
    """The value contains all of these texts."""

    all_: list[str] | None = None


class Between(PrefectBaseModel):
    """The value is a time within these bounds."""

    before_: AwareDateTime | None = None
    after_: AwareDateTime | None = None


class Missing(PrefectBaseModel):
    """The value is missing, or is present."""

    is_null_: bool | None = None
