"""`python -m prefect_aws.bundles.upload FILE --bucket BUCKET --key KEY`: upload a bundle to S3."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TypedDict

from prefect_aws.credentials import AwsCredentials


class UploadResult(TypedDict):
    """The place that a bundle was uploaded to."""

    bucket: str
    key: str
    url: str


def upload_bundle_to_s3(
    local_filepath: str, bucket: str, key: str, aws_credentials_block_name: str | None = None
) -> UploadResult:
    """Upload a bundle to a bucket.

    Args:
        local_filepath: The file of the bundle.
        bucket: The bucket.
        key: Its key; the name of the file if it is empty.
        aws_credentials_block_name: The block of credentials; those that boto3 finds in the environment if None.

    Raises:
        ValueError: There is no such file.
        RuntimeError: The upload failed.
    """
    path = Path(local_filepath)
    if not path.is_file():
        raise ValueError(f"The bundle file {local_filepath!r} does not exist.")
    key = key or path.name
    try:
        load_credentials(aws_credentials_block_name).get_s3_client().upload_file(str(path), bucket, key)
    except Exception as error:
        raise RuntimeError(f"The bundle cannot be uploaded to s3://{bucket}/{key}: {error}") from error
    return {"bucket": bucket, "key": key, "url": f"s3://{bucket}/{key}"}


def load_credentials(block_name: str | None) -> AwsCredentials:
    """Return the credentials of a block; those that boto3 finds in the environment if None."""
    return AwsCredentials() if block_name is None else AwsCredentials.load(block_name)


def main() -> None:
    """Upload the bundle that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m prefect_aws.bundles.upload", description="Upload a bundle to S3.")
    parser.add_argument("local_filepath", help="The file to upload.")
    parser.add_argument("--bucket", required=True, help="The bucket.")
    parser.add_argument("--key", required=True, help="Its key in the bucket.")
    parser.add_argument("--aws-credentials-block-name", help="Name of a block of AWS credentials.")
    try:
        upload_bundle_to_s3(**vars(parser.parse_args()))
    except Exception as error:
        raise SystemExit(str(error)) from error


if __name__ == "__main__":
    main()
