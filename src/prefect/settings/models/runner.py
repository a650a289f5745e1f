"""Settings of runners."""

import warnings

from prefect.settings._types import LogLevel
from prefect.settings.base import PrefectBaseSettings, build_settings_config, group, setting


class RunnerServerSettings(PrefectBaseSettings):
    """Settings of a runner's HTTP server."""

    model_config = build_settings_config(("runner", "server"))

    enable: bool = setting(False, "Whether a runner serves its health over HTTP.")
    host: str = setting("localhost", "The address on which a runner's server listens.")
    log_level: LogLevel = setting("ERROR", "The level of what a runner's server logs.")
    missed_polls_tolerance: int = setting(2, "How many polls a runner may miss before it counts as unhealthy.")
    port: int = setting(8080, "The port on which a runner's server listens.")


class RunnerSettings(PrefectBaseSettings):
    """Settings of runners."""

    model_config = build_settings_config(("runner",))

    auto_install_dependencies: bool = setting(
        False,
        "Whether the packages that the code of a deployment names in pyproject.toml or requirements.txt are installed"
        " before its flow runs, in a directory of their own.",
    )
    crash_on_cancellation_failure: bool = setting(
        False, "Whether a run that could not be cancelled is marked as crashed."
    )
    fork_server: bool = setting(
        True,
        "Whether runners and workers fork the processes of flow runs from one that has imported this package, which"
        " takes a tenth of the time and of the CPU of a new interpreter. Only on Linux.",
    )
    poll_frequency: int = setting(10, "Seconds between a runner's polls for scheduled runs.")
    process_limit: int = setting(5, "How many flow runs a runner runs at the same time.")
    server: RunnerServerSettings = group(RunnerServerSettings)

    @property
    def heartbeat_frequency(self) -> int | None:
        """Deprecated: use `flows.heartbeat_frequency`."""
        warnings.warn(
            "`runner.heartbeat_frequency` is now `flows.heartbeat_frequency` (PREFECT_FLOWS_HEARTBEAT_FREQUENCY).",
            DeprecationWarning,
            stacklevel=2,
        )
        return self.settings_root().flows.heartbeat_frequency
