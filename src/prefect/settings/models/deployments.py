"""Settings of deployments."""

from prefect.settings.base import PrefectBaseSettings, build_settings_config, setting


class DeploymentsSettings(PrefectBaseSettings):
    """Settings of deployments."""

    model_config = build_settings_config(("deployments",), former_prefix="PREFECT_")

    clear_schedules_on_empty: bool = setting(
        False, "Whether `schedules: []` removes a deployment's schedules; otherwise an empty list changes nothing."
    )
    default_docker_build_namespace: str | None = setting(
        None, "The registry namespace of images that are built without one.", renamed=True
    )
    default_work_pool_name: str | None = setting(None, "The work pool of deployments that name none.", renamed=True)
