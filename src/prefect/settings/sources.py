"""Sources of settings: the environment, `.env`, `prefect.toml`, `pyproject.toml` and a profile.

A `Snapshot` reads all of them once and returns, for one setting, the value of the highest source and that source. It
handles names and tables; the models interpret the values. It does not import pydantic and parses only existing files,
because every process runs it.
"""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from prefect._lazy import lazy
from prefect.settings._errors import SettingsError

if TYPE_CHECKING:
    import tomllib

    from prefect.settings._protocols import SettingsGroup
else:
    tomllib = lazy("tomllib")

DEFAULT_PREFECT_TOML_PATH: Final = Path("prefect.toml")
"""Read from the working directory."""
DOTENV_PATH: Final = ".env"
PYPROJECT_PATH: Final = "pyproject.toml"

_TEST_MODE_NAMES = (
    "PREFECT_TESTING_TEST_MODE",
    "PREFECT_TEST_MODE",
    "PREFECT_TESTING_UNIT_TEST_MODE",
    "PREFECT_UNIT_TEST_MODE",
)
_TRUE = {"1", "true", "t", "yes", "y", "on"}


class Missing:
    """Type of the marker for a missing value, because None is a valid value."""


MISSING: Final = Missing()


class Layer:
    """One source of values.

    Attributes:
        label: Its name in messages.
        source: Its name in lists: `env`, `.env file`, `prefect.toml`, `pyproject.toml`, `profile`.
    """

    def __init__(self, label: str, source: str) -> None:
        self.label = label
        self.source = source

    def find(self, names: Sequence[str], path: Sequence[str], key: str) -> Any:
        """Return the value under one of these environment names, or of `key` in the table `path`; or MISSING."""
        raise NotImplementedError

    def origin(self, names: Sequence[str], path: Sequence[str], key: str) -> str:
        """Return the location of the value that `find` returns, for messages."""
        raise NotImplementedError


class NamedLayer(Layer):
    """Values under environment names. The first present name of a setting wins."""

    def __init__(self, label: str, values: Mapping[str, Any], source: str) -> None:
        super().__init__(label, source)
        self.values = values

    def find(self, names: Sequence[str], path: Sequence[str], key: str) -> Any:
        for name in names:
            if name in self.values:
                return self.values[name]
        return MISSING

    def origin(self, names: Sequence[str], path: Sequence[str], key: str) -> str:
        used = next(name for name in names if name in self.values)
        return self.label if used == names[0] else f"{used} in {self.label}"


class TableLayer(Layer):
    """Values in the tables of a TOML file."""

    def __init__(self, label: str, table: Mapping[str, Any], header: Sequence[str] = ()) -> None:
        super().__init__(label, label)
        self._table = table
        self._header = header

    def find(self, names: Sequence[str], path: Sequence[str], key: str) -> Any:
        table: Any = self._table
        for step in path:
            table = table.get(step)
            if table is None:
                return MISSING
            if not _is_table(table):
                table_name = ".".join((*self._header, *path))
                raise SettingsError(f"{self.label} has a value where the table [{table_name}] is expected.")
        return table.get(key, MISSING)

    def origin(self, names: Sequence[str], path: Sequence[str], key: str) -> str:
        table_name = ".".join((*self._header, *path))
        return f"{key} of [{table_name}] in {self.label}" if table_name else f"{key} in {self.label}"


class Snapshot:
    """Every source, read once.

    Args:
        profile: The profile to use, as its name and its values; the active one if None.
        profile_first: Whether the profile's values override the environment's, as for `prefect --profile`.
    """

    def __init__(self, profile: tuple[str, Mapping[str, Any]] | None = None, profile_first: bool = False) -> None:
        self._files: list[Layer] = []
        environment = NamedLayer("the environment", _environment(), "env")
        self._files.append(environment)
        self._add_files(environment.values)
        self.missing_profile: str | None = None
        """The name of the selected profile if it does not exist."""
        self.home = self._home()
        self.profiles_path = self._profiles_path()
        self.profile_name = "ephemeral"
        layers = list(self._files)
        if profile is None and not _test_mode(environment.values):
            profile = self._active_profile(environment.values)
        self.profile_values: Mapping[str, Any] = profile[1] if profile else {}
        if profile is not None:
            self.profile_name = profile[0]
            layer = NamedLayer(f"the profile {profile[0]!r}", profile[1], "profile")
            layers.insert(0 if profile_first else len(layers), layer)
        self.layers: tuple[Layer, ...] = tuple(layers)

    @classmethod
    def empty(cls) -> Snapshot:
        """Return a snapshot without any value."""
        snapshot = cls.__new__(cls)
        snapshot.layers, snapshot.missing_profile, snapshot.profile_name = (), None, "ephemeral"
        return snapshot

    def find(self, names: Sequence[str], path: Sequence[str], key: str) -> tuple[Any, Layer | None]:
        """Return the value of the highest layer and that layer; MISSING and None if no layer has one."""
        return _find(self.layers, names, path, key)

    def peek(self, accessor: str, *older_names: str) -> Any:
        """Return the unparsed value of a setting, or None. Cheap, because it reads no model."""
        *path, key = accessor.split(".")
        name = "PREFECT_" + accessor.upper().replace(".", "_")
        value, layer = self.find((name, *older_names), path, key)
        return value if layer else None

    def _add_files(self, environment: Mapping[str, str]) -> None:
        if os.path.isfile(DOTENV_PATH):
            self._files.append(NamedLayer(DOTENV_PATH, read_dotenv(DOTENV_PATH, environment), ".env file"))
        if os.path.isfile(DEFAULT_PREFECT_TOML_PATH):
            path = str(DEFAULT_PREFECT_TOML_PATH)
            self._files.append(TableLayer(path, _read_toml(path)))
        if os.path.isfile(PYPROJECT_PATH):
            table = _read_pyproject(PYPROJECT_PATH)
            if table:
                self._files.append(TableLayer(PYPROJECT_PATH, table, ("tool", "prefect")))

    def _home(self) -> str:
        value, _ = _find(self._files, ("PREFECT_HOME",), (), "home")
        return os.path.expanduser(str(value) if value is not MISSING else "~/.prefect")

    def _profiles_path(self) -> str:
        value, _ = _find(self._files, ("PREFECT_PROFILES_PATH",), (), "profiles_path")
        if value is MISSING:
            return os.path.join(self.home, "profiles.toml")
        return str(value).replace("$PREFECT_HOME", self.home)

    def _active_profile(self, environment: Mapping[str, str]) -> tuple[str, Mapping[str, Any]]:
        from prefect.settings.constants import DEFAULT_PROFILE_NAME, PACKAGED_PROFILES

        active, profiles = read_profiles(self.profiles_path)
        name = environment.get("PREFECT_PROFILE") or active or DEFAULT_PROFILE_NAME
        if name not in profiles and name not in PACKAGED_PROFILES:
            self.missing_profile, name = name, DEFAULT_PROFILE_NAME
        return name, {**PACKAGED_PROFILES.get(name, {}), **profiles.get(name, {})}


def _find(layers: Sequence[Layer], names: Sequence[str], path: Sequence[str], key: str) -> tuple[Any, Layer | None]:
    for layer in layers:
        value = layer.find(names, path, key)
        if value is not MISSING:
            return value, layer
    return MISSING, None


def _is_table(value: Any) -> bool:
    return isinstance(value, Mapping)


def _environment() -> dict[str, str]:
    """Return the variables that may be settings, by upper-case name; one spelled in upper case wins."""
    found: dict[str, str] = {}
    for name, value in os.environ.items():
        upper = name.upper()
        if upper.startswith("PREFECT_") and (upper not in found or name == upper):
            found[upper] = value
    return found


def _test_mode(environment: Mapping[str, str]) -> bool:
    return any(environment.get(name, "").lower() in _TRUE for name in _TEST_MODE_NAMES)


def read_profiles(path: str | Path) -> tuple[str | None, dict[str, dict[str, Any]]]:
    """Return the name of the active profile and the profiles of a file; nothing when there is none.

    An invalid file is ignored with a warning.
    """
    if not os.path.isfile(path):
        return None, {}
    try:
        with open(path, "rb") as file:
            document = tomllib.load(file)
    except (ValueError, OSError) as error:
        warnings.warn(f"The profiles in {path} are ignored, because the file cannot be read: {error}.", stacklevel=2)
        return None, {}
    profiles: Any = document.get("profiles", {})
    if not isinstance(profiles, dict):
        profiles = {}
    tables: dict[str, dict[str, Any]] = {}
    for name, values in profiles.items():  # pyright: ignore[reportUnknownVariableType]
        if isinstance(values, dict):
            tables[str(name)] = {str(key): value for key, value in values.items()}  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    return document.get("active"), tables


def _read_toml(path: str) -> dict[str, Any]:
    try:
        with open(path, "rb") as file:
            return tomllib.load(file)
    except ValueError as error:
        raise SettingsError(f"{path} is not valid TOML: {error}. Correct it or remove it.") from None
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}.") from None


def _read_pyproject(path: str) -> dict[str, Any]:
    """Return the table [tool.prefect]. A file that does not mention it is not parsed."""
    try:
        with open(path, "rb") as file:
            if b"prefect" not in file.read():
                return {}
    except OSError:
        return {}
    table: Any = _read_toml(path).get("tool", {})
    table = table.get("prefect", {}) if isinstance(table, dict) else {}  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
    return table if isinstance(table, dict) else {}  # pyright: ignore[reportUnknownVariableType]


_DOTENV_LINE: Final = r"""^[^\S\n]*(?:export[^\S\n]+)?(?P<name>[A-Za-z_][A-Za-z0-9_.]*)[^\S\n]*=[^\S\n]*
    (?: '(?P<literal>[^']*)'
      | "(?P<quoted>(?:[^"\\]|\\.)*)"
      | (?P<plain>[^\n]*?)
    )
    [^\S\n]*(?:(?<=\s)\#[^\n]*|(?<=['"])\#[^\n]*)?$"""
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}


def read_dotenv(path: str, environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of a `.env` file, by their names in upper case.

    Understands `export`, comments, single quotes (verbatim), double quotes (with escapes, over several lines) and
    `${NAME}` of an earlier line or of the environment; another `${...}` stays as it is written.
    """
    with open(path, encoding="utf-8") as file:
        text = file.read()
    found: dict[str, str] = {}
    for match in re.finditer(_DOTENV_LINE, text, re.MULTILINE | re.VERBOSE | re.DOTALL):
        literal, quoted, plain = match["literal"], match["quoted"], match["plain"]
        if literal is None:
            value = re.sub(r"\\(.)", _unescape, quoted, flags=re.DOTALL) if quoted is not None else plain
            value = _interpolate(value, found, environment)
        else:
            value = literal
        found[match["name"].upper()] = value
    return found


def _unescape(match: re.Match[str]) -> str:
    return _ESCAPES.get(match[1], match[1])


def _interpolate(value: str, found: Mapping[str, str], environment: Mapping[str, str]) -> str:
    def known(match: re.Match[str]) -> str:
        name = match[1]
        return environment.get(name) or found.get(name) or os.environ.get(name) or match[0]

    return re.sub(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}", known, value)


class _OneSource:
    """The values of one source for the settings of one group."""

    def __init__(self, settings_cls: type[SettingsGroup]) -> None:
        self.settings_cls = settings_cls

    def layer(self) -> Layer:
        raise NotImplementedError

    def __call__(self) -> dict[str, Any]:
        """Return the source's unparsed values by field."""
        layer = self.layer()
        found = {
            name: layer.find(leaf.names, leaf.path, name) for name, leaf in self.settings_cls.shape().leaves.items()
        }
        return {name: value for name, value in found.items() if value is not MISSING}


class EnvFilterSettingsSource(_OneSource):
    """The environment, without the variables in `env_filter`."""

    def __init__(self, settings_cls: type[SettingsGroup], env_filter: Sequence[str] = ()) -> None:
        super().__init__(settings_cls)
        hidden = {name.upper() for name in env_filter}
        self.env_vars = {name: value for name, value in _environment().items() if name not in hidden}

    def layer(self) -> Layer:
        return NamedLayer("the environment", self.env_vars, "env")


class FilteredDotEnvSettingsSource(_OneSource):
    """A `.env` file, without the variables in `env_blacklist`."""

    def __init__(
        self,
        settings_cls: type[SettingsGroup],
        env_file: str | Path = DOTENV_PATH,
        env_blacklist: Sequence[str] = (),
    ) -> None:
        super().__init__(settings_cls)
        self.env_blacklist = list(env_blacklist)
        found = read_dotenv(str(env_file), _environment()) if os.path.isfile(env_file) else {}
        hidden = {name.upper() for name in env_blacklist}
        self.env_vars = {name: value for name, value in found.items() if name not in hidden}

    def layer(self) -> Layer:
        return NamedLayer(DOTENV_PATH, self.env_vars, ".env file")


class TomlConfigSettingsSourceBase(_OneSource):
    """A TOML file of settings."""

    toml_data: dict[str, Any]
    toml_file_path: Path
    toml_table_header: tuple[str, ...] = ()

    def layer(self) -> Layer:
        return TableLayer(str(self.toml_file_path), self.toml_data, self.toml_table_header)


class PrefectTomlConfigSettingsSource(TomlConfigSettingsSourceBase):
    """`prefect.toml` in the working directory."""

    def __init__(self, settings_cls: type[SettingsGroup]) -> None:
        super().__init__(settings_cls)
        self.toml_file_path = DEFAULT_PREFECT_TOML_PATH
        self.toml_data = _read_toml(str(self.toml_file_path)) if self.toml_file_path.is_file() else {}


class PyprojectTomlConfigSettingsSource(TomlConfigSettingsSourceBase):
    """`[tool.prefect]` of `pyproject.toml` in the working directory."""

    toml_table_header = ("tool", "prefect")

    def __init__(self, settings_cls: type[SettingsGroup]) -> None:
        super().__init__(settings_cls)
        self.toml_file_path = Path(PYPROJECT_PATH)
        self.toml_data = _read_pyproject(PYPROJECT_PATH) if self.toml_file_path.is_file() else {}


class ProfileSettingsTomlLoader(_OneSource):
    """The active profile; empty while testing."""

    def __init__(self, settings_cls: type[SettingsGroup]) -> None:
        super().__init__(settings_cls)
        snapshot = Snapshot()
        self.profiles_path = Path(snapshot.profiles_path)
        self.profile_settings = dict(snapshot.profile_values)

    def layer(self) -> Layer:
        return NamedLayer("the profile", self.profile_settings, "profile")
