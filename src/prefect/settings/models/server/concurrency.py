"""Settings of the server's concurrency limits."""

from prefect.settings.base import PrefectBaseSettings, build_settings_config, setting


class ServerConcurrencySettings(PrefectBaseSettings):
    """Settings of the server's concurrency limits."""

    model_config = build_settings_config(("server", "concurrency"))

    initial_deployment_lease_duration: float = setting(
        300.0, "Seconds that a deployment's slot is held before its first renewal.", ge=30.0, le=3600.0
    )
    lease_storage: str = setting(
        "prefect.server.concurrency.lease_storage.memory", "The module that keeps the leases of concurrency slots."
    )
    maximum_concurrency_slot_wait_seconds: float = setting(
        30.0, "The maximum of `Retry-After`, in seconds, for a client that waits for a slot.", ge=0
    )
