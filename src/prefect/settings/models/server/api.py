"""Settings of the server's API."""

from datetime import timedelta

from pydantic import SecretStr

from prefect.settings._types import Duration
from prefect.settings.base import PrefectBaseSettings, build_settings_config, setting


class ServerAPISettings(PrefectBaseSettings):
    """Settings of the server's API."""

    model_config = build_settings_config(("server", "api"), former_prefix="PREFECT_SERVER_")

    auth_string: SecretStr | None = setting(
        None, "The `user:password` that a server requires with basic authentication."
    )
    base_path: str | None = setting(None, "The path under which a proxy serves the API.")
    cors_allowed_headers: str = setting(
        "*", "Headers that pages of other origins may send, with commas between them.", renamed=True
    )
    cors_allowed_methods: str = setting(
        "*", "Methods that pages of other origins may use, with commas between them.", renamed=True
    )
    cors_allowed_origins: str = setting(
        "*", "Origins whose pages may call the API, with commas between them.", renamed=True
    )
    csrf_protection_enabled: bool = setting(False, "Whether a server requires a CSRF token.", renamed=True)
    csrf_token_expiration: Duration = setting(
        timedelta(seconds=3600), "How long a CSRF token is good for.", renamed=True
    )
    default_limit: int = setting(
        200, "How many objects a query returns when it does not say.", aliases=("PREFECT_API_DEFAULT_LIMIT",)
    )
    host: str = setting("127.0.0.1", "The address on which a server listens.")
    keepalive_timeout: int = setting(5, "Seconds that an idle connection is kept open.")
    max_parameter_size: int = setting(
        524_288, "Bytes that the parameters of a flow run may take. 0 means any number.", ge=0
    )
    port: int = setting(4200, "The port on which a server listens.")
    websocket_ping_interval: float = setting(20.0, "Seconds between the pings of an open websocket.")
    websocket_ping_timeout: float = setting(
        20.0, "Seconds to wait for the answer to a ping before the websocket is closed."
    )
