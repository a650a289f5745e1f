"""Settings of telemetry."""

from prefect.settings.base import PrefectBaseSettings, build_settings_config, setting


class TelemetrySettings(PrefectBaseSettings):
    """Settings of telemetry."""

    model_config = build_settings_config(("telemetry",))

    enable_resource_metrics: bool = setting(True, "Whether the processor and memory use of runs is measured.")
    resource_metrics_interval_seconds: int = setting(10, "Seconds between two measurements.", ge=1)
