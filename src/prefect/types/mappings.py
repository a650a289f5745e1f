"""Names for dictionaries of values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

Record: TypeAlias = dict[str, Any]
"""A record of a journal, by the names of its fields."""

Values: TypeAlias = Mapping[str, Any]
"""The values of an object's fields, by their names."""
