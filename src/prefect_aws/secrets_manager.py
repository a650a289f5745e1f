"""Secrets of AWS Secrets Manager: a block for one, and tasks."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from prefect import task
from prefect.blocks.abstract import SecretBlock
from prefect_aws._dual import dual, in_thread
from prefect_aws.credentials import AwsCredentials, ClientType


class AwsSecret(SecretBlock):
    """A secret of AWS Secrets Manager.

    Attributes:
        aws_credentials: The credentials.
        secret_name: The name of the secret.

    Example:
        ```python
        from prefect_aws import AwsSecret

        AwsSecret.load("BLOCK_NAME").read_secret()
        ```
    """

    _block_type_name: ClassVar[str | None] = "AWS Secret"

    aws_credentials: AwsCredentials
    secret_name: str = Field(description="The name of the secret.")

    @property
    def _client(self) -> Any:
        return self.aws_credentials.get_client(ClientType.SECRETS_MANAGER)

    def _read_secret(
        self, version_id: str | None = None, version_stage: str | None = None, **read_kwargs: Any
    ) -> bytes | str:
        """Return the value of the secret.

        Args:
            version_id: The version; the current one if None.
            version_stage: The label of the version.
            read_kwargs: Further arguments of `get_secret_value`.
        """
        return _read(self._client, self.secret_name, version_id, version_stage, **read_kwargs)

    aread_secret = in_thread(_read_secret)
    read_secret = dual(aread_secret)  # pyright: ignore[reportAssignmentType, reportIncompatibleMethodOverride]

    def _write_secret(self, secret_data: bytes, **put_or_create_secret_kwargs: Any) -> str:
        """Write the value of the secret, which is created if there is none of its name; return its ARN.

        Args:
            secret_data: The value.
            put_or_create_secret_kwargs: Further arguments of `put_secret_value` or `create_secret`.
        """
        client, options = self._client, put_or_create_secret_kwargs
        try:
            written = client.put_secret_value(SecretId=self.secret_name, SecretBinary=secret_data, **options)
        except client.exceptions.ResourceNotFoundException:
            written = client.create_secret(Name=self.secret_name, SecretBinary=secret_data, **options)
        return written["ARN"]

    awrite_secret = in_thread(_write_secret)
    write_secret = dual(awrite_secret)  # pyright: ignore[reportAssignmentType, reportIncompatibleMethodOverride]

    def _delete_secret(
        self, recovery_window_in_days: int = 30, force_delete_without_recovery: bool = False, **delete_kwargs: Any
    ) -> str:
        """Delete the secret, and return its ARN.

        Args:
            recovery_window_in_days: For how many days it can be restored, 7 to 30.
            force_delete_without_recovery: Whether it is deleted immediately.
            delete_kwargs: Further arguments of `delete_secret`.

        Raises:
            ValueError: The number of days is not between 7 and 30.
        """
        return _delete(
            self._client, self.secret_name, recovery_window_in_days, force_delete_without_recovery, **delete_kwargs
        )["ARN"]

    adelete_secret = in_thread(_delete_secret)
    delete_secret = dual(adelete_secret)


@task
def read_secret(
    secret_name: str,
    aws_credentials: AwsCredentials,
    version_id: str | None = None,
    version_stage: str | None = None,
) -> str | bytes:
    """Return the value of a secret."""
    client = aws_credentials.get_client(ClientType.SECRETS_MANAGER)
    return _read(client, secret_name, version_id, version_stage)


@task
def update_secret(
    secret_name: str, secret_value: str | bytes, aws_credentials: AwsCredentials, description: str | None = None
) -> dict[str, str]:
    """Change the value of a secret; return its `ARN`, `Name` and `VersionId`."""
    options = {"Description": description} if description is not None else {}
    client = aws_credentials.get_client(ClientType.SECRETS_MANAGER)
    return _without_metadata(client.update_secret(SecretId=secret_name, **_value(secret_value), **options))


@task
def create_secret(
    secret_name: str,
    secret_value: str | bytes,
    aws_credentials: AwsCredentials,
    description: str | None = None,
    tags: list[dict[str, str]] | None = None,
) -> dict[str, str]:
    """Create a secret; return its `ARN`, `Name` and `VersionId`.

    Args:
        secret_name: Its name.
        secret_value: Its value.
        aws_credentials: The credentials.
        description: What it is for.
        tags: Tags, as `{"Key": ..., "Value": ...}`.
    """
    options = {name: value for name, value in (("Description", description), ("Tags", tags)) if value is not None}
    client = aws_credentials.get_client(ClientType.SECRETS_MANAGER)
    return _without_metadata(client.create_secret(Name=secret_name, **_value(secret_value), **options))


@task
def delete_secret(
    secret_name: str,
    aws_credentials: AwsCredentials,
    recovery_window_in_days: int = 30,
    force_delete_without_recovery: bool = False,
) -> dict[str, str]:
    """Delete a secret; return its `ARN`, `Name` and `DeletionDate`.

    Raises:
        ValueError: The number of days is not between 7 and 30.
    """
    client = aws_credentials.get_client(ClientType.SECRETS_MANAGER)
    return _delete(client, secret_name, recovery_window_in_days, force_delete_without_recovery)


def _read(client: Any, name: str, version_id: str | None, stage: str | None, **options: Any) -> str | bytes:
    versions = {"VersionId": version_id, "VersionStage": stage}
    named = {key: value for key, value in versions.items() if value is not None}
    found = client.get_secret_value(SecretId=name, **named, **options)
    return found["SecretString"] if "SecretString" in found else found["SecretBinary"]


def _delete(client: Any, name: str, days: int, force: bool, **options: Any) -> dict[str, Any]:
    if force:
        return _without_metadata(client.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True, **options))
    if not 7 <= days <= 30:
        raise ValueError(f"`recovery_window_in_days` must be between 7 and 30, not {days}.")
    return _without_metadata(client.delete_secret(SecretId=name, RecoveryWindowInDays=days, **options))


def _value(value: str | bytes) -> dict[str, str | bytes]:
    return {"SecretBinary": value} if isinstance(value, bytes) else {"SecretString": value}


def _without_metadata(answer: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in answer.items() if name != "ResponseMetadata"}
