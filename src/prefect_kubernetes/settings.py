"""Settings of the Kubernetes worker: environment variables `PREFECT_INTEGRATIONS_KUBERNETES_*` or in `prefect.toml`."""

from __future__ import annotations

from pydantic import Field

from prefect.settings.base import PrefectBaseSettings, build_settings_config


class KubernetesObserverSettings(PrefectBaseSettings):
    """Settings of the events that replicate what happens to pods."""

    model_config = build_settings_config(("integrations", "kubernetes", "observer"))

    enabled: bool = Field(default=True, description="Whether the worker tells of the pods of its jobs.")
    replicate_pod_events: bool = Field(
        default=True, description="Whether the phases of these pods are emitted as `prefect.kubernetes.pod.*` events."
    )


class KubernetesWorkerCreateJobRetrySettings(PrefectBaseSettings):
    """Settings of the attempts to create a job while the API of the cluster does not answer."""

    model_config = build_settings_config(("integrations", "kubernetes", "worker", "create_job_retry"))

    max_retries: int = Field(default=3, ge=1, description="How often creating a job is tried.")
    delay_seconds: int = Field(default=1, ge=0, description="Seconds between two attempts.")
    jitter_min_seconds: int = Field(default=0, ge=0, description="The least that is added to these seconds at random.")
    jitter_max_seconds: int = Field(default=3, ge=0, description="The most that is added to these seconds at random.")


class KubernetesWorkerSettings(PrefectBaseSettings):
    """Settings of the jobs that the worker makes, and of how they get the credentials of Prefect's API."""

    model_config = build_settings_config(("integrations", "kubernetes", "worker"))

    api_key_secret_name: str | None = Field(
        default=None, description="The secret of the cluster that holds the API key: jobs refer to it."
    )
    api_key_secret_key: str | None = Field(default=None, description="The key of the API key in its secret, `value`.")
    api_auth_string_secret_name: str | None = Field(
        default=None, description="The secret of the cluster that holds the API's user and password: jobs refer to it."
    )
    api_auth_string_secret_key: str | None = Field(
        default=None, description="The key of the API's user and password in their secret, `value`."
    )
    create_secret_for_api_key: bool = Field(
        default=False, description="Whether the worker puts the API key into a secret, and jobs refer to that."
    )
    store_env_as_secret: bool = Field(
        default=False,
        description="Whether the environment of a job is put into a secret of its own, which is deleted with the job.",
    )
    create_job_retry: KubernetesWorkerCreateJobRetrySettings = Field(
        default_factory=KubernetesWorkerCreateJobRetrySettings
    )


class KubernetesSettings(PrefectBaseSettings):
    """Settings of `prefect_kubernetes`."""

    model_config = build_settings_config(("integrations", "kubernetes"))

    worker: KubernetesWorkerSettings = Field(default_factory=KubernetesWorkerSettings)
    observer: KubernetesObserverSettings = Field(default_factory=KubernetesObserverSettings)
