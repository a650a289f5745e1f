"""Bundles of flows in a bucket of a real S3 server (moto's)."""

from __future__ import annotations

from pathlib import Path

import pytest

from prefect import flow, get_client
from prefect.cli import main
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.decorators import process
from prefect.exceptions import CrashedRun
from prefect.workers.process import ProcessWorker
from prefect_aws import AwsCredentials, S3Bucket
from prefect_aws.bundles.execute import download_bundle_from_s3
from prefect_aws.bundles.upload import upload_bundle_to_s3
from tests.aws.conftest import BUCKET

pytestmark = pytest.mark.timeout(240)


@flow
def work(x: int) -> list[str]:
    return [str(x), *(path.read_text() for path in Path().glob("*.csv"))]


@pytest.fixture
def pool(bucket: S3Bucket, credentials: AwsCredentials) -> None:
    credentials.save("s3-credentials")
    with get_client(sync_client=True) as client:
        client.create_work_pool(WorkPoolCreate(name="local", type="process"))
    options = ("--bucket", BUCKET, "--aws-credentials-block-name", "s3-credentials")
    with pytest.raises(SystemExit, match="0"):
        main(("work-pool", "storage", "configure", "s3", "local", *options))


async def run_worker_once() -> None:
    async with ProcessWorker("local") as worker:
        await worker._run_once()


@pytest.mark.usefixtures("pool")
async def test_worker_executes_a_bundle_of_s3_and_its_result_is_read_from_there(
    bucket: S3Bucket, tmp_path: Path
) -> None:
    (tmp_path / "data.csv").write_text("1,2")
    bound = process("local", ["*.csv"], include_files_base_dir=tmp_path)(work)
    future = bound.submit_to_work_pool(3)
    await run_worker_once()
    assert await future.aresult() == ["3", "1,2"]
    folders = {found["Key"].partition("/")[0] for found in await bucket.alist_objects("")}
    assert folders >= {"files", "results"}


@pytest.mark.usefixtures("pool")
async def test_missing_bundle_crashes_the_run_with_the_reason(credentials: AwsCredentials) -> None:
    future = process("local")(work).submit_to_work_pool(3)
    client = credentials.get_s3_client()
    for found in client.list_objects_v2(Bucket=BUCKET)["Contents"]:
        client.delete_object(Bucket=BUCKET, Key=found["Key"])
    await run_worker_once()
    with pytest.raises(CrashedRun, match=f"missing in its storage, the bucket '{BUCKET}'"):
        await future.aresult()


@pytest.mark.usefixtures("pool")
def test_missing_bucket_fails_the_upload_and_crashes_the_run() -> None:
    options = ("--bucket", "no-such-bucket", "--aws-credentials-block-name", "s3-credentials")
    with pytest.raises(SystemExit, match="0"):
        main(("work-pool", "storage", "configure", "s3", "local", *options))
    with pytest.raises(RuntimeError, match=r"could not be uploaded: .*no-such-bucket"):
        process("local")(work).submit_to_work_pool(3)
    with get_client(sync_client=True) as client:
        (run,) = client.read_flow_runs()
    assert run.state_name == "Crashed"


@pytest.mark.usefixtures("bucket")
def test_upload_and_download_of_a_bundle(credentials: AwsCredentials, tmp_path: Path) -> None:
    credentials.save("s3-credentials")
    (tmp_path / "bundle").write_text("{}")
    done = upload_bundle_to_s3(str(tmp_path / "bundle"), BUCKET, "a/key", "s3-credentials")
    assert done == {"bucket": BUCKET, "key": "a/key", "url": f"s3://{BUCKET}/a/key"}
    found = download_bundle_from_s3(BUCKET, "a/key", str(tmp_path / "out"), "s3-credentials")
    assert Path(found["local_path"]).read_text() == "{}"
    with pytest.raises(FileNotFoundError, match="s3://a-bucket/nope"):
        download_bundle_from_s3(BUCKET, "nope", str(tmp_path / "out"), "s3-credentials")
    with pytest.raises(ValueError, match="does not exist"):
        upload_bundle_to_s3(str(tmp_path / "nope"), BUCKET, "a/key", "s3-credentials")
