"""Settings of the server's background queue."""

from prefect.settings.base import PrefectBaseSettings, build_settings_config, setting


class ServerDocketSettings(PrefectBaseSettings):
    """Settings of the server's background queue."""

    model_config = build_settings_config(("server", "docket"))

    name: str = setting("prefect-server", "The name of the queue of background work.")
    url: str = setting("memory://", "The address of the queue of background work.")
