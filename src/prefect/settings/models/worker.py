"""Settings of workers."""

from prefect.settings.base import PrefectBaseSettings, build_settings_config, group, setting


class WorkerWebserverSettings(PrefectBaseSettings):
    """Settings of a worker's HTTP server."""

    model_config = build_settings_config(("worker", "webserver"))

    host: str = setting("0.0.0.0", "The address on which a worker's server listens.")
    port: int = setting(8080, "The port on which a worker's server listens.")


class WorkerSettings(PrefectBaseSettings):
    """Settings of workers."""

    model_config = build_settings_config(("worker",))

    cancellation_poll_seconds: float = setting(120.0, "Seconds between a worker's polls for cancelled runs.")
    debug_mode: bool = setting(False, "Whether a worker logs everything in detail.")
    enable_cancellation: bool = setting(False, "Whether a worker cancels runs whose process did not.")
    heartbeat_seconds: float = setting(30.0, "Seconds between a worker's heartbeats.")
    prefetch_seconds: float = setting(10.0, "How many seconds before its time a run is prepared.")
    query_seconds: float = setting(10.0, "Seconds between a worker's polls for scheduled runs.")
    webserver: WorkerWebserverSettings = group(WorkerWebserverSettings)
