"""Settings of the web UI."""

from typing import TYPE_CHECKING

from prefect.settings.base import PrefectBaseSettings, build_settings_config, setting

if TYPE_CHECKING:
    from prefect.settings._protocols import SettingsTree


class ServerUISettings(PrefectBaseSettings):
    """Settings of the web UI."""

    model_config = build_settings_config(("server", "ui"), former_prefix="PREFECT_UI_")

    api_url: str | None = setting(
        None, "The address of the API for the web page; made from the API's own when it is not set.", renamed=True
    )
    enabled: bool = setting(True, "Whether a server serves the web page.", renamed=True)
    serve_base: str = setting("/", "The path under which the web page is served.", renamed=True)
    show_promotional_content: bool = setting(True, "Whether the web page mentions other products.")
    static_directory: str | None = setting(
        None, "The directory in which the web page's files are put before they are served.", renamed=True
    )
    v2_enabled: bool = setting(True, "Whether a server serves the second version of the web page.")

    def _derive_api_url(self, value: str | None, root: "SettingsTree") -> str | None:
        return value or root.api.url or f"http://{root.server.api.host}:{root.server.api.port}/api"
