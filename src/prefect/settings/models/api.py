"""Settings of the API connection."""

import os
from typing import TYPE_CHECKING

from pydantic import SecretStr

from prefect.settings.base import PrefectBaseSettings, build_settings_config, setting

if TYPE_CHECKING:
    from prefect.settings._protocols import SettingsTree


class APISettings(PrefectBaseSettings):
    """Settings of the API connection."""

    model_config = build_settings_config(("api",))

    auth_string: SecretStr | None = setting(
        None, "The `user:password` that the API requires with basic authentication."
    )
    enable_http2: bool = setting(False, "Whether to speak HTTP/2 with the API.")
    key: SecretStr | None = setting(None, "The key that is sent to the API as a bearer token.")
    request_timeout: float = setting(60.0, "Seconds to wait for an answer of the API.")
    ssl_cert_file: str | None = setting(None, "A file of certificates to trust; `SSL_CERT_FILE` when it is not set.")
    tls_insecure_skip_verify: bool = setting(
        False, "Whether to accept any certificate of the API. Anybody between could then pose as it."
    )
    url: str | None = setting(
        None, "The address of the API, ending in `/api`. Without one, runs are recorded in this home."
    )

    def _derive_ssl_cert_file(self, value: str | None, root: "SettingsTree") -> str | None:
        return value or os.environ.get("SSL_CERT_FILE")
