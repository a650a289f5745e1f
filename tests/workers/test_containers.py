"""The environment of runs in containers."""

import pytest

from prefect.settings import temporary_settings
from prefect.workers.containers import build_environment, is_loopback, replace_host


def test_environment_has_no_paths_of_the_worker() -> None:
    with temporary_settings({"PREFECT_API_URL": "http://127.0.0.1:4200/api"}):
        environment = build_environment()

    assert environment["PREFECT_API_URL"] == "http://127.0.0.1:4200/api"
    assert not {"PREFECT_HOME", "PREFECT_PROFILES_PATH"} & set(environment)


@pytest.mark.parametrize(
    ("url", "expected"),
    [("http://localhost:4200/api", True), ("http://[::1]/api", True), ("http://10.0.0.1/api", False), (None, False)],
)
def test_is_loopback(url: str | None, expected: bool) -> None:
    assert is_loopback(url) is expected


def test_replaced_host_keeps_user_port_and_path() -> None:
    assert replace_host("http://me:pw@127.0.0.1:4200/api", "host") == "http://me:pw@host:4200/api"
