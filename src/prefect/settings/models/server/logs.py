"""Settings of the server's logs."""

from prefect.settings.base import PrefectBaseSettings, build_settings_config, setting


class ServerLogsSettings(PrefectBaseSettings):
    """Settings of the server's logs."""

    model_config = build_settings_config(("server", "logs"))

    stream_out_enabled: bool = setting(False, "Whether logs can be subscribed to.")
    stream_publishing_enabled: bool = setting(
        False, "Whether a server passes on the logs that it receives to subscriptions."
    )
