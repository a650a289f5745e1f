"""Settings of the server's deployments."""

from prefect.settings.base import PrefectBaseSettings, build_settings_config, setting


class ServerDeploymentsSettings(PrefectBaseSettings):
    """Settings of the server's deployments."""

    model_config = build_settings_config(("server", "deployments"), former_prefix="PREFECT_DEPLOYMENT_")

    concurrency_slot_wait_seconds: float = setting(
        30.0, "Seconds before a run that waits for its deployment's limit tries again.", renamed=True, ge=0.0
    )
