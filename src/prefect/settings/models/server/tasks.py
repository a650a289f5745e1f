"""Settings of the server's task runs."""

from datetime import timedelta

from prefect.settings._types import Duration
from prefect.settings.base import PrefectBaseSettings, build_settings_config, group, setting


class ServerTasksSchedulingSettings(PrefectBaseSettings):
    """Settings of the queues of background tasks."""

    model_config = build_settings_config(("server", "tasks", "scheduling"), former_prefix="PREFECT_TASK_SCHEDULING_")

    max_retry_queue_size: int = setting(100, "How many task runs to be retried may wait in a queue.", renamed=True)
    max_scheduled_queue_size: int = setting(1000, "How many scheduled task runs may wait in a queue.", renamed=True)
    pending_task_timeout: Duration = setting(
        timedelta(seconds=0),
        "How long a task run may be pending before it is scheduled again; 0 means any time.",
        renamed=True,
    )


class ServerTasksSettings(PrefectBaseSettings):
    """Settings of the server's task runs."""

    model_config = build_settings_config(("server", "tasks"), former_prefix="PREFECT_TASK_RUN_")

    max_cache_key_length: int = setting(
        2000,
        "Characters that the cache key of a task run may have.",
        aliases=("PREFECT_API_TASK_CACHE_KEY_MAX_LENGTH",),
    )
    scheduling: ServerTasksSchedulingSettings = group(ServerTasksSchedulingSettings)
    tag_concurrency_slot_wait_seconds: float = setting(
        10.0, "Seconds before a task run that waits for a tag's limit tries again.", renamed=True, ge=0
    )
