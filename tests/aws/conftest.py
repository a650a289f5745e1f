"""A real S3 server (moto's) on loopback."""

from collections.abc import Iterator

import pytest
from moto.server import ThreadedMotoServer

from prefect_aws import AwsClientParameters, AwsCredentials, MinIOCredentials, S3Bucket
from tools.ports import find_free_port

BUCKET = "a-bucket"


@pytest.fixture(scope="session")
def s3_url() -> Iterator[str]:
    """The address of the server, which runs as long as the test session."""
    port = find_free_port()
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=port, verbose=False)
    server.start()
    yield f"http://127.0.0.1:{port}"
    server.stop()


@pytest.fixture
def credentials(s3_url: str) -> AwsCredentials:
    return AwsCredentials(
        aws_access_key_id="key",
        aws_secret_access_key="canary-aws-secret",
        region_name="us-east-1",
        aws_client_parameters=AwsClientParameters(endpoint_url=s3_url),
    )


@pytest.fixture
def minio(s3_url: str) -> MinIOCredentials:
    return MinIOCredentials(
        minio_root_user="root",
        minio_root_password="canary-minio-password",
        aws_client_parameters={"endpoint_url": s3_url},
    )


@pytest.fixture
def bucket(credentials: AwsCredentials) -> Iterator[S3Bucket]:
    """An empty bucket."""
    client = credentials.get_s3_client()
    client.create_bucket(Bucket=BUCKET)
    yield S3Bucket(bucket_name=BUCKET, credentials=credentials)
    for found in client.list_objects_v2(Bucket=BUCKET).get("Contents", ()):
        client.delete_object(Bucket=BUCKET, Key=found["Key"])
    client.delete_bucket(Bucket=BUCKET)
