"""Settings of Prefect Cloud."""

from typing import TYPE_CHECKING

from prefect.settings.base import PrefectBaseSettings, build_settings_config, setting

if TYPE_CHECKING:
    from prefect.settings._protocols import SettingsTree


class CloudSettings(PrefectBaseSettings):
    """Settings of Prefect Cloud."""

    model_config = build_settings_config(("cloud",))

    api_url: str = setting("https://api.prefect.cloud/api", "The address of Prefect Cloud's API.")
    enable_orchestration_telemetry: bool = setting(
        True, "Whether flows that run with Prefect Cloud send traces and metrics to it."
    )
    max_log_size: int = setting(25_000, "Characters of a log message that Prefect Cloud takes.")
    ui_url: str | None = setting(None, "The address of Prefect Cloud's pages; made from `api_url` when it is not set.")

    def _derive_ui_url(self, value: str | None, root: "SettingsTree") -> str | None:
        return value or default_cloud_ui_url(self)


def default_cloud_ui_url(settings: CloudSettings) -> str | None:
    """Return the UI address of an API address: `https://api.x/api` has `https://app.x`."""
    url = settings.api_url.removesuffix("/api")
    scheme, separator, host = url.partition("://")
    return f"{scheme}{separator}app.{host.removeprefix('api.')}" if host.startswith("api.") else url
