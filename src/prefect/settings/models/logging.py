"""Settings of logging."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from prefect.settings._errors import SettingsError
from prefect.settings._types import LogLevel, TextList
from prefect.settings.base import PrefectBaseSettings, build_settings_config, group, in_home, setting

if TYPE_CHECKING:
    from prefect.settings._protocols import SettingsTree


class LoggingToAPISettings(PrefectBaseSettings):
    """Settings of sending logs to the API."""

    model_config = build_settings_config(("logging", "to_api"))

    batch_interval: float = setting(2.0, "Seconds between two batches of log records.")
    batch_size: int = setting(4_000_000, "Bytes of a batch of log records.")
    enabled: bool = setting(True, "Whether the log records of runs are kept with them.")
    max_log_size: int = setting(1_000_000, "Characters of a log record that are kept.")
    when_missing_flow: Literal["warn", "error", "ignore"] = setting(
        "warn", "What happens when a run's logger is used outside of a run."
    )

    def _check(self, values: dict[str, Any]) -> None:
        max_log_size_smaller_than_batch_size(values)

    def _derive_max_log_size(self, value: int, root: "SettingsTree") -> int:
        return min(value, root.cloud.max_log_size) if root.connected_to_cloud else value


def max_log_size_smaller_than_batch_size(values: dict[str, Any]) -> dict[str, Any]:
    """Check that a log record fits into a batch, and return the values unchanged.

    Raises:
        ValueError: The maximum log size is larger than the batch size.
    """
    batch, record = values.get("batch_size"), values.get("max_log_size")
    if batch is not None and record is not None and record > batch:
        raise SettingsError(
            f"PREFECT_LOGGING_TO_API_MAX_LOG_SIZE is {record}, but it must not be larger than"
            f" PREFECT_LOGGING_TO_API_BATCH_SIZE, which is {batch}."
        )
    return values


class LoggingSettings(PrefectBaseSettings):
    """Settings of logging."""

    model_config = build_settings_config(("logging",))

    colors: bool = setting(True, "Whether log lines on the console are coloured.")
    config_path: Path = setting(
        None,
        "The file that configures logging; the built-in configuration when it does not exist.",
        aliases=("PREFECT_LOGGING_SETTINGS_PATH",),
    )
    extra_loggers: TextList = setting(
        list, "Names of further loggers whose records belong to the run that makes them, with commas between them."
    )
    full_tracebacks: bool = setting(False, "Whether tracebacks show the frames of this package too.")
    level: LogLevel = setting("INFO", "The level of Prefect's loggers.")
    log_prints: bool = setting(False, "Whether flows and tasks that do not say turn `print` into log records.")
    markup: bool = setting(False, "Whether `[bold]` and the like in a log message style it on the console.")
    to_api: LoggingToAPISettings = group(LoggingToAPISettings)

    def _derive_level(self, value: LogLevel, root: "SettingsTree") -> LogLevel:
        return "DEBUG" if root.debug_mode or root.testing.test_mode else value

    def _derive_config_path(self, value: Path | None, root: "SettingsTree") -> Path:
        return in_home(value, root, "logging.yml")
