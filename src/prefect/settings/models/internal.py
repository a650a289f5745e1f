"""Internal settings."""

from typing import TYPE_CHECKING

from prefect.settings._types import LogLevel
from prefect.settings.base import PrefectBaseSettings, build_settings_config, setting

if TYPE_CHECKING:
    from prefect.settings._protocols import SettingsTree


class InternalSettings(PrefectBaseSettings):
    """Internal settings."""

    model_config = build_settings_config(("internal",))

    logging_level: LogLevel = setting(
        "ERROR", "The level of Prefect's internal logs.", aliases=("PREFECT_LOGGING_INTERNAL_LEVEL",)
    )

    def _derive_logging_level(self, value: LogLevel, root: "SettingsTree") -> LogLevel:
        return "DEBUG" if root.debug_mode or root.testing.test_mode else value
