"""Profiles: named sets of settings in a file, of which one is active.

The packaged profiles can be used and overridden, and are never written to the user's file.
"""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from prefect._lazy import lazy
from prefect.exceptions import MissingProfileError, ProfileSettingsValidationError
from prefect.settings import _current
from prefect.settings._errors import SettingsError
from prefect.settings.constants import DEFAULT_PROFILE_NAME, DEFAULT_PROFILES_PATH, PACKAGED_PROFILES
from prefect.settings.legacy import Setting, all_leaves, canonical_setting, find_accessor, find_setting, suggestion
from prefect.settings.sources import read_profiles

if TYPE_CHECKING:
    import tomlkit
else:
    tomlkit = lazy("tomlkit")


def _as_settings(values: Any) -> Any:
    """Convert names to settings: skip unknown ones with a warning, and prefer canonical over older names."""
    if not isinstance(values, Mapping):
        return values
    found: dict[Setting, Any] = {}
    canonical: set[Setting] = set()
    for key, value in cast("Mapping[Any, Any]", values).items():
        setting = key if isinstance(key, Setting) else find_setting(str(key))
        if setting is None:
            warnings.warn(f"{key} is not a setting and is ignored.{suggestion(str(key))}", UserWarning, stacklevel=2)
            continue
        own = canonical_setting(setting.accessor)
        if setting.name == own.name:
            canonical.add(own)
        elif own in canonical:
            continue
        found[own] = value
    return found


class Profile(BaseModel):
    """A named set of settings.

    Attributes:
        name: The name.
        settings: The values as they were written, by setting; they are validated by `validate_settings`.
        source: The file that it was read from.
    """

    model_config = ConfigDict(extra="ignore", arbitrary_types_allowed=True, defer_build=True)

    name: str
    settings: Annotated[dict[Setting, Any], BeforeValidator(_as_settings)] = Field(
        default_factory=lambda: dict[Setting, Any]()
    )
    source: Path | None = None

    def to_environment_variables(self) -> dict[str, str]:
        """Return the settings as environment variables by their canonical names."""
        return {setting.name: str(value) for setting, value in self.settings.items() if value is not None}

    def validate_settings(self) -> None:
        """Validate all values.

        Raises:
            ProfileSettingsValidationError: Some are invalid; its `errors` list each setting and its error.
        """
        errors: list[tuple[Any, ValidationError]] = []
        for setting, value in self.settings.items():
            try:
                all_leaves()[setting.accessor].checked(value)
            except ValidationError as error:
                errors.append((setting, error))
        if errors:
            raise ProfileSettingsValidationError(errors)


class ProfilesCollection:
    """Profiles by name, and which of them is active.

    Args:
        profiles: The profiles.
        active: The name of the active one.
    """

    def __init__(self, profiles: Iterable[Profile], active: str | None = None) -> None:
        self.profiles_by_name = {profile.name: profile for profile in profiles}
        self.active_name = active

    @property
    def names(self) -> set[str]:
        """Return the names of the profiles."""
        return set(self.profiles_by_name)

    @property
    def active_profile(self) -> Profile | None:
        """Return the active profile; None when there is none or it does not exist."""
        return self.profiles_by_name.get(self.active_name) if self.active_name else None

    def set_active(self, name: str | None, check: bool = True) -> None:
        """Set the active profile; None deactivates all.

        Raises:
            MissingProfileError: `check` is set and there is no such profile.
        """
        if check and name is not None and name not in self.profiles_by_name:
            raise MissingProfileError(f"There is no profile {name!r}.")
        self.active_name = name

    def update_profile(self, name: str, settings: Mapping[Setting, Any], source: Path | None = None) -> Profile:
        """Change settings of a profile, and create it if missing; a value of None removes the setting."""
        existing = self.profiles_by_name.get(name)
        changed = dict(existing.settings) if existing else {}
        for setting, value in settings.items():
            own = canonical_setting(setting.accessor)
            if value is None:
                changed.pop(own, None)
            else:
                changed[own] = value
        profile = Profile(name=name, settings=changed, source=source)
        self.profiles_by_name[name] = profile
        return profile

    def add_profile(self, profile: Profile) -> None:
        """Add a profile.

        Raises:
            ValueError: A profile of that name exists.
        """
        if profile.name in self.profiles_by_name:
            raise ValueError(f"There is already a profile {profile.name!r}.")
        self.profiles_by_name[profile.name] = profile

    def remove_profile(self, name: str) -> None:
        """Remove a profile.

        Raises:
            KeyError: No profile has that name.
        """
        self.profiles_by_name.pop(name)

    def without_profile_source(self, path: Path | None) -> ProfilesCollection:
        """Return the profiles that were not read from `path`."""
        kept = [profile for profile in self.profiles_by_name.values() if profile.source != path]
        return ProfilesCollection(kept, active=self.active_name)

    def to_dict(self) -> dict[str, Any]:
        """Return the content of a profiles file."""
        profiles = {name: profile.to_environment_variables() for name, profile in self.profiles_by_name.items()}
        return {"active": self.active_name, "profiles": profiles}

    def items(self) -> list[tuple[str, Profile]]:
        """Return names and profiles."""
        return list(self.profiles_by_name.items())

    def __getitem__(self, name: str) -> Profile:
        return self.profiles_by_name[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.profiles_by_name)

    def __len__(self) -> int:
        return len(self.profiles_by_name)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ProfilesCollection):
            return NotImplemented
        return (self.profiles_by_name, self.active_name) == (other.profiles_by_name, other.active_name)

    __hash__ = None  # pyright: ignore[reportAssignmentType]

    def __repr__(self) -> str:
        return f"ProfilesCollection(profiles={list(self.profiles_by_name.values())!r}, active={self.active_name!r})"


def load_profiles(include_defaults: bool = True) -> ProfilesCollection:
    """Return the profiles of the user's file and, with `include_defaults`, those included in the package."""
    path = _current.get_context().settings.profiles_path
    active, tables = read_profiles(path)
    collection = ProfilesCollection([], active=active)
    if include_defaults:
        collection.active_name = active or DEFAULT_PROFILE_NAME
        for name, values in PACKAGED_PROFILES.items():
            collection.add_profile(Profile(name=name, settings=cast(Any, values), source=DEFAULT_PROFILES_PATH))
    for name, values in tables.items():
        collection.update_profile(name, _as_settings(values), source=path)
    return collection


def load_profile(name: str) -> Profile:
    """Return the profile of this name.

    Raises:
        MissingProfileError: No profile has that name.
    """
    profiles = load_profiles()
    if name not in profiles.names:
        raise MissingProfileError(f"There is no profile {name!r}. There are: {', '.join(profiles)}.")
    return profiles[name]


def profile_or_empty(name: str) -> Profile:
    """Return the profile of this name, or an empty one."""
    return load_profiles().profiles_by_name.get(name) or Profile(name=name)


def load_current_profile() -> Profile:
    """Return the profile that the current settings were read with."""
    return _current.get_context().profile


def save_profiles(profiles: ProfilesCollection) -> None:
    """Write the profiles, without those included in the package, to the user's file.

    Other content of the file, such as comments, is kept. The file is replaced atomically, readable by its owner only.

    Raises:
        SettingsError: The existing file is not valid TOML and would be lost.
    """
    path = _current.get_context().settings.profiles_path
    content = profiles.without_profile_source(DEFAULT_PROFILES_PATH).to_dict()
    text = _updated_document(path, content)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".profiles")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def _updated_document(path: Path, content: Mapping[str, Any]) -> str:
    """Return the text of the file at `path` with this content, as little changed as possible."""
    document: Any
    try:
        document = tomlkit.parse(path.read_text(encoding="utf-8")) if path.is_file() else tomlkit.document()
    except ValueError as error:
        raise SettingsError(f"{path} is not valid TOML: {error}. Correct it or remove it.") from None
    if content["active"] is None:
        document.pop("active", None)
    else:
        document["active"] = content["active"]
    tables: Any = document.setdefault("profiles", tomlkit.table(is_super_table=True))
    for name in [name for name in tables if name not in content["profiles"]]:
        del tables[name]
    for name, values in content["profiles"].items():
        table = tables.setdefault(name, tomlkit.table())
        for key in [key for key in table if key not in values]:
            del table[key]
        for key, value in values.items():
            if table.get(key) != value:
                table[key] = value
    return tomlkit.dumps(document)


def update_current_profile(settings: Mapping[str | Setting, Any]) -> Profile:
    """Change settings of the current profile and save it; a value of None removes the setting.

    Raises:
        SettingsError: There is no such setting.
        ProfileSettingsValidationError: A value is invalid.
    """
    current = load_current_profile()
    profiles = load_profiles()
    if current.name not in profiles.names:
        profiles.add_profile(current)
    changes = {canonical_setting(find_accessor(key)): value for key, value in settings.items()}
    profile = profiles.update_profile(current.name, changes)
    profile.validate_settings()
    save_profiles(profiles)
    return profiles[current.name]
