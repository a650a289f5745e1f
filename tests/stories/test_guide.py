"""The user's guide: every block of every page runs and prints the documented output."""

import re
from pathlib import Path

import pytest

from tests.stories import pages

ROOT = Path(__file__).parent.parent.parent
GUIDE = ROOT / "docs" / "guide"
PAGES = sorted(GUIDE.glob("*.md"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_page_runs(page: Path, tmp_path: Path, home: Path):
    pages.run(page, tmp_path, home)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_block_is_tested(page: Path):
    """Every block has a known language, a use for its file, and every output follows a python block."""
    blocks = pages.blocks(page)
    assert page.read_text(encoding="utf-8").count("```") == 2 * len(blocks)
    typed = [command.text for block in blocks if block.language == "console" for command in pages.commands(block)]
    typed += [block.text.partition("\n")[2] for block in blocks if block.file is not None]
    for before, block in zip([None, *blocks], blocks, strict=False):
        where = f"{page.name}:{block.line}"
        if block.file is not None:
            reads_it = block.file in ("prefect.toml", "prefect.yaml") or any(block.file in text for text in typed)
            assert reads_it, f"{where}: no command or other file uses {block.file}"
        elif block.language == "text":
            runs = before is not None and before.language == "python" and before.file is None
            assert runs, f"{where}: this is the output of nothing that runs"
        else:
            assert block.language in ("python", "console"), f"{where}: {block.language!r} is not run"


def test_index_lists_every_page():
    index = (GUIDE / "README.md").read_text(encoding="utf-8")
    assert set(re.findall(r"\]\(([\w-]+\.md)\)", index)) == {page.name for page in PAGES} - {"README.md"}


@pytest.mark.parametrize("page", [*PAGES, ROOT / "docs" / "compatibility.md", ROOT / "README.md"], ids=lambda p: p.stem)
def test_links_exist(page: Path):
    for link in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / link).exists(), f"{page.name} links to {link}, which is not there"


def test_assert_prints():
    pages.assert_prints("a  01a20322-0184-7215-8675-3d27af9f3d57\nb 3ms\nc\n", "a <id>\n...\nc", "here")
    pages.assert_prints("took 3ms\n", "took 46ms", "here")
    for wanted in ("a", "a\nb\nc", "a\nc", "b\n..."):
        with pytest.raises(AssertionError, match="here prints"):
            pages.assert_prints("a\nb\n", wanted, "here")
