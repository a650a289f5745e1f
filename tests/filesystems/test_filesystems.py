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


EVERY_USE = {
    "read": lambda files, path, _: files.read_path(path),
    "write": lambda files, path, _: files.write_path(path, b"1"),
    "get": lambda files, path, there: files.get_directory(path, str(there)),
    "put": lambda files, path, there: files.put_directory(str(there), path),
}


@pytest.mark.parametrize("use", EVERY_USE)
@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("../x", "outside of the base path"),
        ("/etc/passwd", "outside of the base path"),
        ("a/../../x", "outside of the base path"),
        ("../base-beside/x", "outside of the base path"),
        ("~/x", "outside of the base path"),
        ("%2e%2e/x", "outside of the base path"),
        ("a/%252E./x", "outside of the base path"),
        ("..%2fx", "outside of the base path"),
        ("a\\..\\..\\x", "outside of the base path"),
        ("file:///etc/passwd", "is a URL"),
        ("FILE://x", "is a URL"),
        ("a\nb", "control character"),
        ("a\0b", "control character"),
        ("a%00b", "control character"),
    ],
)
def test_local_file_system_rejects_paths_outside_of_the_base(local, base, tmp_path, use, path, reason):
    there = tmp_path / "there"
    there.mkdir()
    with pytest.raises(ValueError, match=reason):
        EVERY_USE[use](local, path, there)
    assert not base.exists() and not list(there.iterdir())


def test_local_file_system_accepts_parents_that_stay_below_the_base(local):
    local.write_path("a/../100%/..b", b"1")
    assert local.read_path("100%/..b") == b"1"


@pytest.fixture
def linked(base, tmp_path):
    """A directory below the base with links into the base, out of it and to nothing."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("secret")
    (base / "d/sub").mkdir(parents=True)
    (base / "d/sub/file").write_text("1")
    (base / "d/inside").symlink_to(base / "d/sub/file")
    (base / "d/nothing").symlink_to(base / "nothing")
    return base / "d"


@pytest.mark.parametrize("target", ["secret", "."])
def test_get_directory_rejects_links_out_of_the_base(local, linked, tmp_path, target):
    (linked / "sub/link").symlink_to(tmp_path / "outside" / target)
    with pytest.raises(ValueError, match=r"link .*/sub/link leads to .*outside of the base path"):
        local.get_directory("d", str(tmp_path / "back"))
    assert not (tmp_path / "back").exists()
    with pytest.raises(ValueError, match="outside of the base path"):
        local.read_path("d/sub/link" if target == "secret" else "d/sub/link/secret")


def test_get_directory_copies_what_links_in_the_base_lead_to(local, linked, tmp_path):
    local.get_directory("d", str(tmp_path / "back"))
    assert (tmp_path / "back/inside").read_text() == "1" and not (tmp_path / "back/inside").is_symlink()
    assert not (tmp_path / "back/nothing").exists()


def test_get_directory_rejects_a_link_into_its_own_parent(local, linked, tmp_path):
    (linked / "sub/loop").symlink_to(linked)
    with pytest.raises(ValueError, match="a directory that it is in"):
        local.get_directory("d", str(tmp_path / "back"))


def test_put_directory_rejects_targets_behind_a_link_out_of_the_base(local, linked, tmp_path):
    (linked / "sub/link").symlink_to(tmp_path / "outside")
    (tmp_path / "source/link").mkdir(parents=True)
    (tmp_path / "source/link/secret").write_text("changed")
    with pytest.raises(ValueError, match="outside of the base path"):
        local.put_directory(str(tmp_path / "source"), "d/sub")
    assert (tmp_path / "outside/secret").read_text() == "secret"


@pytest.fixture
def source(tmp_path):
    """A directory with an ignore file."""
    root = tmp_path / "with-ignored"
    (root / "sub").mkdir(parents=True)
    for name in ("a.txt", "a.log", "sub/b.log", "sub/keep.log"):
        (root / name).write_text(name)
    (root / ".ignore").write_text("*.log\n!keep.log\n")
    return root


def test_put_directory_leaves_out_what_the_ignore_file_names(local, base, source):
    local.put_directory(str(source), "there", ignore_file=str(source / ".ignore"))
    found = {path.relative_to(base / "there").as_posix() for path in base.rglob("*") if path.is_file()}
    assert found == {".ignore", "a.txt", "sub/keep.log"}


@pytest.mark.parametrize("use", ["get", "put"])
def test_copying_a_directory_that_does_not_exist_raises(local, tmp_path, use):
    call = {"get": lambda: local.get_directory("nope"), "put": lambda: local.put_directory(str(tmp_path / "nope"))}[use]
    with pytest.raises(ValueError, match="nope is not a directory"):
        call()


@pytest.mark.parametrize(("path", "message"), [("", "is the base path itself"), ("d", "is a directory")])
def test_write_path_rejects_directories(local, base, path, message):
    local.write_path("d/x", b"1")
    with pytest.raises(ValueError, match=message):
        local.write_path(path, b"1")
    assert [each.name for each in base.iterdir()] == ["d"] == [each.name for each in base.parent.glob("[!.]*/*")]


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


async def test_null_file_system_stores_nothing():
    nothing = NullFileSystem()
    assert await nothing.write_path("a", b"1") is None and await nothing.read_path("a") is None


def test_basepath_accepts_a_path_object(tmp_path):
    assert LocalFileSystem(basepath=tmp_path) == LocalFileSystem(basepath=str(tmp_path))  # pyright: ignore


@pytest.mark.parametrize("wrong", ["nope", "file:///x", "s3://", "file://x"])
def test_remote_file_system_rejects_invalid_base_paths(wrong):
    with pytest.raises(ValidationError, match="Base path"):
        RemoteFileSystem(basepath=wrong)


@pytest.mark.parametrize("use", EVERY_USE)
@pytest.mark.parametrize(
    "path",
    [
        "memory://bucket/xy",
        "memory://bucket/x/../y",
        "MEMORY://bucket/y",
        "s3://bucket/x/a",
        "file:///etc/passwd",
        "http://host/x",
        "//host/x",
        "../y",
        "..",
        "a/../../y",
        "%2e%2e/y",
        "a/%252e%252e/y",
        "..%2Fy",
        "memory://bucket/x/%2e%2e/y",
        "a\\..\\y",
        "a\nb",
        "a\0b",
        "a%00b",
    ],
)
def test_remote_file_system_rejects_paths_outside_of_the_base(tmp_path, use, path):
    remote = RemoteFileSystem(basepath="memory://bucket/x")
    with pytest.raises(ValueError, match=r"outside of the base path|control character"):
        EVERY_USE[use](remote, path, tmp_path)


@pytest.mark.parametrize("path", ["a/b", "/a/b", "memory://bucket/x/a/b", "MEMORY://bucket/x/a/b"])
def test_remote_file_system_resolves_paths_below_the_base(path):
    assert RemoteFileSystem(basepath="Memory://bucket/x")._resolve_path(path) == "memory://bucket/x/a/b"


def test_remote_file_system_rejects_a_base_path_with_control_characters():
    with pytest.raises(ValidationError, match="control character"):
        RemoteFileSystem(basepath="memory://bucket\nx")


def test_get_directory_rejects_names_in_the_store_that_lead_out_of_the_local_directory(tmp_path):
    pytest.importorskip("fsspec")
    remote = RemoteFileSystem(basepath=f"memory://{uuid.uuid4().hex}")
    remote.write_path("d/fine", b"1")
    remote.filesystem.store[f"/{remote.basepath.partition('://')[2]}/d/../../evil"] = remote.filesystem.open(
        f"{remote.basepath}/d/fine"
    )
    with pytest.raises(ValueError, match="outside of the base path"):
        remote.get_directory("d", str(tmp_path / "back"))
    assert not (tmp_path / "back").exists()


def test_remote_put_directory_leaves_out_what_the_ignore_file_names(source):
    pytest.importorskip("fsspec")
    remote = RemoteFileSystem(basepath=f"memory://{uuid.uuid4().hex}")
    assert remote.put_directory(str(source), "there", ignore_file=str(source / ".ignore")) == 3
    assert remote.read_path("there/sub/keep.log") == b"sub/keep.log"
    with pytest.raises(FileNotFoundError):
        remote.read_path("there/a.log")


def test_remote_get_directory_raises_when_there_is_none(tmp_path):
    pytest.importorskip("fsspec")
    remote = RemoteFileSystem(basepath=f"memory://{uuid.uuid4().hex}")
    with pytest.raises(FileNotFoundError, match="nope"):
        remote.get_directory("nope", str(tmp_path))


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
