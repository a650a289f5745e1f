"""The constrained types of the interface: pydantic's, and so not imported until one is used."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator
from pydantic_core import TzInfo

from prefect.types import UTC


def aware(value: datetime) -> datetime:
    """The datetime with a zone of the standard library's: UTC where it has none.

    A datetime that was read from JSON has a fixed offset of pydantic's own type, which is replaced by an equal one.
    """
    zone = value.tzinfo
    if zone is UTC:
        return value
    if zone is None:
        return value.replace(tzinfo=UTC)
    if isinstance(zone, TzInfo):
        offset = zone.utcoffset(value) or timedelta(0)
        return value.replace(tzinfo=timezone(offset) if offset else UTC)
    return value


DateTime = Annotated[datetime, AfterValidator(aware)]
"""An aware datetime; one without a zone is taken to be in UTC."""


def convert_none_to_empty_dict(v: KeyValueLabels | None) -> KeyValueLabels:
    """An empty dict for None, anything else unchanged."""
    return {} if v is None else v


KeyValueLabels = dict[str, bool | int | float | str]
"""Labels: names with plain values."""

KeyValueLabelsField = Annotated[KeyValueLabels, BeforeValidator(convert_none_to_empty_dict)]
"""Labels, where None stands for no labels."""
