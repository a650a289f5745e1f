"""Settings of tasks."""

from prefect.settings._types import OptionalRetryDelay
from prefect.settings.base import PrefectBaseSettings, build_settings_config, group, setting


class TasksRunnerSettings(PrefectBaseSettings):
    """Settings of task runners."""

    model_config = build_settings_config(("tasks", "runner"), former_prefix="PREFECT_TASK_RUNNER_")

    process_pool_max_workers: int | None = setting(
        None, "How many processes a process pool has; as many as processors when it is not set.", gt=0
    )
    thread_pool_max_workers: int | None = setting(
        None, "How many tasks a thread pool runs at the same time; any number when it is not set.", renamed=True, gt=0
    )


class TasksSchedulingSettings(PrefectBaseSettings):
    """Settings of background tasks."""

    model_config = build_settings_config(("tasks", "scheduling"), former_prefix="PREFECT_TASK_SCHEDULING_")

    default_storage_block: str | None = setting(
        None, "The block, as `type/name`, that keeps the parameters of background tasks.", renamed=True
    )
    delete_failed_submissions: bool = setting(
        True, "Whether a background task that could not be submitted is forgotten.", renamed=True
    )


class TasksSettings(PrefectBaseSettings):
    """Settings of tasks."""

    model_config = build_settings_config(("tasks",), former_prefix="PREFECT_TASK_")

    default_no_cache: bool = setting(False, "Whether tasks that name no cache policy are not cached.")
    default_persist_result: bool | None = setting(
        None, "Whether the results of tasks that do not say are kept; `results.persist_by_default` when it is not set."
    )
    default_retries: int = setting(
        0, "How often a task that failed runs again, when it does not say.", renamed=True, ge=0
    )
    default_retry_delay_seconds: OptionalRetryDelay = setting(
        0, "Seconds between the tries of a task that does not say, or one number for each.", renamed=True
    )
    disable_caching: bool = setting(False, "Whether caching is disabled for all tasks.")
    refresh_cache: bool = setting(False, "Whether tasks that do not say run and renew what is cached.")
    runner: TasksRunnerSettings = group(TasksRunnerSettings)
    scheduling: TasksSchedulingSettings = group(TasksSchedulingSettings)
