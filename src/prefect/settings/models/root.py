"""The tree of all settings."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeAlias

from prefect.settings.base import (
    Plan,
    PrefectBaseSettings,
    build_settings_config,
    explicit_values,
    group,
    in_home,
    setting,
)
from prefect.settings.legacy import Setting, find_accessor, value_at

if TYPE_CHECKING:
    from prefect.settings.models.api import APISettings
    from prefect.settings.models.cli import CLISettings
    from prefect.settings.models.client import ClientSettings
    from prefect.settings.models.cloud import CloudSettings
    from prefect.settings.models.deployments import DeploymentsSettings
    from prefect.settings.models.events import EventsSettings
    from prefect.settings.models.experiments import ExperimentsSettings
    from prefect.settings.models.flows import FlowsSettings
    from prefect.settings.models.internal import InternalSettings
    from prefect.settings.models.logging import LoggingSettings
    from prefect.settings.models.plugins import PluginsSettings
    from prefect.settings.models.results import ResultsSettings
    from prefect.settings.models.runner import RunnerSettings
    from prefect.settings.models.server.root import ServerSettings
    from prefect.settings.models.tasks import TasksSettings
    from prefect.settings.models.telemetry import TelemetrySettings
    from prefect.settings.models.testing import TestingSettings
    from prefect.settings.models.worker import WorkerSettings

SettingAccessor: TypeAlias = str
SettingKey: TypeAlias = Setting | SettingAccessor


class Settings(PrefectBaseSettings):
    """All settings. Groups are built on first access."""

    model_config = build_settings_config()

    api: "APISettings" = group("prefect.settings.models.api:APISettings")
    cli: "CLISettings" = group("prefect.settings.models.cli:CLISettings")
    client: "ClientSettings" = group("prefect.settings.models.client:ClientSettings")
    cloud: "CloudSettings" = group("prefect.settings.models.cloud:CloudSettings")
    debug_mode: bool = setting(False, "Whether everything is logged in detail.")
    deployments: "DeploymentsSettings" = group("prefect.settings.models.deployments:DeploymentsSettings")
    events: "EventsSettings" = group("prefect.settings.models.events:EventsSettings")
    experiments: "ExperimentsSettings" = group("prefect.settings.models.experiments:ExperimentsSettings")
    flows: "FlowsSettings" = group("prefect.settings.models.flows:FlowsSettings")
    home: Path = setting(Path("~/.prefect"), "The directory of profiles, records and results.")
    internal: "InternalSettings" = group("prefect.settings.models.internal:InternalSettings")
    logging: "LoggingSettings" = group("prefect.settings.models.logging:LoggingSettings")
    plugins: "PluginsSettings" = group("prefect.settings.models.plugins:PluginsSettings")
    profiles_path: Path = setting(None, "The file of profiles.")
    results: "ResultsSettings" = group("prefect.settings.models.results:ResultsSettings")
    runner: "RunnerSettings" = group("prefect.settings.models.runner:RunnerSettings")
    server: "ServerSettings" = group("prefect.settings.models.server.root:ServerSettings")
    silence_api_url_misconfiguration: bool = setting(
        False, "Whether to say nothing when `PREFECT_API_URL` looks wrong."
    )
    tasks: "TasksSettings" = group("prefect.settings.models.tasks:TasksSettings")
    telemetry: "TelemetrySettings" = group("prefect.settings.models.telemetry:TelemetrySettings")
    testing: "TestingSettings" = group("prefect.settings.models.testing:TestingSettings")
    ui_url: str | None = setting(None, "The address of the web page; made from `api.url` when it is not set.")
    worker: "WorkerSettings" = group("prefect.settings.models.worker:WorkerSettings")

    def _derive_home(self, value: Path, root: "Settings") -> Path:
        return value.expanduser()

    def _derive_profiles_path(self, value: Path | None, root: "Settings") -> Path:
        return in_home(value, root, "profiles.toml")

    def _derive_ui_url(self, value: str | None, root: "Settings") -> str | None:
        return value or default_ui_url(self)

    @property
    def connected_to_cloud(self) -> bool:
        """Return whether `api.url` is an address of Prefect Cloud."""
        return bool(self.api.url and self.api.url.startswith(self.cloud.api_url))

    def copy_with_update(
        self,
        updates: Mapping[SettingKey, Any] | None = None,
        set_defaults: Mapping[SettingKey, Any] | None = None,
        restore_defaults: Iterable[SettingKey] | None = None,
    ) -> Self:
        """Return a copy with some settings changed. A key is a setting, its environment name or its accessor.

        Args:
            updates: New values.
            set_defaults: Values for settings that nothing else sets.
            restore_defaults: Settings that get their default value.

        Raises:
            SettingsError: A setting is unknown or a value is invalid.
        """
        updated = {find_accessor(key): value for key, value in (updates or {}).items()}
        fallbacks = {find_accessor(key): value for key, value in (set_defaults or {}).items()}
        restored = {find_accessor(key) for key in restore_defaults or ()}
        plan = self.plan
        explicit = {**plan.explicit, **explicit_values(self)}
        explicit = {accessor: value for accessor, value in explicit.items() if accessor not in restored}
        changed = Plan(
            plan.snapshot,
            explicit={**explicit, **updated},
            defaults={**plan.defaults, **fallbacks},
            restored=(plan.restored | restored) - updated.keys(),
        )
        copy = self.load(changed)
        for accessor in (*updated, *fallbacks):
            value_at(copy, accessor)
        return copy

    def hash_key(self) -> str:
        """Return a key that is equal for equal settings within this process."""
        return str(hash(tuple(sorted(self.to_environment_variables().items()))))


def default_ui_url(settings: "Settings") -> str | None:
    """Return the address of the web page that belongs to `api.url`; None without one."""
    url = settings.api.url
    if not url:
        return None
    if settings.connected_to_cloud:
        pages = url.replace(settings.cloud.api_url, settings.cloud.ui_url or "", 1)
        return pages.replace("/accounts/", "/account/").replace("/workspaces/", "/workspace/")
    return re.sub(r"/api(/?)$", r"\1", url)


def canonical_environment_prefix(settings: PrefectBaseSettings) -> str:
    """Return the prefix of the environment names of a group's settings."""
    return str(settings.model_config.get("env_prefix", ""))
