"""Single settings by environment name: `PREFECT_API_URL.value()`.

The names are read from the models: resolving a canonical name imports only its groups, an older name all of them.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

from prefect._lazy import lazy_modules
from prefect.settings import _current
from prefect.settings._errors import SettingsError

if TYPE_CHECKING:
    import difflib

    from pydantic import SecretStr

    from prefect.settings import base
    from prefect.settings._protocols import SettingsTree
else:
    base, difflib = lazy_modules("prefect.settings.base", "difflib")


class Setting:
    """One setting.

    Truth and equality are those of its value; two `Setting` objects are equal if they are the same setting.
    """

    def __init__(self, name: str, default: Any, type_: Any, accessor: str | None = None) -> None:
        self._name = name
        self._default = default
        self._type = type_
        self.accessor = accessor or _require_leaf(name).accessor

    @property
    def name(self) -> str:
        """Return the environment name under which it was found."""
        return self._name

    @property
    def is_secret(self) -> bool:
        """Return whether its value must not be shown."""
        return "SecretStr" in str(self._type)

    def default(self) -> Any:
        """Return the default, before derivation from other settings."""
        return self._default() if callable(self._default) else self._default

    def value(self) -> Any:
        """Return its value in the current settings; a secret in clear."""
        return _reveal(value_at(_current.get_context().settings, self.accessor))

    def value_from(self, settings: base.PrefectBaseSettings) -> Any:
        """Return its value in `settings`, the tree of all; a secret in clear."""
        return _reveal(value_at(settings, self.accessor))

    def __bool__(self) -> bool:
        return bool(self.value())

    def __str__(self) -> str:
        return str(self.value())

    def __repr__(self) -> str:
        shown = self._type.__name__ if isinstance(self._type, type) else self._type
        return f"<{self._name}: {shown}>"

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Setting):
            return self.accessor == other.accessor
        return bool(self.value() == other)

    def __hash__(self) -> int:
        return hash(self.accessor)


def find_setting(name: str) -> Setting | None:
    """Return the setting with this environment name, canonical or older; None when there is none."""
    leaf = _find_leaf(name)
    return _make_setting(name, leaf) if leaf else None


@functools.cache
def canonical_setting(accessor: str) -> Setting:
    """Return the setting at an accessor, under its canonical name."""
    leaf = _leaf_at(accessor)
    return _make_setting(leaf.env, leaf)


def all_leaves() -> dict[str, base.Leaf]:
    """Return every setting by its accessor."""
    return _index()[0]


def all_names() -> dict[str, str]:
    """Return the accessor of every environment name, canonical or older."""
    return _index()[1]


def find_accessor(key: Setting | str) -> str:
    """Return the accessor of a setting, from the setting, its environment name or its accessor.

    Raises:
        SettingsError: There is no such setting.
    """
    if isinstance(key, Setting):
        return key.accessor
    return (_leaf_at(key) if "." in key or not key.isupper() else _require_leaf(key)).accessor


def value_at(settings: base.PrefectBaseSettings | SettingsTree, accessor: str) -> Any:
    """Return the value at an accessor such as `tasks.default_retries`."""
    value: Any = settings
    for step in accessor.split("."):
        value = getattr(value, step)
    return value


def suggestion(name: str) -> str:
    """Return ` Did you mean X?` for a name that is not a setting; an empty text when nothing is close."""
    near = difflib.get_close_matches(name.upper(), all_names(), n=1, cutoff=0.75)
    return f" Did you mean {near[0]}?" if near else ""


def _reveal(value: Any) -> Any:
    return cast("SecretStr", value).get_secret_value() if hasattr(value, "get_secret_value") else value


def _root_class() -> type[base.PrefectBaseSettings]:
    return _current.get_root_class()


def _make_setting(name: str, leaf: base.Leaf) -> Setting:
    default = leaf.field.default_factory or leaf.field.default
    return Setting(name, default, leaf.field.annotation, leaf.accessor)


def _require_leaf(name: str) -> base.Leaf:
    leaf = _find_leaf(name)
    if leaf is None:
        raise SettingsError(f"{name} is not a setting.{suggestion(name)}")
    return leaf


def _leaf_at(accessor: str) -> base.Leaf:
    shape = _root_class().shape()
    *path, last = accessor.split(".")
    for step in path:
        part = shape.groups.get(step)
        if part is None:
            break
        shape = part().shape()
    else:
        if last in shape.leaves:
            return shape.leaves[last]
    name = "PREFECT_" + accessor.upper().replace(".", "_")
    raise SettingsError(f"There is no setting {accessor!r}.{suggestion(name)}")


@functools.lru_cache(maxsize=512)
def _find_leaf(name: str) -> base.Leaf | None:
    if not name.startswith("PREFECT_"):
        return None
    leaf = _follow(name.removeprefix("PREFECT_").lower(), _root_class())
    if leaf is not None:
        return leaf
    accessor = all_names().get(name)
    return all_leaves()[accessor] if accessor else None


def _follow(rest: str, cls: type[base.PrefectBaseSettings]) -> base.Leaf | None:
    """Resolve the rest of a canonical name, in lower case, to a leaf below a group."""
    shape = cls.shape()
    if rest in shape.leaves:
        return shape.leaves[rest]
    for name, part in shape.groups.items():
        if rest.startswith(name + "_"):
            leaf = _follow(rest[len(name) + 1 :], part())
            if leaf is not None:
                return leaf
    return None


@functools.cache
def _index() -> tuple[dict[str, base.Leaf], dict[str, str]]:
    leaves = {leaf.accessor: leaf for leaf in _walk(_root_class())}
    names: dict[str, str] = {}
    for leaf in leaves.values():
        names.update(dict.fromkeys(leaf.names, leaf.accessor))
    return leaves, names


def _walk(cls: type[base.PrefectBaseSettings]) -> Iterator[base.Leaf]:
    shape = cls.shape()
    yield from shape.leaves.values()
    for part in shape.groups.values():
        yield from _walk(part())
