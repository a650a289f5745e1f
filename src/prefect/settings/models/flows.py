"""Settings of flows."""

from prefect.settings._types import RetryDelay
from prefect.settings.base import PrefectBaseSettings, build_settings_config, setting


class FlowsSettings(PrefectBaseSettings):
    """Settings of flows."""

    model_config = build_settings_config(("flows",), former_prefix="PREFECT_FLOW_")

    default_retries: int = setting(
        0, "How often a flow that failed runs again, when it does not say.", renamed=True, ge=0
    )
    default_retry_delay_seconds: RetryDelay = setting(
        0, "Seconds between the tries of a flow that does not say, or one number for each.", renamed=True
    )
    heartbeat_frequency: int | None = setting(
        180,
        "Seconds between the heartbeats of a flow run; not set means none.",
        aliases=("PREFECT_RUNNER_HEARTBEAT_FREQUENCY",),
        ge=30,
    )
