"""Bytes are stored in a bucket, and results of tasks too."""

import os

from prefect import flow, task
from prefect_aws import AwsClientParameters, AwsCredentials, S3Bucket

credentials = AwsCredentials(
    aws_access_key_id="x",
    aws_secret_access_key="x",
    region_name="us-east-1",
    aws_client_parameters=AwsClientParameters(endpoint_url=os.environ["S3_URL"]),
)
credentials.get_boto3_session().client("s3", endpoint_url=os.environ["S3_URL"]).create_bucket(Bucket="results")
bucket = S3Bucket(bucket_name="results", credentials=credentials)
bucket.save("results")


@task(persist_result=True, result_storage=bucket, result_storage_key="answer")
def answer() -> int:
    return 42


@flow
def main() -> list[str]:
    assert answer() == 42
    loaded = S3Bucket.load("results")
    loaded.write_path("greeting.txt", b"hello")
    assert loaded.read_path("greeting.txt") == b"hello"
    return sorted(entry["Key"] for entry in loaded.list_objects())


assert main() == ["answer", "greeting.txt"]
