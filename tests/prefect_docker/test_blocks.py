"""The blocks of engines and registries, with a real engine."""

import asyncio
from collections.abc import Iterator

import pytest
from pydantic import SecretStr

from prefect_docker import DockerHost, DockerRegistryCredentials
from tests import docker_engine


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    docker_engine.need("dockerd")
    with docker_engine.run_engine() as address:
        yield address


def test_host_gives_a_client_of_its_engine(address: str):
    client = DockerHost(base_url=address, timeout=7, max_pool_size=3).get_client()
    try:
        assert client.ping() and client.api.timeout == 7
    finally:
        client.close()


def test_host_without_an_address_is_that_of_the_environment(address: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DOCKER_HOST", address)
    client = DockerHost().get_client()
    try:
        assert client.ping()
    finally:
        client.close()


def test_credentials_log_a_client_in(address: str):
    docker_engine.need("docker-registry")
    client = DockerHost(base_url=address).get_client()
    try:
        with docker_engine.run_registry(docker_engine.ME_HUSH) as registry:
            right = DockerRegistryCredentials(username="me", password=SecretStr("hush"), registry_url=registry)
            asyncio.run(right.login(client))
            wrong = right.model_copy(update={"username": "you"})
            with pytest.raises(Exception, match=r"401|unauthorized") as caught:
                asyncio.run(wrong.login(client))
        assert "hush" not in str(caught.value) and "hush" not in repr(right)
    finally:
        client.close()
