"""The web page's files and addresses."""

from __future__ import annotations

import gzip
import json
import re
from html import unescape
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from prefect.server.app.page import PAGES, WebPage
from prefect.settings import get_current_settings, temporary_settings

HTML = {"accept": "text/html"}
FOLDERS = Path(__file__).parents[3] / "ui" / "src" / "pages"


def client(directory: Path, built: bool = True, **settings: Any) -> httpx.AsyncClient:
    """Return a client of a page with these settings."""
    if built:
        (directory / "assets").mkdir()
        (directory / "assets" / "frame-abc.js.gz").write_bytes(gzip.compress(b"let a = 1"))
        (directory / "index.html").write_text("<!doctype html><head><!-- head --></head>")
    with temporary_settings({name.replace("__", "."): value for name, value in settings.items()}):
        page = WebPage(get_current_settings(), "/api", directory)
    app = Starlette()
    app.add_route("/{path:path}", page.serve)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test")


@pytest.mark.parametrize("path", ["/", "/runs", "/runs/flow-run/7", "/flow-runs/flow-run/7", "/blocks/catalog/slack"])
async def test_page_opens_at_every_address(tmp_path: Path, path: str) -> None:
    async with client(tmp_path) as page:
        answer = await page.get(path)
    assert answer.status_code == 200 and '<base href="/">' in answer.text
    assert answer.headers["cache-control"] == "no-cache"


async def test_document_allows_nothing_from_elsewhere_and_no_inline_script(tmp_path: Path) -> None:
    async with client(tmp_path) as page:
        policy = (await page.get("/")).headers["content-security-policy"]
    assert "default-src 'none'" in policy and "script-src 'self';" in policy and "unsafe" not in policy
    assert "http" not in policy


async def test_diagrams_are_drawn_in_a_document_without_an_origin(tmp_path: Path) -> None:
    async with client(tmp_path) as page:
        (tmp_path / "diagram.html").write_text("<script src=assets/diagram-abc.js></script>")
        answer = await page.get("/diagram.html")
    policy = answer.headers["content-security-policy"]
    assert answer.text == "<script src=assets/diagram-abc.js></script>"
    assert "default-src 'none'" in policy and policy.partition("sandbox ")[2].startswith("allow-scripts;")
    assert "connect-src" not in policy and "http" not in policy


async def test_document_describes_the_server(tmp_path: Path) -> None:
    settings = {"server__api__auth_string": "me:secret", "server__ui__api_url": "https://x.example/api"}
    async with client(tmp_path, **settings) as page:
        answer = await page.get("/")
    content = re.search(r'name="server" content="([^"]*)"', answer.text)
    assert content is not None
    facts = json.loads(unescape(content[1]))
    assert (facts["api"], facts["auth"], facts["csrf"]) == ("https://x.example/api", True, False)
    assert "connect-src 'self' https://x.example" in answer.headers["content-security-policy"]
    assert "secret" not in answer.text


async def test_assets_are_cached_for_ever_and_compressed(tmp_path: Path) -> None:
    async with client(tmp_path) as page:
        answer = await page.get("/assets/frame-abc.js")
        plain = await page.get("/assets/frame-abc.js", headers={"accept-encoding": "identity"})
        assert (await page.get("/assets/nothing.js")).status_code == 404
    assert answer.text == plain.text == "let a = 1"
    assert answer.headers["content-encoding"] == "gzip" and "content-encoding" not in plain.headers
    assert "immutable" in answer.headers["cache-control"]
    assert "javascript" in answer.headers["content-type"]


async def test_page_of_assets_is_served_besides_the_files_of_the_page(tmp_path: Path) -> None:
    async with client(tmp_path) as page:
        assert "<base" in (await page.get("/assets?key=s3://shop/orders")).text


async def test_unknown_address_is_an_error_to_programs_and_a_page_to_people(tmp_path: Path) -> None:
    async with client(tmp_path) as page:
        assert (await page.get("/nothing")).json() == {"detail": "Not Found"}
        shown = await page.get("/nothing", headers=HTML)
    assert shown.status_code == 404 and "<base" in shown.text


async def test_addresses_of_the_originals_pages_lead_here(tmp_path: Path) -> None:
    async with client(tmp_path) as page:
        answer = await page.get("/v2/runs/flow-run/7?tab=Logs")
    assert answer.headers["location"] == "/runs/flow-run/7?tab=Logs"


async def test_page_is_served_below_a_base_path(tmp_path: Path) -> None:
    async with client(tmp_path, server__ui__serve_base="/prefect") as page:
        assert '<base href="/prefect/">' in (await page.get("/prefect/runs")).text
        assert (await page.get("/")).headers["location"] == "/prefect/"
        assert (await page.get("/prefect/assets/frame-abc.js")).status_code == 200
        assert (await page.get("/runs")).status_code == 404


async def test_page_that_is_not_built_reports_how_to_build_it(tmp_path: Path) -> None:
    async with client(tmp_path, built=False) as page:
        answer = await page.get("/runs")
    assert answer.status_code == 200 and "make page" in answer.text and "/api" in answer.text


def test_every_folder_of_a_page_has_its_address() -> None:
    folders = {path.name for path in FOLDERS.iterdir() if path.is_dir()}
    assert folders <= set(PAGES)
