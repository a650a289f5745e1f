"""Settings of clean-up requests to workers."""

from prefect.settings.base import PrefectBaseSettings, build_settings_config, setting


class ServerWorkerChannelSettings(PrefectBaseSettings):
    """Settings of clean-up requests to workers."""

    model_config = build_settings_config(("server", "worker_channel"))

    cleanup_completed_idempotency_retention_seconds: float | None = setting(
        None,
        "Seconds that a finished request to clean up is remembered; not set means the default of its storage.",
        ge=0.0,
    )
    cleanup_lease_seconds: float = setting(
        30.0, "Seconds that a worker may take to clean up before another worker gets the request.", gt=0.0
    )
    cleanup_max_delivery_attempts: int = setting(3, "How often a request to clean up is sent.", ge=1)
    cleanup_queue_storage: str = setting(
        "prefect.server.worker_communication.cleanup_queue.memory", "The module that keeps requests to clean up."
    )
