"""Fixtures with fake servers for the tests of the outbox."""

from collections.abc import Callable, Iterator

import pytest

from tests.outbox.servers import FakeServer

Fake = Callable[..., FakeServer]


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[Fake]:
    """Return a function that starts a server and points `PREFECT_API_URL` to it."""
    monkeypatch.setenv("PREFECT_CLIENT_EXIT_TIMEOUT_SECONDS", "0.1")
    monkeypatch.setenv("PREFECT_CLIENT_MAX_RETRIES", "0")
    made: list[FakeServer] = []

    def make(reads_journals: bool = False) -> FakeServer:
        server = FakeServer(reads_journals).start()
        made.append(server)
        monkeypatch.setenv("PREFECT_API_URL", server.url)
        return server

    yield make
    for server in made:
        server.stop()


@pytest.fixture(params=[False, True], ids=["api", "journal"])
def server(request: pytest.FixtureRequest, fake: Fake) -> FakeServer:
    """A server of each kind: the plain API, and one that reads journals."""
    return fake(request.param)
