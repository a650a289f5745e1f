"""Settings of the API client."""

from prefect.settings._types import Headers, StatusCodes
from prefect.settings.base import PrefectBaseSettings, build_settings_config, group, setting


class ClientMetricsSettings(PrefectBaseSettings):
    """Settings of the client's metrics endpoint."""

    model_config = build_settings_config(("client", "metrics"))

    enabled: bool = setting(
        False, "Whether the client serves metrics in the Prometheus format.", aliases=("PREFECT_CLIENT_ENABLE_METRICS",)
    )
    port: int = setting(4201, "The port on which the client serves metrics.")


class ClientSettings(PrefectBaseSettings):
    """Settings of the API client."""

    model_config = build_settings_config(("client",))

    csrf_support_enabled: bool = setting(True, "Whether to send the token that a server with CSRF protection requires.")
    custom_headers: Headers = setting(dict, "HTTP headers to send with every request, as a JSON object.")
    exit_timeout_seconds: float = setting(
        30.0,
        "How long a process that ends waits for a server that does not answer. What is not sent by then stays in the "
        "outbox, and the next process with this home sends it. When not set, 300 for a process that runs one deployed "
        "flow run.",
        ge=0.0,
    )
    max_retries: int = setting(5, "How often a request that failed is sent again.", ge=0)
    metrics: ClientMetricsSettings = group(ClientMetricsSettings)
    retry_extra_codes: StatusCodes = setting(
        set, "HTTP status codes to retry besides those that always are, with commas between them."
    )
    retry_jitter_factor: float = setting(
        0.2, "How much of a retry's delay is random: 0.2 makes it up to 20 % longer or shorter.", ge=0.0
    )
    server_version_check_enabled: bool = setting(True, "Whether to warn when the server is older than the client.")
