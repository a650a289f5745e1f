"""File systems: reading and writing whole files below a base path, sync and async."""

import asyncio
import threading
import uuid

import pytest
from pydantic import ValidationError

from prefect.filesystems import SMB, LocalFileSystem, NullFileSystem, RemoteFileSystem


@pytest.fixture
def local(tmp_path):
    return LocalFileSystem(basepath=str(tmp_path / "base"))


@pytest.fixture
def base(tmp_path):
    return tmp_path / "base"


def test_local_file_system_reads_what_it_wrote(local, base):
    assert local.write_path("a/b", b"1") == str(base / "a/b")
    assert local.read_path("a/b") == b"1" == local.read_path(str(base / "a/b"))
    local.write_path("a/b", b"")
    assert local.read_path("a/b") == b""


async def test_dual_methods_can_be_awaited(local):
    await local.write_path("a", b"1")
    await local.awrite_path("b", b"2")
    assert await local.read_path("b") == b"2" and await local.aread_path("a") == b"1"


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "a/../../x", "../base-beside/x"])
def test_local_file_system_rejects_paths_outside_of_the_base(local, path):
    for use in (lambda: local.read_path(path), lambda: local.write_path(path, b"1")):
        with pytest.raises(ValueError, match="outside of the base path"):
            use()


def test_local_file_system_rejects_links_out_of_the_base(local, base, tmp_path):
    base.mkdir()
    (base / "link").symlink_to(tmp_path)
    with pytest.raises(ValueError, match="outside of the base path"):
        local.write_path("link/x", b"1")


def test_read_path_error_names_a_path_that_is_not_a_file(local, base):
    local.write_path("d/x", b"1")
    with pytest.raises(ValueError, match=f"{base}/nope does not exist"):
        local.read_path("nope")
    with pytest.raises(ValueError, match=f"{base}/d is not a file"):
        local.read_path("d")
    with pytest.raises(TypeError, match="bytes, not str"):
        local.write_path("x", "text")
    assert sorted(path.name for path in base.iterdir()) == ["d"]


def test_write_path_supports_file_names_at_the_length_limit(local):
    local.write_path("x" * 250, b"1")
    assert local.read_path("x" * 250) == b"1"


def test_write_path_replaces_files_atomically(local):
    one, two = b"1" * 200_000, b"2" * 200_000
    local.write_path("k", one)
    stop = threading.Event()

    def write():
        while not stop.is_set():
            local.write_path("k", one)
            local.write_path("k", two)

    writer = threading.Thread(target=write)
    writer.start()
    seen = [local.read_path("k") in (one, two) for _ in range(50)]
    stop.set()
    writer.join()
    assert all(seen)


def test_paths_are_relative_to_the_working_directory_without_a_base(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert LocalFileSystem().write_path("a", b"1") == str(tmp_path / "a")
    assert LocalFileSystem().read_path(str(tmp_path / "a")) == b"1"


def test_put_and_get_directory_copy_files(local, base, tmp_path):
    source = tmp_path / "source"
    (source / "sub").mkdir(parents=True)
    (source / "sub/x").write_text("1")
    local.put_directory(str(source), "there")
    assert (base / "there/sub/x").read_text() == "1"
    local.get_directory("there", str(tmp_path / "back"))
    local.get_directory("there", str(tmp_path / "back"))
    assert (tmp_path / "back/sub/x").read_text() == "1"
    with pytest.raises(NotImplementedError, match="Ignore files"):
        local.put_directory(str(source), "there", ignore_file=".prefectignore")


async def test_null_file_system_stores_nothing():
    nothing = NullFileSystem()
    assert await nothing.write_path("a", b"1") is None and await nothing.read_path("a") is None


def test_basepath_accepts_a_path_object(tmp_path):
    assert LocalFileSystem(basepath=tmp_path) == LocalFileSystem(basepath=str(tmp_path))  # pyright: ignore


@pytest.mark.parametrize("wrong", ["nope", "file:///x", "s3://", "file://x"])
def test_remote_file_system_rejects_invalid_base_paths(wrong):
    with pytest.raises(ValidationError, match="Base path"):
        RemoteFileSystem(basepath=wrong)


def test_remote_file_system_rejects_paths_outside_of_the_base():
    remote = RemoteFileSystem(basepath="memory://bucket/x")
    assert remote._resolve_path("a/b") == "memory://bucket/x/a/b" == remote._resolve_path("memory://bucket/x/a/b")
    with pytest.raises(ValueError, match="outside of the base path"):
        remote._resolve_path("memory://bucket/xy")


def test_remote_file_system_reads_what_it_wrote(tmp_path):
    pytest.importorskip("fsspec")
    remote = RemoteFileSystem(basepath=f"memory://{uuid.uuid4().hex}")
    assert remote.write_path("a/b", b"1") == f"{remote.basepath}/a/b"
    assert remote.read_path("a/b") == b"1"
    assert asyncio.run(remote.aread_path("a/b")) == b"1"
    with pytest.raises(FileNotFoundError):
        remote.read_path("nope")
    (tmp_path / "source/sub").mkdir(parents=True)
    (tmp_path / "source/sub/x").write_text("1")
    assert remote.put_directory(str(tmp_path / "source"), "there") == 1
    assert remote.put_directory(str(tmp_path / "source"), "there", overwrite=False) == 0
    remote.get_directory("there", str(tmp_path / "back"))
    assert (tmp_path / "back/sub/x").read_text() == "1"


def test_smb_builds_a_remote_file_system():
    share = SMB(share_path="/share/x", smb_host="host", smb_username="me", smb_password="pw", smb_port=1)  # pyright: ignore
    assert share.basepath == "smb://host/share/x"
    assert share.filesystem.settings == {"host": "host", "username": "me", "password": "pw", "port": 1}
    assert "pw" not in repr(share)
