"""Tasks on the objects of S3 buckets; their public path is `prefect_aws.s3`."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

from prefect_aws import _objects
from prefect_aws._dual import make_tasks
from prefect_aws.client_parameters import AwsClientParameters
from prefect_aws.credentials import AwsCredentials, MinIOCredentials

Credentials = AwsCredentials | MinIOCredentials


def _open(credentials: Credentials, parameters: AwsClientParameters | None) -> Any:
    """Return a client of S3, with the client parameters of the call or else of the credentials."""
    if parameters is not None:
        credentials = credentials.model_copy(update={"aws_client_parameters": parameters})
    return credentials.get_s3_client()


def _name_key(path: str | Path) -> str:
    return path.as_posix() if isinstance(path, Path) else path


def _download(
    bucket: str,
    key: str,
    aws_credentials: Credentials,
    aws_client_parameters: AwsClientParameters | None = None,
) -> bytes:
    """Return the content of an object.

    Args:
        bucket: The bucket.
        key: The object's key.
        aws_credentials: The credentials.
        aws_client_parameters: Parameters of the client, in place of those of the credentials.
    """
    return _objects.read(_open(aws_credentials, aws_client_parameters), bucket, key)


def _upload(
    data: bytes,
    bucket: str,
    aws_credentials: Credentials,
    aws_client_parameters: AwsClientParameters | None = None,
    key: str | None = None,
) -> str:
    """Write an object, and return its key.

    Args:
        data: The content.
        bucket: The bucket.
        aws_credentials: The credentials.
        aws_client_parameters: Parameters of the client, in place of those of the credentials.
        key: The object's key; a new UUID if None.
    """
    key = key or str(uuid.uuid4())
    _objects.write(_open(aws_credentials, aws_client_parameters), bucket, key, data)
    return key


def _copy(
    source_path: str | Path,
    target_path: str | Path,
    source_bucket_name: str,
    aws_credentials: Credentials,
    target_bucket_name: str | None = None,
    **copy_kwargs: Any,
) -> str:
    """Copy an object, and return the key of the copy.

    Args:
        source_path: The object's key.
        target_path: The key of the copy.
        source_bucket_name: The bucket.
        aws_credentials: The credentials.
        target_bucket_name: The bucket of the copy; the same if None.
        copy_kwargs: Further arguments of `copy_object`.
    """
    source, target = _name_key(source_path), _name_key(target_path)
    aws_credentials.get_s3_client().copy_object(
        CopySource={"Bucket": source_bucket_name, "Key": source},
        Bucket=target_bucket_name or source_bucket_name,
        Key=target,
        **copy_kwargs,
    )
    return target


def _move(
    source_path: str | Path,
    target_path: str | Path,
    source_bucket_name: str,
    aws_credentials: Credentials,
    target_bucket_name: str | None = None,
) -> str:
    """Move an object, and return its new key. It is deleted once it has been copied, as `s3_copy` does.

    Raises:
        ValueError: It would be moved onto itself.
    """
    source, target = _name_key(source_path), _name_key(target_path)
    if (source, target_bucket_name or source_bucket_name) == (target, source_bucket_name):
        raise ValueError(f"The object {source!r} of the bucket {source_bucket_name!r} cannot be moved onto itself.")
    _copy(source, target, source_bucket_name, aws_credentials, target_bucket_name)
    aws_credentials.get_s3_client().delete_object(Bucket=source_bucket_name, Key=source)
    return target


def _list_objects(
    bucket: str,
    aws_credentials: Credentials,
    aws_client_parameters: AwsClientParameters | None = None,
    prefix: str = "",
    delimiter: str = "",
    page_size: int | None = None,
    max_items: int | None = None,
    jmespath_query: str | None = None,
) -> list[dict[str, Any]]:
    """Return what is known of the objects of a bucket.

    Args:
        bucket: The bucket.
        aws_credentials: The credentials.
        aws_client_parameters: Parameters of the client, in place of those of the credentials.
        prefix: The beginning of the keys.
        delimiter: What groups keys.
        page_size: How many objects a request returns.
        max_items: How many objects at most.
        jmespath_query: Which objects, as a query.
    """
    options = {"page_size": page_size, "max_items": max_items, "jmespath_query": jmespath_query}
    client = _open(aws_credentials, aws_client_parameters)
    return list(_objects.find(client, bucket, prefix, delimiter=delimiter, **options))


download_from_bucket, adownload_from_bucket = make_tasks(_download)
upload_to_bucket, aupload_to_bucket = make_tasks(_upload)
copy_objects, acopy_objects = make_tasks(_copy)
move_objects, amove_objects = make_tasks(_move)
list_objects, alist_objects = make_tasks(_list_objects)

# The names that programs of earlier releases use.
s3_download = download_from_bucket
s3_upload = upload_to_bucket
s3_copy = copy_objects
s3_move = move_objects
s3_list_objects = list_objects
