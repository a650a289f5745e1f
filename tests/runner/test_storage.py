"""Storages other than git."""

import asyncio
from pathlib import Path

import fsspec
import pytest

from prefect.blocks.core import BlockNotSavedError
from prefect.blocks.system import Secret
from prefect.filesystems import LocalFileSystem
from prefect.runner.storage import (
    BlockStorageAdapter,
    GitRepository,
    LocalStorage,
    RemoteStorage,
    RunnerStorage,
    create_storage_from_source,
)


def test_local_storage_is_its_directory(tmp_path: Path):
    storage = LocalStorage("code")
    storage.set_base_path(Path("/elsewhere"))
    asyncio.run(storage.pull_code())
    assert (storage.destination, storage.pull_interval) == (tmp_path / "code", None)
    assert storage.to_pull_step() == {
        "prefect.deployments.steps.set_working_directory": {"directory": str(tmp_path / "code")}
    }


def test_remote_storage_copies_the_directory(tmp_path: Path):
    memory = fsspec.filesystem("memory")
    memory.pipe_file("/storage-test/code/flow.py", b"1")
    storage = RemoteStorage("memory://storage-test/code")
    storage.set_base_path(tmp_path / "base")
    asyncio.run(storage.pull_code())
    assert storage.destination == tmp_path / "base/storage-test/code"
    assert (storage.destination / "flow.py").read_bytes() == b"1"
    memory.rm("/storage-test", recursive=True)


@pytest.mark.parametrize(
    ("url", "requires"),
    [("s3://b/c", {"requires": "s3fs"}), ("az://b/c", {"requires": "adlfs"}), ("memory://b", {})],
)
def test_remote_storage_requires_the_package_of_its_scheme(url: str, requires: dict[str, str]):
    inputs = RemoteStorage(url, key="k").to_pull_step()["prefect.deployments.steps.pull_from_remote_storage"]
    assert inputs == {"url": url, "key": "k", **requires}


def test_remote_storage_refers_to_saved_secrets():
    secret = Secret(value="v")
    storage = RemoteStorage("memory://b", key=secret)
    with pytest.raises(BlockNotSavedError):
        storage.to_pull_step()
    secret.save("key")
    (inputs,) = storage.to_pull_step().values()
    assert inputs["key"] == "{{ prefect.blocks.secret.key }}"


def test_block_storage_copies_the_directory_of_the_block(tmp_path: Path):
    (tmp_path / "source").mkdir()
    (tmp_path / "source/flow.py").write_text("1")
    block = LocalFileSystem(basepath=str(tmp_path / "source"))
    with pytest.raises(BlockNotSavedError, match="must be saved"):
        BlockStorageAdapter(block).to_pull_step()
    block.save("code")
    storage = BlockStorageAdapter(block)
    asyncio.run(storage.pull_code())
    assert (tmp_path / "local-file-system-code/flow.py").read_text() == "1"
    assert storage.to_pull_step() == {
        "prefect.deployments.steps.pull_with_block": {
            "block_type_slug": "local-file-system",
            "block_document_name": "code",
        }
    }


def test_block_storage_refuses_a_block_without_directories():
    with pytest.raises(ValueError, match="must have a `get_directory` method"):
        BlockStorageAdapter(Secret(value="v"))  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("source", "kind", "text"),
    [
        ("https://github.com/o/r.git", GitRepository, "https://github.com/o/r.git"),
        ("git@github.com:o/r.git", GitRepository, "git@github.com:o/r.git"),
        ("git+https://h/r", GitRepository, "'https://h/r'"),
        ("s3://b/c", RemoteStorage, "s3://b/c"),
        ("file:///tmp/x", LocalStorage, "/tmp/x"),
        ("./y", LocalStorage, "/y"),
        ("/tmp/x", LocalStorage, "/tmp/x"),
    ],
)
def test_create_storage_from_source_follows_the_url(source: str, kind: type, text: str):
    storage = create_storage_from_source(source)
    assert isinstance(storage, kind)
    assert isinstance(storage, RunnerStorage)
    assert text in repr(storage)


def test_storages_of_the_same_code_are_equal():
    for build in (
        lambda name: GitRepository(f"https://h/{name}.git"),
        lambda name: RemoteStorage(f"memory://{name}"),
        lambda name: LocalStorage(name),
        lambda name: BlockStorageAdapter(LocalFileSystem(basepath=f"/{name}")),
    ):
        assert build("a") == build("a")
        assert build("a") != build("b")
        assert build("a") != 1
