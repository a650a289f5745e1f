"""Tools for pydantic models: partial models, misspelled names, pickling as JSON, masked secrets."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Generic, Literal, TypeVar, cast, overload

import pydantic
from pydantic import BaseModel, RootModel, Secret, TypeAdapter
from pydantic_core import to_jsonable_python

from prefect.loading.imports import from_qualified_name, to_qualified_name
from prefect.values.masking import obfuscate

M = TypeVar("M", bound=BaseModel)
T = TypeVar("T")


def parse_obj_as(type_: type[T], data: Any, mode: Literal["python", "json", "strings"] = "python") -> T:
    """Convert data to a value of a type.

    Args:
        type_: Any type that pydantic supports.
        mode: What the data is: Python objects, a JSON text, or Python objects whose leaves are all text.

    Raises:
        pydantic.ValidationError: The data does not fit.
    """
    adapter = TypeAdapter(type_)
    validate: dict[str, Callable[[Any], T]] = {
        "python": adapter.validate_python,
        "json": adapter.validate_json,
        "strings": adapter.validate_strings,
    }
    return validate[mode](data)


def find_misspelled_fields(
    values: Any, validated: Any, place: tuple[str | int, ...] = ()
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield names that no field has, but one that is similar, in what models were validated from.

    Args:
        values: What was validated.
        validated: The model, or a list of models.

    Returns:
        The place of each name, and the similar name of a field.
    """
    if isinstance(values, list) and isinstance(validated, list):
        pairs = zip(cast("list[Any]", values), cast("list[Any]", validated), strict=False)
        for position, (value, item) in enumerate(pairs):
            yield from find_misspelled_fields(value, item, (*place, position))
    if not isinstance(values, dict) or not isinstance(validated, BaseModel) or isinstance(validated, RootModel):
        return
    fields = type(validated).model_fields
    for name, value in cast("dict[str, Any]", values).items():
        if name in fields:
            yield from find_misspelled_fields(value, getattr(validated, name), (*place, name))
        elif type(validated).model_config.get("extra") != "allow":
            for similar in difflib.get_close_matches(str(name), fields, n=1, cutoff=0.75):
                yield (*place, name), similar


def get_class_fields_only(model: type[BaseModel]) -> set[str]:
    """Return the fields that a model declares itself or overrides, without the inherited ones."""
    inherited = {name: field for base in model.__bases__ for name, field in getattr(base, "model_fields", {}).items()}
    own = model.__annotations__
    return {
        name
        for name, field in model.model_fields.items()
        if name in own or name not in inherited or field.default != inherited[name].default
    }


def custom_pydantic_encoder(type_encoders: dict[Any, Callable[[Any], Any]], obj: Any) -> Any:
    """Convert an object to a JSON value.

    Args:
        type_encoders: How to write objects of some classes and their subclasses.
    """
    for kind in type(obj).__mro__[:-1]:
        if kind in type_encoders:
            return type_encoders[kind](obj)
    return to_jsonable_python(obj)


def handle_secret_render(value: object, context: dict[str, Any]) -> object:
    """Return a value for display: a secret is masked unless the context has `include_secrets`; a model is a dict."""
    if isinstance(value, (Secret, pydantic.SecretStr, pydantic.SecretBytes)):
        secret: Any = cast("Any", value).get_secret_value()
        return secret if context.get("include_secrets", False) else obfuscate(value)
    if isinstance(value, BaseModel):
        return dict(value)
    return value


# --- pickling --------------------------------------------------------------------------------------------------------


def _restore_model(name: str, data: str) -> BaseModel:
    return cast("type[BaseModel]", from_qualified_name(name)).model_validate_json(data)


def _reduce_model(self: BaseModel, **options: Any) -> tuple[Any, ...]:
    return _restore_model, (to_qualified_name(type(self)), self.model_dump_json(**options))


@overload
def add_cloudpickle_reduction(__model_cls: type[M]) -> type[M]: ...
@overload
def add_cloudpickle_reduction(**kwargs: Any) -> Callable[[type[M]], type[M]]: ...
def add_cloudpickle_reduction(
    __model_cls: type[M] | None = None, **kwargs: Any
) -> type[M] | Callable[[type[M]], type[M]]:
    """Make a model class pickle as JSON, which other versions of the class can read.

    Args:
        **kwargs: Options of `model_dump_json`, such as `exclude`.
    """
    if __model_cls is None:
        return cast("Callable[[type[M]], type[M]]", partial(add_cloudpickle_reduction, **kwargs))

    def __reduce__(self: BaseModel) -> tuple[Any, ...]:
        return _reduce_model(self, **kwargs)

    __model_cls.__reduce__ = __reduce__  # pyright: ignore[reportAttributeAccessIssue]
    return __model_cls


# --- models made piece by piece --------------------------------------------------------------------------------------


class PartialModel(Generic[M]):
    """A model whose fields are set one by one, each once, and validated at the end.

    Args:
        __model_cls: The model.
        **kwargs: Fields to begin with.
    """

    model_cls: type[M]
    fields: dict[str, Any]

    def __init__(self, __model_cls: type[M], **kwargs: Any) -> None:
        self.__dict__["model_cls"] = __model_cls
        self.__dict__["fields"] = {}
        for name, value in kwargs.items():
            setattr(self, name, value)

    def finalize(self, **kwargs: Any) -> M:
        """Build the model, with additional fields.

        Raises:
            ValueError: A field is set already, or there is no such field.
            pydantic.ValidationError: Fields are missing or do not fit.
        """
        for name in kwargs:
            self.raise_if_already_set(name)
            self.raise_if_not_in_model(name)
        return self.model_cls(**self.fields, **kwargs)

    def raise_if_already_set(self, name: str) -> None:
        """Raise ValueError if the field is set."""
        if name in self.fields:
            raise ValueError(f"Field {name!r} has already been set.")

    def raise_if_not_in_model(self, name: str) -> None:
        """Raise ValueError if the model has no such field."""
        if name not in self.model_cls.model_fields:
            raise ValueError(f"Field {name!r} is not present in the model.")

    def __setattr__(self, name: str, value: Any) -> None:
        self.raise_if_already_set(name)
        self.raise_if_not_in_model(name)
        self.fields[name] = value

    def __repr__(self) -> str:
        fields = "".join(f", {name}={value!r}" for name, value in self.fields.items())
        return f"PartialModel(cls={self.model_cls.__name__}{fields})"
