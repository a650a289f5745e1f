"""Settings of plugins."""

from prefect.settings._types import TextSet
from prefect.settings.base import PrefectBaseSettings, build_settings_config, setting


class PluginsSettings(PrefectBaseSettings):
    """Settings of plugins."""

    model_config = build_settings_config(("plugins",), former_prefix="PREFECT_EXPERIMENTS_PLUGINS_")

    allow: TextSet = setting(set, "Names of the plugins to load; all of them when it is empty.", renamed=True)
    deny: TextSet = setting(set, "Names of plugins not to load.", renamed=True)
    enabled: bool = setting(False, "Whether plugins are loaded.", renamed=True)
    safe_mode: bool = setting(False, "Whether plugins are loaded but not called.", renamed=True)
    setup_timeout_seconds: float = setting(20.0, "Seconds that a plugin's set-up may take.", renamed=True)
    strict: bool = setting(
        False, "Whether a plugin that a plugin hook requires and that fails stops the program.", renamed=True
    )
