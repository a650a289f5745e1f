"""Buckets, against a real S3 server."""

import io
import subprocess
import sys
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from prefect import flow
from prefect.blocks.core import Block
from prefect_aws import AwsClientParameters, AwsCredentials, MinIOCredentials, S3Bucket
from prefect_aws.deployments import steps


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A directory with files, one of them below."""
    root = tmp_path / "project"
    (root / "sub").mkdir(parents=True)
    (root / "a.txt").write_text("a")
    (root / "sub" / "b.txt").write_text("b")
    (root / "secret.env").write_text("x")
    return root


def keys(bucket: S3Bucket, **options) -> list[str]:
    return [found["Key"] for found in bucket.list_objects(**options)]


def test_path_is_written_and_read_below_the_folder(bucket):
    folder = bucket.model_copy(update={"bucket_folder": "results"})
    assert folder.write_path("a/b", b"content") == "results/a/b"
    assert folder.read_path("a/b") == b"content" == bucket.read_path("results/a/b")
    with pytest.raises(ClientError, match="NoSuchKey"):
        folder.read_path("nope")


def test_path_that_leads_out_of_the_folder_is_refused(bucket):
    with pytest.raises(ValueError, match=r"'\.\./x' leads out of its folder"):
        bucket.model_copy(update={"bucket_folder": "results"}).write_path("../x", b"")


async def test_methods_are_awaited_in_async_code(bucket):
    assert await bucket.write_path("a", b"1") == "a"
    assert await bucket.aread_path("a") == await bucket.read_path("a") == b"1"
    assert [found["Key"] for found in await bucket.list_objects()] == ["a"]


def test_directory_is_put_and_got(bucket, project, tmp_path):
    ignoring = tmp_path / ".prefectignore"
    ignoring.write_text("*.env\n")
    assert bucket.put_directory(str(project), "flows", str(ignoring)) == 2
    assert keys(bucket) == ["flows/a.txt", "flows/sub/b.txt"]
    bucket.get_directory("flows", str(tmp_path / "copy"))
    assert (tmp_path / "copy" / "sub" / "b.txt").read_text() == "b"


def test_folder_is_not_mistaken_for_one_whose_name_it_begins(bucket, tmp_path):
    bucket.write_path("flows/a", b"1")
    bucket.write_path("flows-old/b", b"2")
    bucket.get_directory("flows", str(tmp_path / "copy"))
    assert [path.name for path in (tmp_path / "copy").iterdir()] == ["a"]


def test_key_that_leads_out_of_the_directory_is_refused(bucket, tmp_path):
    bucket.credentials.get_s3_client().put_object(Bucket=bucket.bucket_name, Key="flows/../../x", Body=b"")
    with pytest.raises(ValueError, match="leads out of the directory"):
        bucket.download_folder_to_path("flows", tmp_path / "copy")
    assert not (tmp_path / "x").exists()


def test_objects_are_listed(bucket):
    for name in ("a", "f/b", "f/c/d"):
        bucket.write_path(name, b"x" * len(name))
    assert keys(bucket, folder="f") == ["f/b", "f/c/d"]
    assert keys(bucket, folder="f", delimiter="/") == ["f/b"]
    assert keys(bucket, page_size=1, max_items=2) == ["a", "f/b"]
    assert keys(bucket, jmespath_query="Contents[?Size > `3`][]") == ["f/c/d"]
    assert keys(bucket, folder="none", jmespath_query="Contents[?Size > `3`][]") == []


def test_objects_are_uploaded_and_downloaded(bucket, project, tmp_path):
    assert bucket.upload_from_path(project / "a.txt") == "a.txt"
    assert bucket.upload_from_file_object(io.BytesIO(b"file"), "f/object") == "f/object"
    assert bucket.upload_from_folder(project, "up") == "up"
    (tmp_path / "empty").mkdir()
    assert bucket.upload_from_folder(tmp_path / "empty", "up") is None
    assert bucket.download_object_to_path("a.txt", tmp_path / "new" / "a").read_text() == "a"
    target = io.BytesIO()
    assert bucket.download_object_to_file_object("f/object", target) is target and target.getvalue() == b"file"
    assert bucket.download_folder_to_path("up", tmp_path / "down") == tmp_path / "down"
    assert (tmp_path / "down" / "sub" / "b.txt").read_text() == "b"


def test_objects_are_copied_and_moved(bucket, credentials):
    folder = S3Bucket(bucket_name=bucket.bucket_name, bucket_folder="f", credentials=credentials)
    bucket.write_path("a", b"1")
    assert bucket.copy_object("a", "b", to_bucket=folder) == "f/b"
    assert folder.move_object("b", "c") == "f/c"
    assert folder.copy_object("c", "d", to_bucket=bucket.bucket_name) == "d"
    assert keys(bucket) == ["a", "d", "f/c"]


def test_object_is_streamed_from_other_credentials(bucket, minio):
    other = S3Bucket(bucket_name=bucket.bucket_name, bucket_folder="f", credentials=minio)
    bucket.write_path("a", b"1")
    assert other.stream_from(bucket, "a") == "f/a" and other.read_path("a") == b"1"


def test_large_content_is_written_in_parts(bucket, monkeypatch):
    monkeypatch.setattr("prefect_aws._objects.SINGLE_REQUEST_MAX_BYTES", 10)
    content = b"0123456789" * 1_000_000
    bucket.write_path("large", content)
    assert bucket.read_path("large") == content


def test_bucket_is_saved_and_loaded_with_nested_credentials(bucket, credentials, minio):
    credentials.save("aws")
    bucket.credentials = credentials
    bucket.save("by-reference")
    bucket.write_path("a", b"1")
    assert S3Bucket.load("by-reference").read_path("a") == b"1"
    S3Bucket(bucket_name=bucket.bucket_name, credentials=minio).save("inside")
    loaded = S3Bucket.load("inside")
    assert isinstance(loaded.credentials, MinIOCredentials) and loaded.read_path("a") == b"1"
    assert "canary" not in repr(loaded) + repr(S3Bucket.load("by-reference"))


def test_type_is_found_by_a_program_that_does_not_import_it(bucket):
    bucket.save("plain")
    program = "from prefect.blocks.core import Block; print(type(Block.load('s3-bucket/plain')).__module__)"
    out = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert out.stdout == "prefect_aws.s3\n"


def test_client_is_opened_once_for_the_same_values(credentials):
    same = AwsCredentials(**credentials.model_dump(context={"include_secrets": True}))
    assert credentials.get_s3_client() is same.get_s3_client()
    same.aws_secret_access_key = type(same.aws_secret_access_key)("other")
    assert credentials.get_s3_client() is not same.get_s3_client()


def test_role_is_assumed(credentials, bucket):
    role = credentials.model_copy(update={"assume_role_arn": "arn:aws:iam::123456789012:role/reader"})
    bucket.write_path("a", b"1")
    assert S3Bucket(bucket_name=bucket.bucket_name, credentials=role).read_path("a") == b"1"


def test_role_is_assumed_with_the_arguments_that_were_set(monkeypatch):
    # As `prefect-aws` stores them: with null for what was not set.
    stored = {
        "assume_role_arn": "arn:aws:iam::1:role/reader",
        "assume_role_kwargs": {"Policy": None, "ExternalId": "me"},
    }
    assert AwsCredentials().model_dump()["assume_role_kwargs"].keys() >= stored["assume_role_kwargs"].keys()
    requests = []

    class Session:
        def client(self, *args, **options):
            return self

        def assume_role(self, **request):
            requests.append(request)
            return {"Credentials": dict.fromkeys(("AccessKeyId", "SecretAccessKey", "SessionToken"), "x")}

    monkeypatch.setattr("prefect_aws.credentials.open_session", lambda **options: Session())
    AwsCredentials(**stored).get_boto3_session()
    assert requests == [{"RoleSessionName": "prefect", "ExternalId": "me", "RoleArn": "arn:aws:iam::1:role/reader"}]


def test_parameters_of_the_client_are_passed(tmp_path):
    certificates = tmp_path / "ca.pem"
    certificates.touch()
    parameters = AwsClientParameters(
        api_version="2006-03-01", use_ssl=False, verify_cert_path=certificates, config={"region_name": "eu-west-1"}
    )
    override = parameters.get_params_override()
    assert override["verify"] == str(certificates) and override["config"].region_name == "eu-west-1"
    assert AwsClientParameters().get_params_override() == {"use_ssl": True, "verify": True}
    with pytest.warns(UserWarning, match="verify_cert_path"):
        AwsClientParameters(verify=False, verify_cert_path=certificates)


def test_missing_boto3_is_one_clear_sentence(monkeypatch):
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(ImportError, match=r"pip install 'pluperfect\[aws\]'"):
        AwsCredentials(aws_access_key_id="never used").get_s3_client()


def test_steps_push_and_pull_a_project(bucket, project, tmp_path, monkeypatch, s3_url):
    arguments = {
        "bucket": bucket.bucket_name,
        "folder": "flows",
        "credentials": {"aws_access_key_id": "key", "aws_secret_access_key": "secret", "region_name": "us-east-1"},
        "client_parameters": {"endpoint_url": s3_url},
    }
    (project / ".prefectignore").write_text("*.env\n.prefectignore\n")
    monkeypatch.chdir(project)
    assert steps.push_to_s3(**arguments) == {"bucket": bucket.bucket_name, "folder": "flows"}
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert steps.pull_from_s3(**arguments)["directory"] == str(tmp_path / "elsewhere")
    assert sorted(path.name for path in Path().rglob("*.txt")) == ["a.txt", "b.txt"]


def test_blocks_have_no_secrets_in_their_schema():
    schema = Block.get_block_class_from_key("s3-bucket").model_json_schema()
    assert set(schema["secret_fields"]) >= {"credentials.minio_root_password", "credentials.aws_secret_access_key"}
    references = {each["block_type_slug"] for each in schema["block_schema_references"]["credentials"]}
    assert references == {"minio-credentials", "aws-credentials"}


def test_flow_uses_a_bucket(bucket):
    bucket.save("mine")

    @flow
    def copy() -> bytes:
        mine = S3Bucket.load("mine")
        mine.write_path("x", b"1")
        return mine.read_path("x")

    assert copy() == b"1"
