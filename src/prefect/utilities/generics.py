"""Validation of lists of models."""

from __future__ import annotations

from functools import cache
from typing import Any, TypeVar

from pydantic import BaseModel, TypeAdapter

T = TypeVar("T", bound=BaseModel)

ListValidator = TypeAdapter(list[Any]).validator


@cache
def _adapter(model: type[T]) -> TypeAdapter[list[T]]:
    return TypeAdapter(list[model])  # pyright: ignore[reportInvalidTypeForm]


def validate_list(model: type[T], input: Any) -> list[T]:
    """Convert a list of dicts to a list of models.

    Raises:
        pydantic.ValidationError: It is not a list, or an item is invalid.
    """
    return _adapter(model).validate_python(input)
