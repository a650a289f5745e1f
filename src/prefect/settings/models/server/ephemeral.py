"""Settings of temporary servers."""

from prefect.settings.base import PrefectBaseSettings, build_settings_config, setting


class ServerEphemeralSettings(PrefectBaseSettings):
    """Settings of temporary servers."""

    model_config = build_settings_config(("server", "ephemeral"))

    enabled: bool = setting(
        False,
        "Whether a temporary server may serve programs that have no `PREFECT_API_URL`.",
        aliases=("PREFECT_SERVER_ALLOW_EPHEMERAL_MODE",),
    )
    startup_timeout_seconds: int = setting(20, "Seconds that a temporary server may take to start.")
