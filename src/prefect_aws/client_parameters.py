"""Options of the clients that boto3 makes."""

from __future__ import annotations

import warnings
from typing import Any, Self

from pydantic import BaseModel, Field, FilePath, model_validator


class AwsClientParameters(BaseModel):
    """Options of a client of boto3.

    Attributes:
        api_version: The version of the service's API; the newest one by default.
        use_ssl: Whether to use TLS.
        verify: Whether to verify certificates.
        verify_cert_path: A file of certificates to verify with.
        endpoint_url: The address of the service, for one that is not Amazon's.
        config: Arguments of `botocore.config.Config`.
    """

    api_version: str | None = Field(default=None, title="API Version", description="The API version to use.")
    use_ssl: bool = Field(default=True, title="Use SSL", description="Whether to use SSL.")
    verify: bool | FilePath | None = Field(default=True, description="Whether to verify SSL certificates.")
    verify_cert_path: FilePath | None = Field(
        default=None, title="Certificate Authority Bundle File Path", description="Path to the CA cert bundle to use."
    )
    endpoint_url: str | None = Field(
        default=None, title="Endpoint URL", description="The complete URL to use for the constructed client."
    )
    config: dict[str, Any] | None = Field(
        default=None, title="Botocore Config", description="Advanced configuration for Botocore clients."
    )

    @model_validator(mode="after")
    def _warn_of_unused_certificates(self) -> Self:
        if self.verify_cert_path is not None and not self.verify:
            warnings.warn("`verify_cert_path` is not used because `verify` is False.", stacklevel=2)
        return self

    def get_params_override(self) -> dict[str, Any]:
        """Return the arguments of `boto3.Session.client` that differ from its defaults."""
        found: dict[str, Any] = {"use_ssl": self.use_ssl}
        if self.api_version is not None:
            found["api_version"] = self.api_version
        if self.endpoint_url is not None:
            found["endpoint_url"] = self.endpoint_url
        verify = self.verify_cert_path if self.verify and self.verify_cert_path is not None else self.verify
        if verify is not None:
            found["verify"] = verify if isinstance(verify, bool) else str(verify)
        if self.config is not None:
            from botocore.config import Config

            found["config"] = Config(**self.config)
        return found
