"""Credentials of Amazon Web Services and of MinIO, and the clients of boto3 that they open."""

from __future__ import annotations

import functools
import os
from enum import Enum
from typing import Any, ClassVar

from pydantic import Field, SecretStr

from prefect.blocks.abstract import CredentialsBlock
from prefect_aws.assume_role_parameters import AssumeRoleParameters
from prefect_aws.client_parameters import AwsClientParameters


class ClientType(Enum):
    """Services whose clients have a method of their own."""

    S3 = "s3"
    ECS = "ecs"
    BATCH = "batch"
    SECRETS_MANAGER = "secretsmanager"


def open_session(**options: Any) -> Any:
    """Return a session of boto3.

    Raises:
        ImportError: boto3 is not installed.
    """
    try:
        import boto3
    except ModuleNotFoundError as error:
        if error.name != "boto3":
            raise
        raise ImportError(
            "`prefect_aws` needs the package `boto3`: install it with `pip install 'pluperfect[aws]'`."
        ) from None
    return boto3.Session(**options)


class _Clients:
    """Mixin of credentials that open clients. One is opened once in a process for the same values."""

    def get_client(self, client_type: str | ClientType) -> Any:
        """Return the client of a service.

        Args:
            client_type: The name of the service, such as `"s3"`.

        Raises:
            ImportError: boto3 is not installed.
        """
        # A client has open connections, which a forked child must not use.
        return _open_client(_Values(self), _name(client_type), os.getpid())

    def get_s3_client(self) -> Any:
        """Return the client of S3."""
        return self.get_client(ClientType.S3)


def _name(client_type: str | ClientType) -> str:
    return client_type.value if isinstance(client_type, ClientType) else client_type


def _region() -> Any:
    return Field(default=None, description="The AWS Region where you want to create new connections.")


def _client_parameters() -> Any:
    return Field(
        default_factory=AwsClientParameters,
        title="AWS Client Parameters",
        description="Extra parameters to initialize the Client.",
    )


class AwsCredentials(_Clients, CredentialsBlock):
    """Credentials of Amazon Web Services; without values, those that boto3 finds in the environment.

    Example:
        ```python
        from prefect_aws import AwsCredentials

        s3 = AwsCredentials.load("BLOCK_NAME").get_s3_client()
        ```
    """

    _block_type_name: ClassVar[str | None] = "AWS Credentials"

    aws_access_key_id: str | None = Field(
        default=None, title="AWS Access Key ID", description="A specific AWS access key ID."
    )
    aws_secret_access_key: SecretStr | None = Field(
        default=None, title="AWS Access Key Secret", description="A specific AWS secret access key."
    )
    aws_session_token: SecretStr | None = Field(
        default=None, title="AWS Session Token", description="The session key for your AWS account."
    )
    profile_name: str | None = Field(default=None, description="The profile to use when creating your session.")
    region_name: str | None = _region()
    aws_client_parameters: AwsClientParameters = _client_parameters()
    assume_role_arn: str | None = Field(
        default=None, title="Assume Role ARN", description="The ARN of the IAM role to assume."
    )
    assume_role_kwargs: AssumeRoleParameters = Field(
        default_factory=AssumeRoleParameters,
        title="Assume Role Parameters",
        description="Further arguments of the request to assume the role.",
    )

    def get_boto3_session(self) -> Any:
        """Return a session of boto3 with these credentials, or with the credentials of the role to assume."""
        session = open_session(
            aws_access_key_id=self.aws_access_key_id,
            aws_secret_access_key=_reveal(self.aws_secret_access_key),
            aws_session_token=_reveal(self.aws_session_token),
            profile_name=self.profile_name,
            region_name=self.region_name,
        )
        return session if self.assume_role_arn is None else self._assume_role(session)

    def _assume_role(self, session: Any) -> Any:
        sts = session.client("sts", **self.aws_client_parameters.get_params_override())
        arguments = {"RoleSessionName": "prefect", **self.assume_role_kwargs.get_params_override()}
        assumed = sts.assume_role(**arguments, RoleArn=self.assume_role_arn)["Credentials"]
        return open_session(
            aws_access_key_id=assumed["AccessKeyId"],
            aws_secret_access_key=assumed["SecretAccessKey"],
            aws_session_token=assumed["SessionToken"],
            region_name=self.region_name,
        )

    def get_client(self, client_type: str | ClientType) -> Any:
        """Return the client of a service. Clients of a role are not cached, because they expire."""
        if self.assume_role_arn is None:
            return super().get_client(client_type)
        return self.get_boto3_session().client(_name(client_type), **self.aws_client_parameters.get_params_override())

    def get_secrets_manager_client(self) -> Any:
        """Return the client of the Secrets Manager."""
        return self.get_client(ClientType.SECRETS_MANAGER)


class MinIOCredentials(_Clients, CredentialsBlock):
    """Credentials of a MinIO server, whose address is `aws_client_parameters.endpoint_url`.

    Example:
        ```python
        from prefect_aws import MinIOCredentials

        s3 = MinIOCredentials.load("BLOCK_NAME").get_s3_client()
        ```
    """

    _block_type_name: ClassVar[str | None] = "MinIO Credentials"
    _block_type_slug: ClassVar[str | None] = "minio-credentials"

    minio_root_user: str = Field(description="Admin or root user.")
    minio_root_password: SecretStr = Field(description="Admin or root password.")
    region_name: str | None = _region()
    aws_client_parameters: AwsClientParameters = _client_parameters()

    def get_boto3_session(self) -> Any:
        """Return a session of boto3 with these credentials."""
        return open_session(
            aws_access_key_id=self.minio_root_user,
            aws_secret_access_key=self.minio_root_password.get_secret_value(),
            region_name=self.region_name,
        )


class _Values:
    """Credentials, compared by their values, secrets included."""

    def __init__(self, credentials: Any) -> None:
        self.credentials = credentials
        revealed = {name: _reveal(getattr(credentials, name)) for name in type(credentials).model_fields}
        self._values = (type(credentials), repr(sorted(revealed.items())))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Values) and self._values == other._values

    def __hash__(self) -> int:
        return hash(self._values)


def _reveal(value: Any) -> Any:
    return value.get_secret_value() if isinstance(value, SecretStr) else value


@functools.lru_cache(maxsize=16)
def _open_client(values: _Values, service: str, pid: int) -> Any:
    """Open the client of a service, once for the same credentials: it costs a tenth of a second."""
    parameters = values.credentials.aws_client_parameters
    return values.credentials.get_boto3_session().client(service, **parameters.get_params_override())
