"""Base classes of the models."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, ClassVar, Self, TypeVar
from uuid import UUID, uuid4

from pydantic import BaseModel, ConfigDict, Field

from prefect._io import class_twin, twin
from prefect.types import new_id
from prefect.types._annotated import AwareDateTime

T = TypeVar("T", bound=BaseModel)

_new = object.__new__
# The slots themselves: half the cost of `object.__setattr__`, on the way of every state.
_slots: Any = vars(BaseModel)
_set_dict = _slots["__dict__"].__set__
_set_fields_set = _slots["__pydantic_fields_set__"].__set__
_set_extra = _slots["__pydantic_extra__"].__set__
_set_private = _slots["__pydantic_private__"].__set__


def make(cls: type[T], fields: dict[str, Any], fields_set: set[str]) -> T:
    """Build a model from valid values without validation.

    Costs under a microsecond, where validation costs several and building the validator milliseconds.

    Args:
        cls: The model. It must have neither extra nor private attributes.
        fields: A value for every field, in the model's order; the model keeps this very dict.
        fields_set: The names of the fields that were set explicitly.
    """
    model = _new(cls)
    _set_dict(model, fields)
    _set_fields_set(model, fields_set)
    _set_extra(model, None)
    _set_private(model, None)
    return model


class PrefectBaseModel(BaseModel):
    """Base class of the API models.

    Unknown fields are ignored, so that a newer server works with an older client.
    """

    _reset_fields: ClassVar[set[str]] = set()

    model_config = ConfigDict(
        ser_json_timedelta="float", extra="ignore", defer_build=True, ignored_types=(twin, class_twin)
    )

    def __eq__(self, other: Any) -> bool:
        """Return whether all fields are equal, apart from those that `reset_fields` resets."""
        if self is other:
            return True
        if not isinstance(other, PrefectBaseModel):
            return NotImplemented
        return self._comparable() == other._comparable()

    def _comparable(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name not in self._reset_fields}

    __hash__ = None  # pyright: ignore[reportAssignmentType]  # mutable, so it has none unless a model gives one

    def __rich_repr__(self) -> Generator[tuple[str, Any, Any]]:
        for name, field in type(self).model_fields.items():
            value = getattr(self, name)
            yield name, value, field.get_default()

    @classmethod
    def model_validate_list(
        cls, obj: Any, *, strict: bool | None = None, from_attributes: bool | None = None, context: Any | None = None
    ) -> list[Self]:
        """Validate a list whose items are this model."""
        return [
            cls.model_validate(item, strict=strict, from_attributes=from_attributes, context=context) for item in obj
        ]

    def reset_fields(self) -> Self:
        """Return a copy whose identity fields (id, created, updated) have their defaults again, as if it were new."""
        fields = type(self).model_fields
        return self.model_copy(
            update={name: fields[name].get_default(call_default_factory=True) for name in self._reset_fields}
        )


class ActionBaseModel(PrefectBaseModel):
    """Base class of request bodies; unknown fields are errors."""

    model_config = ConfigDict(extra="forbid")


class IDBaseModel(PrefectBaseModel):
    """Base class of objects with an id, random by default."""

    _reset_fields: ClassVar[set[str]] = {"id"}

    id: UUID = Field(default_factory=uuid4)


class TimeSeriesBaseModel(IDBaseModel):
    """Base class of objects whose id sorts by creation time."""

    id: UUID = Field(default_factory=new_id)


class ObjectBaseModel(IDBaseModel):
    """Base class of stored objects: an id, and the times of creation and last update."""

    _reset_fields: ClassVar[set[str]] = {"id", "created", "updated"}

    model_config = ConfigDict(from_attributes=True)

    created: AwareDateTime | None = Field(default=None, repr=False)
    updated: AwareDateTime | None = Field(default=None, repr=False)


def models_as_data(value: Any) -> Any:
    """Return parameters with pydantic models replaced by their JSON data, because runs are stored as JSON."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, dict):
        items: dict[Any, Any] = value  # pyright: ignore[reportUnknownVariableType]
        return {key: models_as_data(item) for key, item in items.items()}
    if isinstance(value, list | tuple):
        parts: list[Any] = list(value)  # pyright: ignore[reportUnknownArgumentType]
        return [models_as_data(item) for item in parts]
    return value
