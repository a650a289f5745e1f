"""`docs/server.md`: each command runs, on a free port and a real PostgreSQL."""

from pathlib import Path

import pytest

from prefect.cli.server._background import BackgroundProcess
from prefect.settings import context
from tests.stories import pages
from tools.ports import find_free_port

PAGE = Path(__file__).parent.parent.parent / "docs" / "server.md"


@pytest.mark.timeout(180)
def test_page_runs(tmp_path: Path, home: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    port = str(find_free_port())
    try:
        text = PAGE.read_text(encoding="utf-8").replace("4200", port)
        text = text.replace("postgresql+asyncpg://prefect:secret@db.internal/prefect", postgres_url)
        text = text.replace("db.internal/prefect", postgres_url.rpartition("@")[2])
        monkeypatch.setenv("PREFECT_SERVER_API_PORT", port)
        page = tmp_path / "server.md"
        page.write_text(text, encoding="utf-8")
        pages.run(page, tmp_path, home)
    finally:
        context._process = None
        for name in ("server", "services"):
            BackgroundProcess(name).stop()


def test_every_block_is_tested() -> None:
    found = pages.blocks(PAGE)
    assert PAGE.read_text(encoding="utf-8").count("```") == 2 * len(found)
    assert {block.language for block in found} == {"console", "python", "text"}
