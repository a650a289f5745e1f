"""Real engines of tests: one that is not installed is a skip with its name, and an error in CI."""

import pytest

from tests import docker_engine


@pytest.fixture
def docker_can_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(docker_engine, "_may_start_engine", lambda: True)


@pytest.mark.usefixtures("docker_can_run")
def test_missing_program_skips_with_its_name(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="needs no-such-engine, which is not installed"):
        docker_engine.need("no-such-engine")


@pytest.mark.usefixtures("docker_can_run")
def test_missing_program_is_an_error_in_ci(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="no-such-engine"):
        docker_engine.need("no-such-engine")


def test_missing_rights_are_a_skip_also_in_ci(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CI", "true")
    monkeypatch.setattr(docker_engine, "_may_start_engine", lambda: False)
    with pytest.raises(pytest.skip.Exception, match="needs root and its rights"):
        docker_engine.need("no-such-engine")
