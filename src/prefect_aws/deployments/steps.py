"""Steps of a deployment: upload a project to S3, and download it where its flows run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import SecretStr

from prefect_aws.client_parameters import AwsClientParameters
from prefect_aws.credentials import AwsCredentials
from prefect_aws.s3 import S3Bucket


def push_to_s3(
    bucket: str,
    folder: str,
    credentials: dict[str, Any] | None = None,
    client_parameters: dict[str, Any] | None = None,
    ignore_file: str | None = ".prefectignore",
) -> dict[str, str]:
    """Upload the current directory.

    Args:
        bucket: The bucket's name.
        folder: The folder in it.
        credentials: Fields of an `AwsCredentials` block.
        client_parameters: Fields of `AwsClientParameters`.
        ignore_file: A file that names what is not uploaded; one that does not exist names nothing.

    Returns:
        `bucket` and `folder`, for the step that downloads it.
    """
    ignoring = ignore_file if ignore_file is not None and Path(ignore_file).exists() else None
    _open_bucket(bucket, folder, credentials, client_parameters)._put_directory(".", ignore_file=ignoring)
    return {"bucket": bucket, "folder": folder}


def pull_from_s3(
    bucket: str,
    folder: str,
    credentials: dict[str, Any] | None = None,
    client_parameters: dict[str, Any] | None = None,
) -> dict[str, str]:
    """Download a folder into the current directory. Arguments are as for `push_to_s3`.

    Returns:
        `bucket`, `folder` and `directory`, where the files are.
    """
    directory = Path.cwd()
    _open_bucket(bucket, folder, credentials, client_parameters)._get_directory(local_path=str(directory))
    return {"bucket": bucket, "folder": folder, "directory": str(directory)}


def _open_bucket(
    bucket: str, folder: str, credentials: dict[str, Any] | None, client_parameters: dict[str, Any] | None
) -> S3Bucket:
    fields: dict[str, Any] = {
        name: value.get_secret_value() if isinstance(value, SecretStr) else value
        for name, value in (credentials or {}).items()
        if name in AwsCredentials.model_fields
    }
    if client_parameters is not None:
        fields["aws_client_parameters"] = AwsClientParameters(**client_parameters)
    return S3Bucket(bucket_name=bucket, bucket_folder=folder, credentials=AwsCredentials(**fields))
