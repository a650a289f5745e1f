"""Base class of settings groups: pydantic models that read their values from the sources and build their parts lazily.

A group is read setting by setting: defaults are not validated, so that a typical process builds no schema at all.
Subgroups and derived values are built on first access; operations on a whole model (dump, compare, print) build all of
them first.

    class ResultsSettings(PrefectBaseSettings):
        model_config = build_settings_config(("results",))

        default_serializer: str = setting("pickle", "The serializer of results.")
        local_storage_path: Path = setting(None, "Where results are stored.")

        def _derive_local_storage_path(self, value: Path | None, root: SettingsTree) -> Path: ...

This module must not depend on the groups.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self, cast

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from prefect._lazy import lazy
from prefect.settings import _current
from prefect.settings._errors import SettingsError
from prefect.settings._leaves import HIDDEN, Leaf, Plan
from prefect.settings.sources import MISSING, Snapshot

if TYPE_CHECKING:
    import json

    from pydantic import GetCoreSchemaHandler
    from pydantic_core import CoreSchema

    from prefect.settings._protocols import SettingsTree
else:
    json = lazy("json")

_set = object.__setattr__


class PrefectSettingsConfigDict(ConfigDict, total=False):
    """The configuration of a group: pydantic's, and the location of its values in the sources."""

    env_prefix: str
    """The prefix of the environment names of the group's settings."""
    env_file: str | None
    toml_file: str | None
    prefect_toml_table_header: tuple[str, ...]
    """The group's table in `prefect.toml`."""
    pyproject_toml_table_header: tuple[str, ...]
    """The group's table in `pyproject.toml`."""
    former_prefix: str
    """The prefix of the older environment names of the settings that are marked as `renamed`."""


def build_settings_config(
    path: tuple[str, ...] = (), frozen: bool = False, former_prefix: str = ""
) -> PrefectSettingsConfigDict:
    """Return the configuration of a group: `("server", "api")` is `PREFECT_SERVER_API_*` and `[server.api]`."""
    return PrefectSettingsConfigDict(
        env_prefix="_".join(("PREFECT", *(step.upper() for step in path), "")),
        env_file=".env",
        extra="ignore",
        toml_file="prefect.toml",
        prefect_toml_table_header=path,
        pyproject_toml_table_header=("tool", "prefect", *path),
        former_prefix=former_prefix,
        frozen=frozen,
        defer_build=True,
    )


@dataclass(frozen=True)
class _FormerNames:
    """The older environment names of a setting, kept with its field; they are not part of its JSON schema."""

    renamed: bool
    aliases: tuple[str, ...]

    def __call__(self, schema: dict[str, Any]) -> None:
        pass


def setting(
    default: Any, description: str, *, renamed: bool = False, aliases: tuple[str, ...] = (), **constraints: Any
) -> Any:
    """Declare a setting.

    Args:
        default: Its default, or what makes it.
        description: What it is for.
        renamed: Whether it is also read by its name under the group's `former_prefix`.
        aliases: Other older environment names, in order of precedence.
        **constraints: Of its value, as of a field of pydantic.
    """
    extra = _FormerNames(renamed, aliases) if renamed or aliases else None
    if callable(default):
        return Field(default_factory=default, description=description, json_schema_extra=extra, **constraints)
    return Field(default=default, description=description, json_schema_extra=extra, **constraints)


class _GroupFactory:
    """A factory of a subgroup whose class is imported on first use."""

    def __init__(self, name: str) -> None:
        self._name = name

    @property
    def cls(self) -> type[PrefectBaseSettings]:
        module, _, name = self._name.partition(":")
        return getattr(importlib.import_module(module), name)

    def __call__(self) -> PrefectBaseSettings:
        return self.cls()


def group(kind: str | type[PrefectBaseSettings]) -> Any:
    """Declare a subgroup: the field's type, or `"module:Class"` to import it on first use."""
    return Field(default_factory=_GroupFactory(kind) if isinstance(kind, str) else kind)


class Shape:
    """The settings and subgroups of a group."""

    __slots__ = ("groups", "leaves")

    def __init__(
        self, leaves: Mapping[str, Leaf], groups: Mapping[str, Callable[[], type[PrefectBaseSettings]]]
    ) -> None:
        self.leaves = leaves
        self.groups = groups


class PrefectBaseSettings(BaseModel):
    """A group of settings that reads its values from the environment, the settings files and the profile.

    Constructor arguments win over all of them.

    Raises:
        SettingsError: A value is invalid.
    """

    model_config = ConfigDict(extra="forbid", defer_build=True)

    # Outside of `__dict__`, which pydantic takes for the values: the plan by which values are found, the root of the
    # tree of groups, and the values that are yet to be derived (None once the model is complete).
    __slots__ = ("_plan", "_root", "_underived")
    __shape__: ClassVar[Shape | None] = None

    def __init__(self, **values: Any) -> None:
        shape = type(self).shape()
        unknown = [name for name in values if name not in shape.leaves and name not in shape.groups]
        if unknown and type(self).model_config.get("extra") == "forbid":
            raise SettingsError(f"{type(self).__name__} has no setting {unknown[0]!r}.")
        explicit: dict[str, Any] = {}
        built: dict[str, PrefectBaseSettings] = {}
        _flatten(type(self), values, explicit, built)
        self._fill(Plan(Snapshot(), explicit), None)
        _values(self).update(built)
        self.complete()

    @classmethod
    def load(cls, plan: Plan, root: PrefectBaseSettings | None = None) -> Self:
        """Return the group; its subgroups and derived values are built later."""
        self = cls.__new__(cls)
        self._fill(plan, root)
        return self

    @classmethod
    def shape(cls) -> Shape:
        """Return the settings and subgroups of this class, without their values."""
        shape = cls.__dict__.get("__shape__")
        if shape is None:
            shape = _read_shape(cls)
            cls.__shape__ = shape
        return shape

    def _fill(self, plan: Plan, root: PrefectBaseSettings | None) -> None:
        values: dict[str, Any] = {}
        underived: dict[str, Any] = {}
        fields_set: set[str] = set()
        problems: list[SettingsError] = []
        for name, leaf in type(self).shape().leaves.items():
            raw, source = plan.find(leaf)
            if raw is MISSING:
                value = leaf.default()
            else:
                fields_set.add(name)
                try:
                    origin = source if isinstance(source, str) else source.origin(leaf.names, leaf.path, name)
                    value = leaf.validated(raw, origin)
                except SettingsError as problem:
                    problems.append(problem)
                    continue
            (underived if leaf.derive else values)[name] = value
        if problems:
            raise problems[0] if len(problems) == 1 else SettingsError("\n".join(map(str, problems)))
        _set(self, "__dict__", values)
        _set(self, "__pydantic_fields_set__", fields_set)
        _set(self, "__pydantic_extra__", None)
        _set(self, "__pydantic_private__", None)
        _set(self, "_plan", plan)
        _set(self, "_root", root)
        _set(self, "_underived", underived)
        self._check({**values, **underived})

    def _check(self, values: dict[str, Any]) -> None:
        """Check values that depend on each other, before derivation; raise SettingsError if they conflict."""

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            underived = _read_underived(self)
            if underived is not None:
                shape = type(self).shape()
                if name in underived:
                    return self._derive(shape.leaves[name], underived[name])
                if name in shape.groups:
                    return self._build(name, shape)
            return super().__getattr__(name)

    def _derive(self, leaf: Leaf, value: Any) -> Any:
        derive = leaf.derive
        assert derive is not None
        derived = _values(self)[leaf.name] = derive(self, value, self.settings_root())
        return derived

    def _build(self, name: str, shape: Shape) -> PrefectBaseSettings:
        root = self if _is_root(type(self)) else object.__getattribute__(self, "_root")
        built = _values(self)[name] = shape.groups[name]().load(self.plan, root)
        return built

    def complete(self) -> Self:
        """Build all remaining parts, which validates every value.

        Raises:
            SettingsError: A value is invalid.
        """
        if _read_underived(self) is None:
            return self
        shape = type(self).shape()
        values = {name: getattr(self, name) for name in type(self).model_fields}
        for name in shape.groups:
            built = cast("PrefectBaseSettings", values[name])
            if built.complete().model_fields_set:
                self.model_fields_set.add(name)
        _set(self, "__dict__", values)
        _set(self, "_underived", None)
        return self

    def to_environment_variables(
        self, exclude_unset: bool = False, include_secrets: bool = True, include_aliases: bool = False
    ) -> dict[str, str]:
        """Return the settings as environment variables by their canonical names; one that is None is left out.

        Args:
            exclude_unset: Leave out settings that no source and no program code sets.
            include_secrets: Include secrets in clear text; otherwise they are masked.
            include_aliases: Include each value under its older names too.
        """
        self.complete()
        shape = type(self).shape()
        variables: dict[str, str] = {}
        for name in type(self).model_fields:
            if exclude_unset and name not in self.model_fields_set:
                continue  # a group in which nothing is set is not in it either
            if name in shape.groups:
                part: PrefectBaseSettings = getattr(self, name)
                variables |= part.to_environment_variables(exclude_unset, include_secrets, include_aliases)
                continue
            value = getattr(self, name)
            if value is None:
                continue
            leaf = shape.leaves[name]
            for variable in leaf.names if include_aliases else leaf.names[:1]:
                variables[variable] = encode(value, include_secrets)
        return variables

    @property
    def plan(self) -> Plan:
        """Return the plan that finds the group's values."""
        try:
            return object.__getattribute__(self, "_plan")
        except AttributeError:  # a copy, which has all its values
            return Plan(Snapshot.empty())

    def settings_root(self) -> SettingsTree:
        """Return the settings tree of this group; for a standalone group, the current settings."""
        if _is_root(type(self)):
            return cast("SettingsTree", self)
        try:
            root = object.__getattribute__(self, "_root")
        except AttributeError:
            root = None
        return _current.get_context().settings if root is None else root

    @classmethod
    def define(cls) -> None:
        """Import the classes of all subgroups and complete the pydantic model."""
        namespace: dict[str, Any] = {}
        for get_class in cls.shape().groups.values():
            part = get_class()
            part.define()
            namespace[part.__name__] = part
        if not cls.__pydantic_complete__:
            cls.model_rebuild(_types_namespace=namespace)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        if not cls.__pydantic_fields_complete__:
            cls.define()
        if not _is_root(cls):
            return handler(source)
        from pydantic_core import core_schema

        # A model that holds settings dumps what is in `__dict__`, so all of it must be there.
        return core_schema.no_info_after_validator_function(lambda model: model.complete(), handler(source))

    def model_dump(self, **options: Any) -> dict[str, Any]:
        self.define()
        return BaseModel.model_dump(self.complete(), **options)

    def model_dump_json(self, **options: Any) -> str:
        self.define()
        return BaseModel.model_dump_json(self.complete(), **options)

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        return super(PrefectBaseSettings, self.complete()).model_copy(update=update, deep=deep)

    def __copy__(self) -> Self:
        return _completed(super(PrefectBaseSettings, self.complete()).__copy__())

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        return _completed(super(PrefectBaseSettings, self.complete()).__deepcopy__(memo))

    def __getstate__(self) -> dict[Any, Any]:
        return BaseModel.__getstate__(self.complete())

    def __setstate__(self, state: dict[Any, Any]) -> None:
        _completed(self)
        BaseModel.__setstate__(self, state)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, PrefectBaseSettings) or type(self) is not type(other):
            return NotImplemented
        return self.complete().__dict__ == other.complete().__dict__

    __hash__: ClassVar[None]  # pyright: ignore[reportIncompatibleMethodOverride, reportIncompatibleVariableOverride]

    def __repr_args__(self) -> Any:
        return BaseModel.__repr_args__(self.complete())

    def __iter__(self) -> Any:
        return BaseModel.__iter__(self.complete())


def in_home(value: Path | None, root: SettingsTree, name: str) -> Path:
    """Return a path that may begin with `$PREFECT_HOME`; `name` in the home when it is not set."""
    return root.home / name if value is None else Path(str(value).replace("$PREFECT_HOME", str(root.home)))


def encode(value: Any, include_secrets: bool = True) -> str:
    """Return a setting's value as the text of an environment variable."""
    if isinstance(value, SecretStr):
        return value.get_secret_value() if include_secrets else HIDDEN
    if isinstance(value, (str, bool, int, float)):
        return str(value)
    from pydantic_core import to_jsonable_python

    plain = to_jsonable_python(value)
    if isinstance(plain, dict):
        return json.dumps(plain)
    if isinstance(value, (set, frozenset)):
        return ",".join(sorted(str(item) for item in cast("set[Any]", value)))
    if isinstance(plain, list):
        return ",".join(str(item) for item in cast("list[Any]", plain))
    return str(plain)


def _values(model: PrefectBaseSettings) -> dict[str, Any]:
    return object.__getattribute__(model, "__dict__")


def _read_underived(model: PrefectBaseSettings) -> dict[str, Any] | None:
    try:
        return object.__getattribute__(model, "_underived")
    except AttributeError:
        return None


def _completed(model: Any) -> Any:
    _set(model, "_underived", None)
    return model


def _is_root(cls: type[PrefectBaseSettings]) -> bool:
    return cls.model_config.get("env_prefix") == "PREFECT_"


def _flatten(
    cls: type[PrefectBaseSettings],
    values: Mapping[str, Any],
    explicit: dict[str, Any],
    built: dict[str, PrefectBaseSettings],
) -> None:
    """Flatten nested constructor arguments into values by accessor; existing groups go to `built`."""
    shape = cls.shape()
    for name, value in values.items():
        if name in shape.leaves:
            explicit[shape.leaves[name].accessor] = value
        elif name in shape.groups:
            if isinstance(value, PrefectBaseSettings):
                built[name] = value
            else:
                inner: dict[str, PrefectBaseSettings] = {}
                _flatten(shape.groups[name](), value, explicit, inner)
                for deeper in inner.values():
                    explicit |= explicit_values(deeper)


def explicit_values(model: PrefectBaseSettings) -> dict[str, Any]:
    """Return the non-default values in the built parts of a tree, by accessor."""
    shape = type(model).shape()
    found: dict[str, Any] = {}
    for name, value in model.__dict__.items():
        if name in shape.groups:
            found |= explicit_values(value)
        elif name in model.model_fields_set:
            found[shape.leaves[name].accessor] = value
    return found


def _read_shape(cls: type[PrefectBaseSettings]) -> Shape:
    config = cast("dict[str, Any]", cls.model_config)
    path: tuple[str, ...] = tuple(config.get("prefect_toml_table_header", ()))
    prefix: str = config.get("env_prefix", "PREFECT_")
    leaves: dict[str, Leaf] = {}
    groups: dict[str, Callable[[], type[PrefectBaseSettings]]] = {}
    for name, field in cls.__pydantic_fields__.items():
        factory: Any = field.default_factory
        annotation: Any = field.annotation
        if isinstance(factory, _GroupFactory):
            groups[name] = lambda factory=factory: factory.cls
        elif isinstance(annotation, type) and issubclass(annotation, PrefectBaseSettings):
            groups[name] = lambda annotation=annotation: annotation
        else:
            names = (prefix + name.upper(),)
            if isinstance(former := field.json_schema_extra, _FormerNames):
                renamed = (config["former_prefix"] + name.upper(),) if former.renamed else ()
                names = (*names, *renamed, *former.aliases)
            leaves[name] = Leaf(name, names, path, field, getattr(cls, f"_derive_{name}", None))
    return Shape(leaves, groups)
