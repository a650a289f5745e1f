"""The files that go with a bundle."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from prefect.bundles._zip_extractor import ZipExtractor
from prefect.bundles.included_files import find_included_files, pack_files, warn_of_sensitive_files


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    root = tmp_path / "code"
    for name in ("a.yaml", ".env", "d/x.csv", "d/y.log", "d/node_modules/z.js", "__pycache__/p.pyc", ".prefectignore"):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("*.log\n" if name == ".prefectignore" else name)
    return root


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        (["*"], ["a.yaml", "d/x.csv"]),
        (["**/*"], ["a.yaml", "d/x.csv"]),
        (["d"], ["d/x.csv"]),
        (["d/"], ["d/x.csv"]),
        ([".env"], [".env"]),
        (["d/*.log"], []),
        (["d/y.log"], ["d/y.log"]),
        (["*.yaml", "!a.yaml"], []),
        (["!a.yaml", "*.yaml"], ["a.yaml"]),
    ],
)
def test_find_included_files(directory: Path, patterns: list[str], expected: list[str]) -> None:
    assert find_included_files(directory, patterns) == expected


@pytest.mark.parametrize(("pattern", "error"), [("/etc/hostname", "is absolute"), ("../other", "leads out")])
def test_find_included_files_refuses_paths_outside(directory: Path, pattern: str, error: str) -> None:
    with pytest.raises(ValueError, match=error):
        find_included_files(directory, [pattern])


def test_find_included_files_leaves_out_links_that_lead_outside(directory: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("canary")
    (directory / "link.txt").symlink_to(tmp_path / "secret.txt")
    assert find_included_files(directory, ["*.txt"]) == []


def test_find_included_files_warns_when_nothing_matches(directory: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert find_included_files(directory, ["nope.txt"]) == []
    assert "'nope.txt' of `include_files` matches no files" in caplog.text


def test_warn_of_sensitive_files_names_them(caplog: pytest.LogCaptureFixture) -> None:
    warn_of_sensitive_files(["a.yaml", "d/key.pem"])
    assert "may hold secrets: d/key.pem" in caplog.text


def test_pack_files_names_equal_content_equally(directory: Path, tmp_path: Path) -> None:
    first, path = pack_files(directory, ["a.yaml", "d/x.csv"])
    again, other = pack_files(directory, ["a.yaml", "d/x.csv"])
    assert first == again and first.startswith("files/") and first.endswith(".zip")
    extracted = ZipExtractor(path).extract(tmp_path / "run")
    assert [each.read_text() for each in extracted] == ["a.yaml", "d/x.csv"]
    ZipExtractor(path).cleanup()
    other.unlink()
    assert not path.exists()


@pytest.mark.parametrize(
    ("member", "error"), [("../out.txt", "leads out"), ("taken", "is a directory"), ("file/x", "below a file")]
)
def test_zip_extractor_extracts_nothing_when_a_member_cannot_be(tmp_path: Path, member: str, error: str) -> None:
    target = tmp_path / "run"
    (target / "taken").mkdir(parents=True)
    (target / "file").write_text("")
    with zipfile.ZipFile(tmp_path / "files.zip", "w") as archive:
        archive.writestr("good.txt", "")
        archive.writestr(member, "")
    with pytest.raises(ValueError, match=error):
        ZipExtractor(tmp_path / "files.zip").extract(target)
    assert not (target / "good.txt").exists()


def test_zip_extractor_overwrites_with_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "a.txt").write_text("old")
    with zipfile.ZipFile(tmp_path / "files.zip", "w") as archive:
        archive.writestr("a.txt", "new")
    ZipExtractor(tmp_path / "files.zip").extract(tmp_path)
    assert (tmp_path / "a.txt").read_text() == "new"
    assert "is overwritten" in caplog.text
