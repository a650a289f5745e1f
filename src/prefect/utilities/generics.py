"""Validating many objects of one kind at once."""

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
    """Make a list of models of a list of dicts.

    Raises:
        pydantic.ValidationError: It is no list, or an item does not fit.
    """
    return _adapter(model).validate_python(input)
