"""What a server serves at the root, for people and for a web page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from prefect.server.app import Server, page
from prefect.server.db.sqlite.writer import SqliteWriterDatabase
from prefect.settings import get_current_settings, temporary_settings


def client(path: Path, **settings: Any) -> httpx.AsyncClient:
    """Return a client of the root of a server with these settings."""
    with temporary_settings({name.replace("__", "."): value for name, value in settings.items()}):
        server = Server(get_current_settings(), SqliteWriterDatabase(path / "store.db"), loops=False)
    return httpx.AsyncClient(transport=httpx.ASGITransport(server.app), base_url="http://test")


async def test_documentation_is_served_at_the_root_without_credentials(tmp_path: Path) -> None:
    async with client(tmp_path, server__api__auth_string="me:secret") as root:
        document = (await root.get("/openapi.json")).json()
        assert document["openapi"] == "3.1.0"
        assert document["servers"] == [{"url": "/api"}]
        assert "/flows/{id}" in document["paths"]
        for path in ("/docs", "/redoc"):
            answer = await root.get(path)
            assert answer.headers["content-type"].startswith("text/html")
            assert "/openapi.json" in answer.text
        assert (await root.get("/nothing")).json() == {"detail": "Not Found"}


def built(monkeypatch: pytest.MonkeyPatch, directory: Path) -> None:
    """Have the files of a built page."""
    (directory / "page").mkdir()
    (directory / "page" / "index.html").write_text("<!doctype html><!-- head -->")
    monkeypatch.setattr(page.WebPage.__init__, "__defaults__", (directory / "page",))


async def test_ui_settings_describe_the_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = {
        "api_url": "http://127.0.0.1:4200/api",
        "csrf_enabled": False,
        "auth": None,
        "flags": [],
        "default_ui": "v2",
        "available_uis": ["v2"],
        "v1_base_url": None,
        "v2_base_url": "/",
    }
    built(monkeypatch, tmp_path)
    async with client(tmp_path) as root:
        assert (await root.get("/ui-settings")).json() == expected
    secured = {"server__api__auth_string": "me:secret", "server__api__csrf_protection_enabled": True}
    async with client(tmp_path, server__ui__api_url="https://x/api", **secured) as root:
        shown = (await root.get("/ui-settings")).json()
        assert shown == {**expected, "api_url": "https://x/api", "auth": "BASIC", "csrf_enabled": True}
    async with client(tmp_path, server__ui__serve_base="/ui/") as root:
        assert (await root.get("/ui-settings")).json() == {**expected, "v2_base_url": "/ui"}


async def test_ui_settings_name_no_page_when_none_is_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page.WebPage.__init__, "__defaults__", (tmp_path / "nothing",))
    async with client(tmp_path) as root:
        assert (await root.get("/ui-settings")).json()["available_uis"] == []


@pytest.mark.parametrize("enabled", [True, False])
async def test_ui_settings_are_served_where_the_page_is_enabled(tmp_path: Path, enabled: bool) -> None:
    async with client(tmp_path, server__ui__enabled=enabled) as root:
        assert (await root.get("/ui-settings")).status_code == (200 if enabled else 404)
