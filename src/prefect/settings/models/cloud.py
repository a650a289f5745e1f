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
    """Return the UI address of an API address: the same host, but `app.prefect.cloud` of `api.prefect.cloud`."""
    url = settings.api_url.removesuffix("/api")
    host = url.removeprefix("https://api.").partition("/")[0].partition(":")[0]
    if url.startswith("https://api.") and f".{host}".endswith(_CLOUD_DOMAINS):
        return url.replace("https://api.", "https://app.", 1)
    return url


_CLOUD_DOMAINS = (".prefect.cloud", ".prefect.dev")
