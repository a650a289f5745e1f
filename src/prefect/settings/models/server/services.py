"""Settings of the server's background services."""

from datetime import timedelta

from prefect.settings._types import VACUUM_TYPES, Duration, Durations, VacuumTypes
from prefect.settings.base import PrefectBaseSettings, build_settings_config, group, setting


def _event_retention_overrides() -> dict[str, timedelta]:
    return {"prefect.flow-run.heartbeat": timedelta(days=7)}


def _vacuum_types() -> set[str]:
    return {"events"}


class ServicesBaseSetting(PrefectBaseSettings):
    """Common settings of the services."""

    enabled: bool = setting(True, "Whether the service is on.")


class ServerServicesCancellationCleanupSettings(ServicesBaseSetting):
    """Settings of the service that cancels the children of cancelled runs."""

    model_config = build_settings_config(
        ("server", "services", "cancellation_cleanup"), former_prefix="PREFECT_API_SERVICES_CANCELLATION_CLEANUP_"
    )

    cancelling_timeout_seconds: float = setting(
        300.0, "Seconds after which a run that is still cancelling is marked as cancelled.", gt=0
    )
    enabled: bool = setting(True, "Whether the service that ends the children of cancelled runs is on.", renamed=True)
    loop_seconds: float = setting(20.0, "Seconds between two rounds of this service.", renamed=True)


class ServerServicesCleanupReconcilerSettings(ServicesBaseSetting):
    """Settings of the service that repeats clean-up requests to workers."""

    model_config = build_settings_config(("server", "services", "cleanup_reconciler"))

    batch_size: int = setting(100, "How many runs are checked in a round.", gt=0)
    enabled: bool = setting(True, "Whether the service that repeats clean-up requests to workers is on.")
    loop_seconds: float = setting(5.0, "Seconds between two rounds of this service.", gt=0)


class ServerServicesDBVacuumSettings(ServicesBaseSetting):
    """Settings of the service that deletes old data."""

    model_config = build_settings_config(("server", "services", "db_vacuum"))

    batch_size: int = setting(200, "How many rows are removed in one transaction.", gt=0)
    enabled: VacuumTypes = setting(  # pyright: ignore[reportIncompatibleVariableOverride]  # what to remove, not whether
        _vacuum_types,
        "What is removed when it is old: `events`, `flow_runs`, `orphans`, with commas between them; true for all.",
    )
    event_retention_overrides: Durations = setting(
        _event_retention_overrides, "How long events of certain names are kept, as a JSON object."
    )
    loop_seconds: float = setting(3600.0, "Seconds between two rounds of this service.", gt=0)
    orphan_cleanup_loop_seconds: float = setting(
        86400.0, "Seconds between two searches for rows that belong to nothing.", gt=0
    )
    retention_period: Duration = setting(
        timedelta(days=90), "How long finished flow runs are kept.", gt=timedelta(hours=1)
    )

    @property
    def enabled_vacuum_types(self) -> set[str]:
        """Return the types of data to delete; flow runs include their orphans."""
        if isinstance(self.enabled, bool):
            return set(VACUUM_TYPES) if self.enabled else {"events"}
        return self.enabled | ({"orphans"} if "flow_runs" in self.enabled else set())


class ServerServicesEventLoggerSettings(ServicesBaseSetting):
    """Settings of the service that logs events."""

    model_config = build_settings_config(
        ("server", "services", "event_logger"), former_prefix="PREFECT_API_SERVICES_EVENT_LOGGER_"
    )

    enabled: bool = setting(False, "Whether every event is logged.", renamed=True)


class ServerServicesEventPersisterSettings(ServicesBaseSetting):
    """Settings of the service that writes events to the database."""

    model_config = build_settings_config(
        ("server", "services", "event_persister"), former_prefix="PREFECT_API_SERVICES_EVENT_PERSISTER_"
    )

    batch_size: int = setting(20, "How many events are written in a batch.", renamed=True, gt=0)
    enabled: bool = setting(True, "Whether the service that writes events to the database is on.", renamed=True)
    flush_interval: float = setting(
        5.0, "Seconds after which events are written even when they are few.", renamed=True, gt=0.0
    )
    max_flush_retries: int = setting(5, "How often writing events is tried again.", gt=0)
    queue_max_size: int = setting(50_000, "How many events may wait to be written; further ones are dropped.", gt=0)
    read_batch_size: int = setting(1, "How many events are read from the broker in one batch.", renamed=True, gt=0)


class ServerServicesForemanSettings(ServicesBaseSetting):
    """Settings of the service that monitors workers."""

    model_config = build_settings_config(
        ("server", "services", "foreman"), former_prefix="PREFECT_API_SERVICES_FOREMAN_"
    )

    deployment_last_polled_timeout_seconds: int = setting(
        60, "Seconds without a poll after which a deployment is not ready.", renamed=True
    )
    enabled: bool = setting(True, "Whether the service that watches workers is on.", renamed=True)
    fallback_heartbeat_interval_seconds: int = setting(
        30, "Seconds between heartbeats of a worker that does not say.", renamed=True
    )
    inactivity_heartbeat_multiple: int = setting(
        3, "How many heartbeats a worker may miss before it is offline.", renamed=True
    )
    loop_seconds: float = setting(15.0, "Seconds between two rounds of this service.", renamed=True)
    work_queue_last_polled_timeout_seconds: int = setting(
        60, "Seconds without a poll after which a work queue is not ready.", renamed=True
    )


class ServerServicesLateRunsSettings(ServicesBaseSetting):
    """Settings of the service that marks runs as late."""

    model_config = build_settings_config(
        ("server", "services", "late_runs"), former_prefix="PREFECT_API_SERVICES_LATE_RUNS_"
    )

    after_seconds: Duration = setting(
        timedelta(seconds=15), "How long after its time a run that has not started is late.", renamed=True
    )
    enabled: bool = setting(True, "Whether the service that marks runs as late is on.", renamed=True)
    loop_seconds: float = setting(5.0, "Seconds between two rounds of this service.", renamed=True)


class ServerServicesPauseExpirationsSettings(ServicesBaseSetting):
    """Settings of the service that fails runs after their pause timeout."""

    model_config = build_settings_config(
        ("server", "services", "pause_expirations"), former_prefix="PREFECT_API_SERVICES_PAUSE_EXPIRATIONS_"
    )

    enabled: bool = setting(True, "Whether the service that fails runs whose pause is over is on.", renamed=True)
    loop_seconds: float = setting(5.0, "Seconds between two rounds of this service.", renamed=True)


class ServerServicesRepossessorSettings(ServicesBaseSetting):
    """Settings of the service that releases the slots of expired leases."""

    model_config = build_settings_config(("server", "services", "repossessor"))

    enabled: bool = setting(True, "Whether the service that releases the slots of expired leases is on.")
    loop_seconds: float = setting(15.0, "Seconds between two rounds of this service.")


class ServerServicesSchedulerSettings(ServicesBaseSetting):
    """Settings of the service that schedules runs of deployments."""

    model_config = build_settings_config(
        ("server", "services", "scheduler"), former_prefix="PREFECT_API_SERVICES_SCHEDULER_"
    )

    deployment_batch_size: int = setting(100, "How many deployments are scheduled in one batch.", renamed=True)
    enabled: bool = setting(True, "Whether the service that schedules runs of deployments is on.", renamed=True)
    insert_batch_size: int = setting(500, "How many runs are written in one batch.", renamed=True)
    loop_seconds: float = setting(60.0, "Seconds between two rounds of this service.", renamed=True)
    max_runs: int = setting(100, "How many runs of a deployment are scheduled ahead at most.", renamed=True)
    max_scheduled_time: Duration = setting(
        timedelta(days=100), "How far ahead runs are scheduled at most.", renamed=True
    )
    min_runs: int = setting(3, "How many runs of a deployment are scheduled ahead at least.", renamed=True)
    min_scheduled_time: Duration = setting(
        timedelta(seconds=3600), "How far ahead runs are scheduled at least.", renamed=True
    )
    recent_deployments_loop_seconds: float = setting(5.0, "Seconds between two checks for deployments that changed.")


class ServerServicesTaskRunRecorderSettings(ServicesBaseSetting):
    """Settings of the service that records task runs from their events."""

    model_config = build_settings_config(
        ("server", "services", "task_run_recorder"), former_prefix="PREFECT_API_SERVICES_TASK_RUN_RECORDER_"
    )

    batch_size: int = setting(1, "How many task runs are written in one batch.", gt=0)
    enabled: bool = setting(True, "Whether the service that records task runs is on.", renamed=True)
    flush_interval: float = setting(5.0, "Seconds after which task runs are written even when they are few.", gt=0.0)
    read_batch_size: int = setting(1, "How many events are read from the broker in one batch.", gt=0)


class ServerServicesTriggersSettings(ServicesBaseSetting):
    """Settings of the service that runs automations."""

    model_config = build_settings_config(
        ("server", "services", "triggers"), former_prefix="PREFECT_API_SERVICES_TRIGGERS_"
    )

    enabled: bool = setting(True, "Whether the service that runs automations is on.", renamed=True)
    pg_notify_heartbeat_interval_seconds: int = setting(
        5, "Seconds between two checks that PostgreSQL's notifications arrive."
    )
    pg_notify_reconnect_interval_seconds: int = setting(
        10, "Seconds before a lost connection for notifications is opened again."
    )
    read_batch_size: int = setting(1, "How many events are read from the broker in one batch.", gt=0)


class ServerServicesSettings(PrefectBaseSettings):
    """Settings of the server's background services."""

    model_config = build_settings_config(("server", "services"))

    cancellation_cleanup: ServerServicesCancellationCleanupSettings = group(ServerServicesCancellationCleanupSettings)
    cleanup_reconciler: ServerServicesCleanupReconcilerSettings = group(ServerServicesCleanupReconcilerSettings)
    db_vacuum: ServerServicesDBVacuumSettings = group(ServerServicesDBVacuumSettings)
    event_logger: ServerServicesEventLoggerSettings = group(ServerServicesEventLoggerSettings)
    event_persister: ServerServicesEventPersisterSettings = group(ServerServicesEventPersisterSettings)
    foreman: ServerServicesForemanSettings = group(ServerServicesForemanSettings)
    late_runs: ServerServicesLateRunsSettings = group(ServerServicesLateRunsSettings)
    pause_expirations: ServerServicesPauseExpirationsSettings = group(ServerServicesPauseExpirationsSettings)
    repossessor: ServerServicesRepossessorSettings = group(ServerServicesRepossessorSettings)
    scheduler: ServerServicesSchedulerSettings = group(ServerServicesSchedulerSettings)
    task_run_recorder: ServerServicesTaskRunRecorderSettings = group(ServerServicesTaskRunRecorderSettings)
    triggers: ServerServicesTriggersSettings = group(ServerServicesTriggersSettings)
