"""Settings, read from the environment, `.env`, `prefect.toml`, `pyproject.toml` and profiles.

    from prefect.settings import PREFECT_API_URL, get_current_settings, temporary_settings

    get_current_settings().tasks.default_retries
    PREFECT_API_URL.value()
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:4200/api"}): ...

Importing this module is cheap; reading a setting imports pydantic and builds only the group that contains it.
Every setting is defined once, in `models`; every environment name of a setting is an attribute of this module.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefect._lazy import exports
from prefect.settings import context
from prefect.settings.context import get_current_settings, temporary_settings

if TYPE_CHECKING:
    from prefect.settings._errors import SettingsError
    from prefect.settings.constants import DEFAULT_PREFECT_HOME, DEFAULT_PROFILES_PATH
    from prefect.settings.legacy import Setting
    from prefect.settings.models.root import Settings, canonical_environment_prefix
    from prefect.settings.profiles import (
        Profile,
        ProfilesCollection,
        load_current_profile,
        load_profile,
        load_profiles,
        save_profiles,
        update_current_profile,
    )

    PREFECT_API_AUTH_STRING: Setting
    PREFECT_API_KEY: Setting
    PREFECT_API_URL: Setting
    PREFECT_HOME: Setting
    PREFECT_UI_URL: Setting

__all__ = [
    "DEFAULT_PREFECT_HOME",
    "DEFAULT_PROFILES_PATH",
    "PREFECT_API_AUTH_STRING",
    "PREFECT_API_KEY",
    "PREFECT_API_URL",
    "PREFECT_HOME",
    "PREFECT_UI_URL",
    "Profile",
    "ProfilesCollection",
    "Setting",
    "Settings",
    "SettingsError",
    "canonical_environment_prefix",
    "get_current_settings",
    "load_current_profile",
    "load_profile",
    "load_profiles",
    "save_profiles",
    "temporary_settings",
    "update_current_profile",
]

_EXPORTS = {
    "prefect.settings._errors": "SettingsError",
    "prefect.settings.constants": "DEFAULT_PREFECT_HOME DEFAULT_PROFILES_PATH",
    "prefect.settings.legacy": "Setting",
    "prefect.settings.models.root": "Settings canonical_environment_prefix",
    "prefect.settings.profiles": (
        "Profile ProfilesCollection load_current_profile load_profile load_profiles save_profiles "
        "update_current_profile"
    ),
}

_export, __dir__ = exports(__name__, _EXPORTS)


def __getattr__(name: str) -> Any:
    if not name.startswith("PREFECT_"):
        return _export(name)
    from prefect.settings import legacy

    setting = legacy.find_setting(name)
    if setting is None:
        raise AttributeError(f"{name} is not a Prefect setting.{legacy.suggestion(name)}")
    globals()[name] = setting
    return setting


def _forget() -> None:  # pyright: ignore[reportUnusedFunction]
    """Discard the cached settings, so that the next access reads them again (for tests)."""
    context.forget()
