"""Fixtures that programs import."""

import logging
import socket

import pytest

from prefect.settings import PREFECT_API_URL
from prefect.testing.fixtures import (  # noqa: F401
    add_prefect_loggers_to_caplog,
    events_pipeline,
    hosted_api_server,
    is_port_in_use,
)


def test_caplog_captures_prefect_loggers(add_prefect_loggers_to_caplog, caplog):  # noqa: F811
    logging.getLogger("prefect.somewhere").warning("seen")
    assert "seen" in caplog.text


def test_is_port_in_use():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        port = server.getsockname()[1]
        assert not is_port_in_use(port)
        server.listen()
        assert is_port_in_use(port)


@pytest.mark.parametrize("name", ["hosted_api_server", "events_pipeline"])
def test_planned_fixture_raises_not_implemented_error(name, request):
    with pytest.raises(NotImplementedError, match=f"{name}' is not implemented yet"):
        request.getfixturevalue(name)


def test_disable_hosted_api_server_unsets_api_url(monkeypatch):
    from prefect.testing import fixtures

    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:1/api")
    generator = fixtures.disable_hosted_api_server._get_wrapped_function()()
    next(generator)
    assert PREFECT_API_URL.value() is None
    assert next(generator, None) is None
    assert PREFECT_API_URL.value() == "http://127.0.0.1:1/api"
