"""Declarations of single settings, and the plan that finds their values.

A leaf knows its names and its type and can validate a value; a plan knows the sources. Neither depends on a model, so
both work without building the settings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, cast

import pydantic
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from prefect.settings._errors import SettingsError
from prefect.settings.sources import MISSING, Layer, Snapshot

HIDDEN: Final = "**********"
"""Placeholder for a secret."""


# The small classes here are written out, because making a named tuple costs every process a millisecond.


class Leaf:
    """One setting, as its group declares it.

    Attributes:
        names: The environment names: the canonical one, then the older ones in order of precedence.
        path: The group.
        derive: Computes the value from the group, the value of the sources, and the tree of settings.
    """

    __slots__ = ("accessor", "derive", "field", "name", "names", "path")

    def __init__(
        self,
        name: str,
        names: tuple[str, ...],
        path: tuple[str, ...],
        field: FieldInfo,
        derive: Callable[[Any, Any, Any], Any] | None,
    ) -> None:
        self.name = name
        self.accessor = ".".join((*path, name))
        self.names = names
        self.path = path
        self.field = field
        self.derive = derive

    @property
    def env(self) -> str:
        return self.names[0]

    @property
    def is_secret(self) -> bool:
        return "SecretStr" in str(self.field.annotation)

    @property
    def declared_type(self) -> Any:
        """Return the type with its constraints."""
        metadata = self.field.metadata
        return _annotated(self.field.annotation, metadata) if metadata else self.field.annotation

    def default(self) -> Any:
        """Return the default, before derivation from other settings."""
        # Not `FieldInfo.get_default`, which inspects the factory's signature at a cost of milliseconds.
        factory = cast("Callable[[], Any] | None", self.field.default_factory)
        return factory() if factory else self.field.default

    def validated(self, value: Any, origin: str) -> Any:
        """Validate a value and return it as the setting's type.

        Raises:
            SettingsError: The value is invalid.
        """
        try:
            return self.checked(value)
        except ValidationError as error:
            raise SettingsError(self._describe_invalid(value, origin, error)) from error

    def checked(self, value: Any) -> Any:
        """Like `validated`, raising pydantic's own error."""
        if type(value) is str and self.declared_type is Path:  # start-up: building a validator takes milliseconds
            return Path(value)
        return _adapter(self).validate_python(value)

    def _describe_invalid(self, value: Any, origin: str, error: ValidationError) -> str:
        shown = HIDDEN if self.is_secret else repr(value)
        return f"{self.env} is {shown} (from {origin}), but {_describe_expected(error)}."


def _annotated(annotation: Any, metadata: Iterable[Any]) -> Any:
    from typing import Annotated

    return Annotated[(annotation, *metadata)]


_adapters: dict[tuple[str, int], Any] = {}


def _adapter(leaf: Leaf) -> Any:
    key = (leaf.env, id(leaf.field))
    adapter = _adapters.get(key)
    if adapter is None:
        adapter = _adapters[key] = pydantic.TypeAdapter(leaf.declared_type)
    return adapter


def _describe_expected(error: ValidationError) -> str:
    """Return the expectation of a pydantic error, as the end of a sentence."""
    wanted: list[str] = []
    for detail in error.errors(include_url=False, include_input=False):
        message = detail["msg"].removeprefix("Value error, ").rstrip(".")
        if message.startswith("Input should be "):
            message = message.removeprefix("Input should be ").split(", unable to")[0].split(", invalid")[0]
        else:
            message = message[:1].lower() + message[1:]
        if message not in wanted:
            wanted.append(message)
    first = error.errors(include_url=False, include_input=False)[0]["msg"]
    return ("it should be " if first.startswith("Input should be ") else "") + " or ".join(wanted)


_NO_VALUES: Mapping[str, Any] = MappingProxyType({})


class Plan:
    """The sources of the values of a tree of settings, highest first: explicit ones, environment and files, defaults.

    Attributes:
        explicit: Values by accessor that program code set.
        restored: Accessors that keep their default regardless of the sources.
    """

    __slots__ = ("defaults", "explicit", "restored", "snapshot")

    def __init__(
        self,
        snapshot: Snapshot,
        explicit: Mapping[str, Any] = _NO_VALUES,
        defaults: Mapping[str, Any] = _NO_VALUES,
        restored: frozenset[str] = frozenset(),
    ) -> None:
        self.snapshot = snapshot
        self.explicit = explicit
        self.defaults = defaults
        self.restored = restored

    def find(self, leaf: Leaf) -> tuple[Any, Layer | str]:
        accessor = leaf.accessor
        if accessor in self.explicit:
            return self.explicit[accessor], "program code"
        if accessor not in self.restored:
            value, layer = self.snapshot.find(leaf.names, leaf.path, leaf.name)
            if layer is not None:
                return value, layer
        if accessor in self.defaults:
            return self.defaults[accessor], "program code"
        return MISSING, ""
