"""Settings of plugins."""

from prefect.settings._types import TextSet
from prefect.settings.base import PrefectBaseSettings, build_settings_config, setting


class PluginsSettings(PrefectBaseSettings):
    """Settings of plugins."""

    model_config = build_settings_config(("plugins",))

    allow: TextSet = setting(
        set,
        "Names of the plugins to load; all of them when it is empty.",
        aliases=("PREFECT_EXPERIMENTS_PLUGINS_ALLOW",),
    )
    deny: TextSet = setting(set, "Names of plugins not to load.", aliases=("PREFECT_EXPERIMENTS_PLUGINS_DENY",))
    enabled: bool = setting(False, "Whether plugins are loaded.", aliases=("PREFECT_EXPERIMENTS_PLUGINS_ENABLED",))
    safe_mode: bool = setting(
        False, "Whether plugins are loaded but not called.", aliases=("PREFECT_EXPERIMENTS_PLUGINS_SAFE_MODE",)
    )
    setup_timeout_seconds: float = setting(
        20.0, "Seconds that a plugin's set-up may take.", aliases=("PREFECT_EXPERIMENTS_PLUGINS_SETUP_TIMEOUT_SECONDS",)
    )
    strict: bool = setting(
        False,
        "Whether a plugin that a plugin hook requires and that fails stops the program.",
        aliases=("PREFECT_EXPERIMENTS_PLUGINS_STRICT",),
    )
