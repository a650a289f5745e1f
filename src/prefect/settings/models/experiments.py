"""Settings of experimental features."""

import warnings
from typing import TYPE_CHECKING

from prefect.settings.base import PrefectBaseSettings, build_settings_config, setting

if TYPE_CHECKING:
    from prefect.settings.models.plugins import PluginsSettings


class ExperimentsSettings(PrefectBaseSettings):
    """Settings of experimental features."""

    model_config = build_settings_config(("experiments",), former_prefix="PREFECT_EXPERIMENTAL_")

    warn: bool = setting(True, "Whether to warn when an experimental feature is used.", renamed=True)

    @property
    def plugins(self) -> "PluginsSettings":
        """Deprecated: use `settings.plugins`."""
        warnings.warn("`experiments.plugins` is now `settings.plugins`.", DeprecationWarning, stacklevel=2)
        return self.settings_root().plugins
