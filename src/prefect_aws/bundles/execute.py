"""`python -m prefect_aws.bundles.execute --bucket BUCKET --key KEY`: run the flow of a bundle that is in S3."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import TypedDict

from prefect.bundles.execute import run_from_storage
from prefect_aws.bundles.upload import load_credentials

_MISSING = ("404", "NoSuchKey", "NoSuchBucket")


class DownloadResult(TypedDict):
    """The place that a bundle was downloaded to."""

    local_path: str


def download_bundle_from_s3(
    bucket: str, key: str, output_dir: str | None = None, aws_credentials_block_name: str | None = None
) -> DownloadResult:
    """Download a bundle from a bucket.

    Args:
        bucket: The bucket.
        key: Its key.
        output_dir: The directory to save it in; a new temporary one if None.
        aws_credentials_block_name: The block of credentials; those that boto3 finds in the environment if None.

    Raises:
        FileNotFoundError: There is no such bucket or key.
        RuntimeError: The download failed.
    """
    target = Path(output_dir or tempfile.mkdtemp(prefix="prefect-bundle-")) / Path(key).name
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        load_credentials(aws_credentials_block_name).get_s3_client().download_file(bucket, key, str(target))
    except Exception as error:
        code = getattr(error, "response", {}).get("Error", {}).get("Code")
        if code in _MISSING:
            raise FileNotFoundError(f"s3://{bucket}/{key}") from error
        raise RuntimeError(f"s3://{bucket}/{key} cannot be downloaded: {error}") from error
    return {"local_path": str(target)}


def execute_bundle_from_s3(bucket: str, key: str, aws_credentials_block_name: str | None = None) -> None:
    """Download a bundle from a bucket, run its flow in this process, and exit with its status."""

    def fetch(name: str) -> Path:
        found = download_bundle_from_s3(bucket, name, aws_credentials_block_name=aws_credentials_block_name)
        return Path(found["local_path"])

    run_from_storage(lambda: fetch(key), fetch, f"the bucket {bucket!r}")


def main() -> None:
    """Run the bundle that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m prefect_aws.bundles.execute", description="Run a bundle of S3.")
    parser.add_argument("--bucket", required=True, help="The bucket.")
    parser.add_argument("--key", required=True, help="Its key in the bucket.")
    parser.add_argument("--aws-credentials-block-name", help="Name of a block of AWS credentials.")
    execute_bundle_from_s3(**vars(parser.parse_args()))


if __name__ == "__main__":
    main()
