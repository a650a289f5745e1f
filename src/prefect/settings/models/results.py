"""Settings of results."""

from pathlib import Path
from typing import TYPE_CHECKING

from prefect.settings.base import PrefectBaseSettings, build_settings_config, in_home, setting

if TYPE_CHECKING:
    from prefect.settings._protocols import SettingsTree


class ResultsSettings(PrefectBaseSettings):
    """Settings of results."""

    model_config = build_settings_config(("results",), former_prefix="PREFECT_")

    default_serializer: str = setting("pickle", "The serializer of results that name none.")
    default_storage_block: str | None = setting(
        None,
        "The block, as `type/name`, that keeps results of runs that name none.",
        aliases=("PREFECT_DEFAULT_RESULT_STORAGE_BLOCK",),
    )
    local_storage_path: Path = setting(None, "The directory of results that are kept on this machine.", renamed=True)
    persist_by_default: bool = setting(False, "Whether results are kept when the flow or task does not say.")

    ship_inline: bool = setting(
        False,
        "Send results that are JSON of at most 64 KiB to the server with the states of their runs. Other results, and "
        "pickles of any kind, never leave the process unless a result storage is configured.",
    )

    def _derive_local_storage_path(self, value: Path | None, root: "SettingsTree") -> Path:
        return in_home(value, root, "storage")
