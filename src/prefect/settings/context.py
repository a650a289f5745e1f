"""The current settings of the process and of the context.

The settings of the process are loaded on first use; `temporary_settings` and `use_profile` override them inside their
block. Must stay importable without pydantic, which only reading a setting needs.
"""

from __future__ import annotations

import sys
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from contextvars import ContextVar, Token
from typing import TYPE_CHECKING, Any

from prefect import _forks
from prefect._lazy import lazy, lazy_from
from prefect.settings._current import set_providers

if TYPE_CHECKING:
    from typing import Self

    from prefect.settings import base, profiles, sources
    from prefect.settings.models import root
    from prefect.settings.models.root import SettingKey, Settings
    from prefect.settings.profiles import Profile
else:
    base, profiles, sources = lazy_from("prefect.settings", "base", "profiles", "sources")
    root = lazy("prefect.settings.models.root")


class SettingsContext:
    """Settings that are current inside the context's `with` block, and the profile they were read with.

    Args:
        profile: The profile; the one that `settings` were read with if None.
        settings: The settings.
    """

    __slots__ = ("_profile", "_tokens", "settings")

    def __init__(self, profile: Profile | None = None, *, settings: Settings) -> None:
        self.settings = settings
        self._profile = profile
        self._tokens: list[Token[SettingsContext | None]] = []

    @property
    def profile(self) -> Profile:
        """Return the profile; reading it parses the profiles."""
        if self._profile is None:
            self._profile = profiles.profile_or_empty(self.profile_name)
        return self._profile

    @property
    def known_profile(self) -> Profile | None:
        """Return the profile, if it was passed or read already."""
        return self._profile

    @property
    def profile_name(self) -> str:
        """Return the name of the profile."""
        return self._profile.name if self._profile else self.settings.plan.snapshot.profile_name

    @classmethod
    def get(cls) -> SettingsContext | None:
        """Return the current context; outside of every block, the one of the process."""
        return get_settings_context()

    @classmethod
    def hydrate(cls, values: Mapping[str, Any]) -> Self:
        """Return the context from the output of `serialize`, on top of this process's sources."""
        current = get_settings_context().settings
        updates: dict[SettingKey, Any] = values.get("settings", {})
        return cls(None, settings=current.copy_with_update(updates))

    def serialize(self, include_secrets: bool = True) -> dict[str, Any]:
        """Return the explicitly set settings by environment name, and the name of the profile.

        Secrets are left out if `include_secrets` is false.
        """
        variables = self.settings.to_environment_variables(exclude_unset=True, include_secrets=include_secrets)
        if not include_secrets:
            variables = {name: value for name, value in variables.items() if value != base.HIDDEN}
        return {"profile": {"name": self.profile_name}, "settings": variables}

    def __enter__(self) -> Self:
        self._tokens.append(_current.set(self))
        return self

    def __exit__(self, *_: object) -> None:
        _current.reset(self._tokens.pop())


_current: ContextVar[SettingsContext | None] = ContextVar("prefect_settings", default=None)
_process: SettingsContext | None = None
_loading = _forks.create_rlock()


def get_current_settings() -> Settings:
    """Return the current settings. Groups are built on first access.

    Raises:
        SettingsError: A settings file cannot be read.
    """
    context = _current.get() or _process
    return context.settings if context is not None else root_settings_context().settings


def get_settings_context() -> SettingsContext:
    """Return the context of the current settings."""
    return _current.get() or root_settings_context()


def root_settings_context() -> SettingsContext:
    """Return the settings of the process, loaded from the sources on first use."""
    global _process
    if _process is None:
        with _loading:
            if _process is None:
                _process = _load()
    return _process


def refresh_global_settings_context() -> None:
    """Reload the settings of the process from the sources."""
    forget()
    root_settings_context()


def forget() -> None:
    """Discard the settings of the process, so that the next access reloads them."""
    global _process
    with _loading:
        _process = None


@contextmanager
def process_settings(settings: Settings) -> Generator[None]:
    """Replace the settings of the process inside the block, for every thread without its own settings."""
    global _process
    with _loading:
        before, _process = _process, SettingsContext(settings=settings)
    try:
        yield
    finally:
        with _loading:
            _process = before


def _load() -> SettingsContext:
    snapshot = sources.Snapshot()
    if snapshot.missing_profile:
        sys.stderr.write(
            f"prefect: there is no profile {snapshot.missing_profile!r}, so the profile {snapshot.profile_name!r} is"
            f" used. See `prefect profile ls`.\n"
        )
    return SettingsContext(settings=root.Settings.load(base.Plan(snapshot)))


@contextmanager
def temporary_settings(
    updates: Mapping[SettingKey, Any] | None = None,
    set_defaults: Mapping[SettingKey, Any] | None = None,
    restore_defaults: Iterable[SettingKey] | None = None,
) -> Generator[Settings, None, None]:
    """Change settings for the code inside the block.

    Args:
        updates: New values by setting, environment name or accessor.
        set_defaults: Values for settings that nothing else sets.
        restore_defaults: Settings that get their default value.

    Raises:
        SettingsError: A setting is unknown or a value is invalid.
    """
    context = get_settings_context()
    changed = context.settings.copy_with_update(updates, set_defaults, restore_defaults)
    with SettingsContext(context.known_profile, settings=changed):
        yield changed


@contextmanager
def use_profile(
    profile: Profile | str, override_environment_variables: bool = False, include_current_context: bool = True
) -> Generator[SettingsContext, Any, None]:
    """Use a profile for the code inside the block.

    Args:
        profile: The profile, or its name.
        override_environment_variables: Whether the profile's values win over environment variables.
        include_current_context: Whether values that `temporary_settings` set around the block stay.

    Raises:
        MissingProfileError: There is no profile of that name.
    """
    chosen = profiles.load_profile(profile) if isinstance(profile, str) else profile
    values = {setting.name: value for setting, value in chosen.settings.items()}
    snapshot = sources.Snapshot((chosen.name, values), profile_first=override_environment_variables)
    plan = base.Plan(snapshot)
    if include_current_context:
        current = get_settings_context().settings.plan
        plan = base.Plan(snapshot, current.explicit, current.defaults, current.restored)
    with SettingsContext(chosen, settings=root.Settings.load(plan)) as context:
        yield context


def _root_class() -> type[Settings]:
    return root.Settings


set_providers(get_settings_context, _root_class)
