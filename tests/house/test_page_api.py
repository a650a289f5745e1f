"""The API that the web page is built against is the one that there is."""

from tools import page_api


def test_described_api_of_the_page_is_current() -> None:
    page_api.check()


def test_lock_of_the_page_names_no_registry() -> None:
    lock = page_api.PATH.with_name("package-lock.json").read_text()
    assert '"resolved"' not in lock
