"""Settings of deployments."""

from prefect.settings.base import PrefectBaseSettings, build_settings_config, setting


class DeploymentsSettings(PrefectBaseSettings):
    """Settings of deployments."""

    model_config = build_settings_config(("deployments",))

    clear_schedules_on_empty: bool = setting(
        False, "Whether `schedules: []` removes a deployment's schedules; otherwise an empty list changes nothing."
    )
    default_docker_build_namespace: str | None = setting(
        None,
        "The registry namespace of images that are built without one.",
        aliases=("PREFECT_DEFAULT_DOCKER_BUILD_NAMESPACE",),
    )
    default_work_pool_name: str | None = setting(
        None, "The work pool of deployments that name none.", aliases=("PREFECT_DEFAULT_WORK_POOL_NAME",)
    )
