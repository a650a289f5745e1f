"""Serializers: a Python object to text that a result file can hold, and back.

A serializer is a small pydantic model whose `type` names it, so that a stored record names its serializer and
any process can read it. Subclasses of `Serializer` with a `type` of their own are found by that name. Serializers
know nothing of files, keys or runs.
"""

from __future__ import annotations

import base64
import functools
import importlib
import io
import operator
import types
import typing
import warnings
from collections.abc import Callable
from types import ModuleType
from typing import Annotated, Any, Generic, TypeVar, cast

import pydantic_core
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    PydanticUserError,
    SerializeAsAny,
    TypeAdapter,
    field_validator,
    model_validator,
)

__all__ = [
    "CompressedJSONSerializer",
    "CompressedPickleSerializer",
    "CompressedSerializer",
    "JSONSerializer",
    "PickleSerializer",
    "Serializer",
    "UnknownSerializer",
    "prefect_json_object_decoder",
    "prefect_json_object_encoder",
]

D = TypeVar("D")

_registry: dict[str, type[Serializer]] = {}
_BASE = "__base__"


class Serializer(BaseModel, Generic[D]):
    """Turns objects of a kind into bytes and back.

    To add one, subclass it with a default for `type`; it can then be named wherever a serializer is expected.
    Making `Serializer(type=name)` makes the serializer of that name.
    """

    model_config = ConfigDict(extra="forbid")

    type: str = Field(default=_BASE, description="The name by which records refer to this kind of serializer.")

    def __new__(cls, **fields: Any) -> Serializer:
        # A name that is not known is refused by the validation that follows.
        name = fields.get("type")
        known = _registry.get(name) if cls is Serializer and isinstance(name, str) else None
        return object.__new__(known or cls)

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        name = cls.model_fields["type"].default
        # A parametrized generic inherits its parent's name and is not registered.
        if isinstance(name, str) and name != _BASE and not cls.__pydantic_generic_metadata__["origin"]:
            _registry[name] = cls

    @model_validator(mode="wrap")
    @classmethod
    def _dispatch(cls, value: Any, handler: ModelWrapValidatorHandler[Serializer]) -> Serializer:
        if isinstance(value, str):
            value = {"type": value}
        if cls is Serializer and isinstance(value, dict):
            kind = _find_serializer(value.get("type", _BASE))
            if kind is not Serializer:
                return kind.model_validate(value)
        return handler(value)

    def dumps(self, obj: D) -> bytes:
        """Serialize an object as text in UTF-8, which a JSON record can hold."""
        raise NotImplementedError(f"{type(self).__name__} cannot serialize: define its method `dumps`.")

    def loads(self, blob: bytes) -> D:
        """Deserialize an object."""
        raise NotImplementedError(f"{type(self).__name__} cannot deserialize: define its method `loads`.")


def _find_serializer(name: Any) -> type[Serializer]:
    if name == _BASE:
        return Serializer
    try:
        return _registry[name]
    except (KeyError, TypeError):
        known = ", ".join(sorted(_registry))
        raise ValueError(
            f"No serializer is named {name!r}: import the module that defines it, or use one of {known}."
        ) from None


class UnknownSerializer(Serializer[Any]):
    """A serializer whose class is not imported, so that the metadata of a record can be read all the same."""

    model_config = ConfigDict(extra="allow")

    type: str  # pyright: ignore[reportGeneralTypeIssues]  # required: it is the name that was not known

    def dumps(self, obj: Any) -> bytes:
        raise self._error("write")

    def loads(self, blob: bytes) -> Any:
        raise self._error("read")

    def _error(self, verb: str) -> ValueError:
        return ValueError(
            f"Cannot {verb} a result with the serializer {self.type!r}: import the module that defines it first."
        )


def _library_with(kind: str, *methods: str) -> AfterValidator:
    """Return the validator of a module's name: the module can be imported and has these functions."""

    def check(name: str) -> str:
        _import_library(name, kind, *methods)
        return name

    return AfterValidator(check)


class PickleSerializer(Serializer[D]):
    """Serializes with a pickle library, in base64.

    A pickle can run code when it is read: read only results that you trust.
    """

    type: str = Field(default="pickle", frozen=True)
    picklelib: Annotated[str, _library_with("pickle", "dumps", "loads")] = Field(
        default="cloudpickle", description="The module that pickles: it has `dumps` and `loads`."
    )
    picklelib_version: str | None = Field(default=None, description="Kept for records that have it; not checked.")

    def dumps(self, obj: D) -> bytes:
        return base64.encodebytes(_import_library(self.picklelib, "pickle").dumps(obj))

    def loads(self, blob: bytes) -> D:
        return _import_library(self.picklelib, "pickle").loads(base64.decodebytes(blob))


class JSONSerializer(Serializer[D]):
    """Serializes as JSON; objects that JSON cannot represent become `{"__class__": ..., "data": ...}`.

    Pydantic can turn such objects into JSON and back: models, dataclasses, enums, dates, sets, paths and the like.
    Tuples are loaded as lists, and the keys of dictionaries as strings.
    """

    type: str = Field(default="json", frozen=True)
    jsonlib: str = Field(default="json", description="The module that encodes: it has `dumps` and `loads`.")
    object_encoder: str | None = Field(
        default="prefect.serializers.prefect_json_object_encoder",
        description="The function that makes JSON of an object that is not, by its full name; or None.",
    )
    object_decoder: str | None = Field(
        default="prefect.serializers.prefect_json_object_decoder",
        description="The function that every decoded JSON object is passed to, by its full name; or None.",
    )
    dumps_kwargs: dict[str, Any] = Field(default_factory=dict)
    loads_kwargs: dict[str, Any] = Field(default_factory=dict)

    @field_validator("dumps_kwargs")
    @classmethod
    def _check_dumps_kwargs(cls, value: dict[str, Any]) -> dict[str, Any]:
        return _reject_key(value, "default", "object_encoder")

    @field_validator("loads_kwargs")
    @classmethod
    def _check_loads_kwargs(cls, value: dict[str, Any]) -> dict[str, Any]:
        return _reject_key(value, "object_hook", "object_decoder")

    def dumps(self, obj: D) -> bytes:
        options = dict(self.dumps_kwargs)
        library = _import_library(self.jsonlib, "JSON")
        if self.object_encoder:
            options["default"] = _load_name(self.object_encoder)
            if self.jsonlib == "orjson":  # which would write these itself, without their class
                options.setdefault("option", _list_orjson_options(library))
        text = library.dumps(obj, **options)
        return text.encode() if isinstance(text, str) else text  # the standard library makes str, orjson bytes

    def loads(self, blob: bytes) -> D:
        options = dict(self.loads_kwargs)
        decode = _load_name(self.object_decoder) if self.object_decoder else None
        library = _import_library(self.jsonlib, "JSON")
        if self.jsonlib == "orjson":  # which knows no hook for objects
            value = library.loads(blob, **options)
            return _decode_objects(value, decode) if decode else value
        if decode:
            options["object_hook"] = decode
        return library.loads(blob.decode(), **options)


def _list_orjson_options(orjson: Any) -> int:
    return (
        orjson.OPT_NON_STR_KEYS
        | orjson.OPT_PASSTHROUGH_DATACLASS
        | orjson.OPT_PASSTHROUGH_DATETIME
        | orjson.OPT_PASSTHROUGH_SUBCLASS
    )


def _decode_objects(value: Any, decode: Callable[[dict[str, Any]], Any]) -> Any:
    """Pass every JSON object in a value to the decoder, the innermost first."""
    if isinstance(value, dict):
        return decode({name: _decode_objects(item, decode) for name, item in cast("dict[str, Any]", value).items()})
    if isinstance(value, list):
        return [_decode_objects(item, decode) for item in cast("list[Any]", value)]
    return value


class CompressedSerializer(Serializer[D]):
    """Compresses the output of another serializer."""

    type: str = Field(default="compressed", frozen=True)
    serializer: SerializeAsAny[Serializer]
    compressionlib: Annotated[str, _library_with("compression", "compress", "decompress")] = Field(
        default="lzma", description="The module that compresses: `compress`, `decompress`."
    )

    def dumps(self, obj: D) -> bytes:
        return base64.encodebytes(
            _import_library(self.compressionlib, "compression").compress(self.serializer.dumps(obj))
        )

    def loads(self, blob: bytes) -> D:
        plain = _import_library(self.compressionlib, "compression").decompress(base64.decodebytes(blob))
        return self.serializer.loads(plain)


class CompressedPickleSerializer(CompressedSerializer[D]):
    """A compressed pickle."""

    type: str = Field(default="compressed/pickle", frozen=True)
    serializer: SerializeAsAny[Serializer] = Field(default_factory=PickleSerializer)


class CompressedJSONSerializer(CompressedSerializer[D]):
    """Compressed JSON."""

    type: str = Field(default="compressed/json", frozen=True)
    serializer: SerializeAsAny[Serializer] = Field(default_factory=JSONSerializer)


def prefect_json_object_encoder(obj: Any) -> Any:
    """Convert an object that JSON cannot represent to a JSON object with the name of its class.

    Exceptions keep their class and their message only. Of an open stream only its description is written: reading it
    would take it from its user.

    Raises:
        pydantic_core.PydanticSerializationError: Pydantic does not know how to serialize it either.
    """
    kind = cast("type[Any]", type(obj))
    if isinstance(obj, BaseException):
        return {"__exc_type__": _full_name(kind), "message": str(obj)}
    if isinstance(obj, io.IOBase):
        return {"__class__": _full_name(kind), "data": f"<{obj!r}, whose content was not read>"}
    data = pydantic_core.to_jsonable_python(obj)
    generic: Any = getattr(kind, "__pydantic_generic_metadata__", None)
    if generic and generic["origin"]:
        # The class of `Box[int]` exists only where that was written, so it is named by its parts.
        parameters = [_describe_type(argument) for argument in generic["args"]]
        return {"__class__": _full_name(generic["origin"]), "data": data, "__parameters__": parameters}
    return {"__class__": _full_name(kind), "data": data}


def prefect_json_object_decoder(result: dict[str, Any]) -> Any:
    """Build the object that `prefect_json_object_encoder` described; return other dicts unchanged.

    A class that cannot be found gives the dict, with a warning. Only classes are called, never functions.

    Raises:
        ValueError: The type of an exception cannot be found, or is none.
    """
    if "__class__" in result and "data" in result:
        try:
            adapter = _adapter(_load_type(result["__class__"], result.get("__parameters__")))
        except (ImportError, AttributeError, TypeError, PydanticUserError) as error:
            warnings.warn(
                f"A value of the class {result['__class__']!r} is loaded as a dict, because the class cannot be used: "
                f"{error}",
                stacklevel=2,
            )
            return result
        return adapter.validate_python(result["data"])
    if "__exc_type__" in result:
        return _load_exception_type(result["__exc_type__"])(result["message"])
    return result


def _full_name(kind: Any) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


_UNION = "union"


def _describe_type(hint: Any) -> Any:
    """Return a type as JSON: its full name, or `[origin, arguments]`; None for what has no such form."""
    generic: Any = getattr(hint, "__pydantic_generic_metadata__", None)
    origin = generic["origin"] if generic else typing.get_origin(hint)
    if origin is None:
        return _full_name(hint) if isinstance(hint, type) else None
    arguments = [_describe_type(each) for each in (generic["args"] if generic else typing.get_args(hint))]
    is_union = origin in (typing.Union, types.UnionType)
    if None in arguments or not (is_union or isinstance(origin, type)):
        return None
    return [_UNION if is_union else _full_name(origin), arguments]


def _load_type(name: str, parameters: list[Any] | None = None) -> Any:
    """Return the class of this name, with the parameters that `_describe_type` described.

    Raises:
        ImportError: Its module cannot be found.
        AttributeError: Its module has no such name.
        TypeError: The object is not a class.
    """
    kind = None if name == _UNION else type(None) if name == "builtins.NoneType" else _load_name(name)
    if kind is not None and not isinstance(kind, type):
        raise TypeError(f"{name!r} is not a class")
    if not parameters or None in parameters:
        return kind
    arguments = [_load_type(each) if isinstance(each, str) else _load_type(*each) for each in parameters]
    return functools.reduce(operator.or_, arguments) if kind is None else cast("Any", kind)[tuple(arguments)]


def _load_exception_type(name: str) -> type[BaseException]:
    try:
        kind = _load_name(name)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"Invalid exception type {name!r}: {error}") from error
    if not (isinstance(kind, type) and issubclass(kind, BaseException)):
        raise ValueError(f"Invalid exception type {name!r}: it is not the class of an exception.")
    return kind


@functools.lru_cache(maxsize=256)
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def _load_name(name: str) -> Any:
    """Return the object with this full name; a class may be nested in others."""
    parts = name.split(".")
    for cut in range(len(parts) - 1, 0, -1):
        try:
            found: Any = importlib.import_module(".".join(parts[:cut]))
        except ModuleNotFoundError as error:
            if error.name and not name.startswith(error.name):
                raise
            continue
        return functools.reduce(getattr, parts[cut:], found)
    raise ImportError(f"No object is named {name!r}: its module cannot be found.")


def _import_library(name: str, kind: str, *methods: str) -> ModuleType:
    try:
        library = importlib.import_module(name)
    except ImportError as error:
        raise ValueError(f"Failed to import requested {kind} library: {name!r}.") from error
    for method in methods:
        if not callable(getattr(library, method, None)):
            raise ValueError(f"{kind.capitalize()} library at {name!r} does not have a {method!r} method.")
    return library


def _reject_key(options: dict[str, Any], key: str, field: str) -> dict[str, Any]:
    if key in options:
        raise ValueError(f"`{key}` cannot be provided. Use `{field}` instead.")
    return options
