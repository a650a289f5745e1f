"""Enums whose values are the names of their members."""

from __future__ import annotations

from enum import Enum, auto
from typing import Any


class AutoEnum(str, Enum):  # noqa: UP042  # `str()` of a member shows the enum, which StrEnum's does not
    """An enum of strings in which `auto()` makes each value its name."""

    @staticmethod
    def _generate_next_value_(name: str, start: int, count: int, last_values: list[Any]) -> str:
        return name

    @staticmethod
    def auto() -> str:
        """Return the value of a member: its name."""
        return auto()

    def __repr__(self) -> str:
        return f"{type(self).__name__}.{self.name}"
