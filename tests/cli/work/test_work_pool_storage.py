"""Commands on the storage of a work pool's bundles and results."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from prefect.client.orchestration import get_client
from prefect.filesystems import LocalFileSystem
from prefect.schemas.actions import WorkPoolCreate
from prefect_aws import AwsCredentials, S3Bucket
from tests.cli.conftest import Prefect

CONFIGURE = ("work-pool", "storage", "configure")


@pytest.fixture(autouse=True)
def pool(home: Path) -> None:
    get_client(sync_client=True).create_work_pool(WorkPoolCreate(name="shed", type="process"))


def test_inspect_reports_that_nothing_is_configured(prefect: Prefect) -> None:
    assert "No storage configuration found for work pool 'shed'" in prefect("work-pool", "storage", "inspect", "shed")
    prefect("work-pool", "storage", "inspect", "barn", code=1, error="There is no work pool 'barn'.")


def test_configure_s3_sets_steps_and_the_block_of_results(prefect: Prefect) -> None:
    AwsCredentials(aws_access_key_id="key").save("mine")
    prefect(*CONFIGURE, "s3", "shed", "--bucket", "hay", "--aws-credentials-block-name", "mine")
    configured = get_client(sync_client=True).read_work_pool("shed").storage_configuration
    values = {"bucket": "hay", "aws_credentials_block_name": "mine", "requires": "prefect-aws"}
    assert configured.bundle_upload_step == {"prefect_aws.bundles.upload": values}
    assert configured.bundle_execution_step == {"prefect_aws.bundles.execute": values}
    block = S3Bucket.load("default-shed-result-storage")
    assert block._block_document_id == configured.default_result_storage_block_id
    assert (block.bucket_name, block.bucket_folder) == ("hay", "results")
    assert block.credentials._block_document_name == "mine"
    shown = json.loads(prefect("work-pool", "storage", "inspect", "shed", "-o", "json"))
    assert shown == {"type": "S3", "upload": values, "execution": values}


def test_configure_local_sets_a_directory(prefect: Prefect, tmp_path: Path) -> None:
    prefect(*CONFIGURE, "local", "shed", "--path", tmp_path / "hay")
    prefect(*CONFIGURE, "local", "shed", "--path", tmp_path / "straw")
    assert str(tmp_path / "straw") in prefect("work-pool", "storage", "inspect", "shed")
    assert LocalFileSystem.load("default-shed-result-storage").basepath == str(tmp_path / "straw" / "results")


def test_configure_reads_launchers(prefect: Prefect, tmp_path: Path) -> None:
    launchers = ("--launcher", "uvx", "--launcher-arg", "-q", "--upload-launcher-arg", "python")
    execution = ("--execution-launcher", "/opt/python", "--execution-launcher-arg", "-u")
    prefect(*CONFIGURE, "local", "shed", "--path", tmp_path, *launchers, *execution)
    shown = json.loads(prefect("work-pool", "storage", "inspect", "shed", "-o", "json"))
    assert shown["upload"]["launcher"] == ["uvx", "-q", "python"]
    assert shown["execution"]["launcher"] == ["/opt/python", "-u"]
    error = "--upload-launcher-arg needs --upload-launcher, or --launcher."
    prefect(*CONFIGURE, "local", "shed", "--path", tmp_path, "--upload-launcher-arg", "x", code=1, error=error)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("s3", "shed"), "--bucket is required in non-interactive mode."),
        (("s3", "barn", "--bucket", "hay"), "There is no work pool 'barn'."),
        (
            ("s3", "shed", "--bucket", "hay", "--aws-credentials-block-name", "nope"),
            "AWS credentials block 'nope' does not exist.",
        ),
        (("gcs", "shed", "--bucket", "hay"), "No block type 'gcs-bucket' is known"),
        (("gcs", "shed", "--bucket", "hay", "--gcp-credentials-block-name", "nope"), "GCS credentials block 'nope'"),
        (
            ("azure-blob-storage", "shed", "--container", "hay"),
            "--azure-blob-storage-credentials-block-name is required",
        ),
        (("local", "shed"), "--path is required in non-interactive mode."),
    ],
)
def test_configure_refuses_bad_input(prefect: Prefect, arguments: tuple[str, ...], error: str) -> None:
    prefect(*CONFIGURE, *arguments, code=1, error=error)
    configured = get_client(sync_client=True).read_work_pool("shed").storage_configuration
    assert configured.bundle_upload_step is None
