"""Tasks on S3, secrets of Secrets Manager, and functions of Lambda, against moto's server."""

from __future__ import annotations

import asyncio
import io
import json
import urllib.request
import zipfile
from typing import Any

import pytest
from botocore.exceptions import ClientError

from prefect import flow
from prefect_aws import AwsClientParameters, AwsCredentials, AwsSecret, LambdaFunction
from prefect_aws.s3 import adownload_from_bucket, s3_copy, s3_download, s3_list_objects, s3_move, s3_upload
from prefect_aws.secrets_manager import create_secret, delete_secret, read_secret, update_secret
from tests.aws.conftest import BUCKET


class TestS3:
    @pytest.fixture(autouse=True)
    def use_bucket(self, bucket: Any) -> None: ...

    def test_tasks_in_a_sync_flow(self, credentials: AwsCredentials) -> None:
        @flow
        def work() -> list[Any]:
            key = s3_upload(b"1", BUCKET, credentials, key="a/one")
            named = s3_upload.submit(b"2", BUCKET, credentials).result()
            s3_copy("a/one", "b/one", BUCKET, credentials)
            s3_move("b/one", "c/one", BUCKET, credentials)
            listed = [found["Key"] for found in s3_list_objects(BUCKET, credentials, prefix="a/")]
            return [key, s3_download(BUCKET, named, credentials), s3_download(BUCKET, "c/one", credentials), listed]

        assert work() == ["a/one", b"2", b"1", ["a/one"]]
        with pytest.raises(ClientError, match="NoSuchKey"):
            s3_download(BUCKET, "b/one", credentials)

    async def test_tasks_are_awaited_in_an_async_flow(self, credentials: AwsCredentials, s3_url: str) -> None:
        parameters = AwsClientParameters(endpoint_url=s3_url)

        @flow
        async def work() -> tuple[bytes, bytes]:
            key: Any = await s3_upload(b"1", BUCKET, credentials, parameters)  # pyright: ignore[reportGeneralTypeIssues]
            again: Any = await s3_download(BUCKET, key, credentials)  # pyright: ignore[reportGeneralTypeIssues]
            return again, await adownload_from_bucket(BUCKET, key, credentials, parameters)

        assert await work() == (b"1", b"1")

    def test_move_refuses_to_move_an_object_onto_itself(self, credentials: AwsCredentials) -> None:
        s3_upload(b"1", BUCKET, credentials, key="one")
        with pytest.raises(ValueError, match="onto itself"):
            s3_move("one", "one", BUCKET, credentials)
        assert s3_download(BUCKET, "one", credentials) == b"1"


class TestSecrets:
    def test_block_writes_reads_and_deletes(self, credentials: AwsCredentials) -> None:
        AwsSecret(aws_credentials=credentials, secret_name="db").save("db")
        secret = AwsSecret.load("db")
        arn = secret.write_secret(b"first")
        assert secret.write_secret(b"canary-value") == arn
        assert secret.read_secret() == b"canary-value"
        with pytest.raises(ValueError, match="between 7 and 30, not 3"):
            secret.delete_secret(recovery_window_in_days=3)
        assert secret.delete_secret(force_delete_without_recovery=True) == arn
        with pytest.raises(ClientError, match="ResourceNotFoundException"):
            secret.read_secret()

    def test_block_is_awaited_in_async_code(self, credentials: AwsCredentials) -> None:
        async def work() -> Any:
            secret = AwsSecret(aws_credentials=credentials, secret_name="async")
            await secret.awrite_secret(b"v")
            value: Any = secret.read_secret()
            await_value = await value
            await secret.adelete_secret(force_delete_without_recovery=True)
            return await_value

        assert asyncio.run(work()) == b"v"

    def test_tasks(self, credentials: AwsCredentials) -> None:
        made = create_secret("key", "one", credentials, description="d", tags=[{"Key": "a", "Value": "b"}])
        assert made["Name"] == "key"
        assert read_secret("key", credentials, version_stage="AWSCURRENT") == "one"
        update_secret("key", "two", credentials, description="e")
        assert read_secret("key", credentials) == "two"
        assert read_secret("key", credentials, version_id=made["VersionId"]) == "one"
        assert delete_secret("key", credentials, 7)["Name"] == "key"
        delete_secret("key", credentials, force_delete_without_recovery=True)


def test_lambda_function_is_invoked(credentials: AwsCredentials, s3_url: str) -> None:
    config = json.dumps({"lambda": {"use_docker": False}}).encode()
    urllib.request.urlopen(urllib.request.Request(f"{s3_url}/moto-api/config", config, method="POST")).close()
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("f.py", "def handler(event, context): return event")
    role = credentials.get_client("iam").create_role(RoleName="r", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    credentials.get_client("lambda").create_function(
        FunctionName="welcome", Runtime="python3.12", Role=role, Handler="f.handler", Code={"ZipFile": code.getvalue()}
    )
    greet = LambdaFunction(function_name="welcome", aws_credentials=credentials)
    assert greet.invoke(payload={"foo": "bar"}, tail=True, client_context={"a": 1})["StatusCode"] == 200
    assert greet.invoke(invocation_type="Event")["StatusCode"] == 202
    latest = LambdaFunction(function_name="welcome", qualifier="$LATEST", aws_credentials=credentials)
    assert latest.invoke()["StatusCode"] == 200
