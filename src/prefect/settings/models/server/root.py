"""Settings of the server."""

from pathlib import Path
from typing import TYPE_CHECKING

from prefect.settings._types import LogLevel
from prefect.settings.base import PrefectBaseSettings, build_settings_config, group, in_home, setting

if TYPE_CHECKING:
    from prefect.settings._protocols import SettingsTree
    from prefect.settings.models.server.api import ServerAPISettings
    from prefect.settings.models.server.concurrency import ServerConcurrencySettings
    from prefect.settings.models.server.database import ServerDatabaseSettings
    from prefect.settings.models.server.deployments import ServerDeploymentsSettings
    from prefect.settings.models.server.docket import ServerDocketSettings
    from prefect.settings.models.server.ephemeral import ServerEphemeralSettings
    from prefect.settings.models.server.events import ServerEventsSettings
    from prefect.settings.models.server.flow_run_graph import ServerFlowRunGraphSettings
    from prefect.settings.models.server.logs import ServerLogsSettings
    from prefect.settings.models.server.services import ServerServicesSettings
    from prefect.settings.models.server.tasks import ServerTasksSettings
    from prefect.settings.models.server.ui import ServerUISettings
    from prefect.settings.models.server.worker_channel import ServerWorkerChannelSettings


class ServerSettings(PrefectBaseSettings):
    """Settings of the server."""

    model_config = build_settings_config(("server",), former_prefix="PREFECT_")

    analytics_enabled: bool = setting(True, "Whether a server sends anonymous figures about its use.")
    api: "ServerAPISettings" = group("prefect.settings.models.server.api:ServerAPISettings")
    concurrency: "ServerConcurrencySettings" = group(
        "prefect.settings.models.server.concurrency:ServerConcurrencySettings"
    )
    database: "ServerDatabaseSettings" = group("prefect.settings.models.server.database:ServerDatabaseSettings")
    deployment_schedule_max_scheduled_runs: int = setting(
        50, "How many runs a deployment's schedule may have waiting, when it does not say.", renamed=True
    )
    deployments: "ServerDeploymentsSettings" = group(
        "prefect.settings.models.server.deployments:ServerDeploymentsSettings"
    )
    docket: "ServerDocketSettings" = group("prefect.settings.models.server.docket:ServerDocketSettings")
    ephemeral: "ServerEphemeralSettings" = group("prefect.settings.models.server.ephemeral:ServerEphemeralSettings")
    events: "ServerEventsSettings" = group("prefect.settings.models.server.events:ServerEventsSettings")
    flow_run_graph: "ServerFlowRunGraphSettings" = group(
        "prefect.settings.models.server.flow_run_graph:ServerFlowRunGraphSettings"
    )
    log_retryable_errors: bool = setting(
        False, "Whether a server logs errors that the client will retry.", aliases=("PREFECT_API_LOG_RETRYABLE_ERRORS",)
    )
    logging_level: LogLevel = setting(
        "WARNING", "The level of what a server logs.", aliases=("PREFECT_LOGGING_SERVER_LEVEL",)
    )
    logs: "ServerLogsSettings" = group("prefect.settings.models.server.logs:ServerLogsSettings")
    memo_store_path: Path = setting(None, "The file in which a server remembers what it has registered.", renamed=True)
    memoize_block_auto_registration: bool = setting(
        True, "Whether block types that did not change are not registered again.", renamed=True
    )
    metrics_enabled: bool = setting(
        False, "Whether a server serves metrics in the Prometheus format.", aliases=("PREFECT_API_ENABLE_METRICS",)
    )
    register_blocks_on_start: bool = setting(
        True,
        "Whether a server registers the known block types when it starts.",
        aliases=("PREFECT_API_BLOCKS_REGISTER_ON_START",),
    )
    services: "ServerServicesSettings" = group("prefect.settings.models.server.services:ServerServicesSettings")
    tasks: "ServerTasksSettings" = group("prefect.settings.models.server.tasks:ServerTasksSettings")
    ui: "ServerUISettings" = group("prefect.settings.models.server.ui:ServerUISettings")
    worker_channel: "ServerWorkerChannelSettings" = group(
        "prefect.settings.models.server.worker_channel:ServerWorkerChannelSettings"
    )

    def _derive_memo_store_path(self, value: Path | None, root: "SettingsTree") -> Path:
        return in_home(value, root, "memo_store.toml")
