"""Results in a bucket: named in every way that options allow, shared by machines, found again by their state."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from prefect import flow, task
from prefect.blocks.core import Block
from prefect.cache_policies import INPUTS
from prefect.filesystems import LocalFileSystem
from prefect.results import ResultStore, get_default_result_storage, resolve_result_storage, saved
from prefect.settings import PREFECT_RESULTS_DEFAULT_STORAGE_BLOCK, temporary_settings
from prefect_aws import AwsCredentials, S3Bucket


@pytest.fixture
def storage(bucket: S3Bucket) -> S3Bucket:
    """The bucket of the documentation, saved."""
    bucket.save("s3-bucket-block")
    return bucket


def list_keys(bucket: S3Bucket) -> list[str]:
    return [found["Key"] for found in bucket.list_objects()]


def test_bare_name_as_the_documentation_writes_it(storage):
    from prefect.results import ResultRecord as imported  # as that page does

    @task(
        persist_result=True,  # Store result for retrieval
        result_storage="s3-bucket-block",  # Where to store results
        result_serializer="json",  # How to serialize results
    )
    def task_with_results():
        return {"status": "complete"}

    @flow
    def main():
        return task_with_results(return_state=True)

    state = main()
    assert state.result() == {"status": "complete"} and imported
    (key,) = list_keys(storage)
    assert b'\\"status\\": \\"complete\\"' in storage.read_path(key) or b"complete" in storage.read_path(key)


@pytest.mark.parametrize("kind", ["name", "slug", "id", "text of the id", "instance"])
def test_storage_is_named_in_every_way(kind, storage):
    saved_id = Block.load("s3-bucket/s3-bucket-block")._block_document_id
    named: Any = {
        "name": "s3-bucket-block",
        "slug": "s3-bucket/s3-bucket-block",
        "id": saved_id,
        "text of the id": str(saved_id),
        "instance": storage,
    }[kind]

    @task(persist_result=True, result_storage=named, cache_policy=INPUTS, cache_result_in_memory=False)
    def double(x: int) -> int:
        return 2 * x

    @flow
    def main():
        return double(4, return_state=True)

    assert main().result() == 8
    assert main().name == "Cached"
    assert len(list_keys(storage)) == 1


def test_path_is_a_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for path in (tmp_path / "x", "./x", str(tmp_path / "x")):
        assert isinstance(resolve_result_storage(path), LocalFileSystem)


def test_name_of_no_block_is_one_clear_error():
    with pytest.raises(ValueError, match=r"no block 'nope' that stores files.*'\./nope'"):
        resolve_result_storage("nope")


def test_name_of_a_block_that_stores_no_files_is_refused():
    AwsCredentials().save("only-credentials")
    with pytest.raises(ValueError, match="no block 'only-credentials' that stores files"):
        resolve_result_storage("only-credentials")


def test_name_of_several_blocks_is_refused(storage, tmp_path):
    LocalFileSystem(basepath=str(tmp_path)).save("s3-bucket-block")
    with pytest.raises(ValueError, match="local-file-system/s3-bucket-block and s3-bucket/s3-bucket-block"):
        resolve_result_storage("s3-bucket-block")


def test_block_is_loaded_once_and_again_after_a_change(storage, monkeypatch):
    loads = []
    monkeypatch.setattr(saved.Block, "aload", _counting(saved.Block.aload, loads))
    first = resolve_result_storage("s3-bucket/s3-bucket-block")
    assert resolve_result_storage("s3-bucket/s3-bucket-block") is first and len(loads) == 1
    storage.bucket_folder = "new"
    storage.save("s3-bucket-block", overwrite=True)
    assert resolve_result_storage("s3-bucket/s3-bucket-block").bucket_folder == "new"


def _counting(original: Any, calls: list[Any]) -> Any:
    async def load(*args: Any, **kwargs: Any) -> Any:
        calls.append(args)
        return await original(*args, **kwargs)

    return load


def test_block_is_loaded_again_after_a_while(storage, monkeypatch):
    first = resolve_result_storage("s3-bucket-block")
    clock = saved.time.monotonic() + saved.CACHE_SECONDS + 1
    monkeypatch.setattr(saved.time, "monotonic", lambda: clock)
    assert resolve_result_storage("s3-bucket-block") is not first


@pytest.mark.parametrize("name", ["s3-bucket-block", "s3-bucket/s3-bucket-block"])
def test_setting_names_the_default_storage(name, storage):
    with temporary_settings({PREFECT_RESULTS_DEFAULT_STORAGE_BLOCK: name}):
        assert isinstance(get_default_result_storage(), S3Bucket)
        ResultStore().write(1, key="k")
        assert list_keys(storage) == ["k"] and ResultStore().read("k").result == 1


MACHINE = """
    import sys
    from prefect import flow, task
    from prefect.cache_policies import INPUTS
    from prefect_aws import AwsCredentials, S3Bucket

    credentials = AwsCredentials(
        aws_access_key_id="key",
        aws_secret_access_key="canary-aws-secret",
        region_name="us-east-1",
        aws_client_parameters={"endpoint_url": sys.argv[1]},
    )
    S3Bucket(bucket_name="a-bucket", credentials=credentials).save("shared", overwrite=True)

    @task(persist_result=True, result_storage="shared", cache_policy=INPUTS)
    def slow(x):
        print("ran")
        return x + 1

    @flow
    def main():
        return slow(1)

    print(main())
"""


def run_on_machine(home: Path, url: str) -> list[str]:
    """Run the program with a home of its own, as on another machine."""
    environment = {**os.environ, "PREFECT_HOME": str(home), "PREFECT_LOGGING_LEVEL": "ERROR"}
    program = [sys.executable, "-c", textwrap.dedent(MACHINE), url]
    done = subprocess.run(program, env=environment, capture_output=True, text=True, check=True)
    assert not done.stderr
    return done.stdout.split()


def test_machines_share_a_cache(bucket, s3_url, tmp_path):
    assert run_on_machine(tmp_path / "one", s3_url) == ["ran", "2"]
    assert run_on_machine(tmp_path / "two", s3_url) == ["2"]


def test_secret_of_the_bucket_is_in_no_file(bucket, s3_url, tmp_path):
    run_on_machine(tmp_path / "one", s3_url)
    for key in list_keys(bucket):
        assert b"canary-aws-secret" not in bucket.read_path(key)
    for path in (tmp_path / "one").rglob("*"):
        assert not path.is_file() or b"canary-aws-secret" not in path.read_bytes(), path
