"""Images and containers of a real engine, without a server."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import SecretStr

from prefect.exceptions import InfrastructureError, InfrastructureNotAvailable, InfrastructureNotFound
from prefect.utilities.dockerutils import docker_client
from prefect_docker import DockerRegistryCredentials, containers
from prefect_docker.containers import ContainerEnd, EngineUnavailable
from prefect_docker.worker import DockerWorkerJobConfiguration
from tests import docker_engine

pytestmark = pytest.mark.timeout(240)

IMAGE = "local/python:1"


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    docker_engine.need("dockerd")
    with docker_engine.run_engine() as address:
        yield address


@pytest.fixture
def client(address: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("DOCKER_HOST", address)
    with docker_client() as client:
        docker_engine.add_python_image(client, *IMAGE.split(":"))
        yield client
        for container in client.containers.list(all=True, ignore_removed=True):
            container.remove(force=True)


def configure(code: str = "", **values: Any) -> DockerWorkerJobConfiguration:
    command = f"{sys.executable} -c '{code}'"
    volumes = docker_engine.list_python_volumes()
    return DockerWorkerJobConfiguration(
        **{"image": IMAGE, "network_mode": "none", "command": command, "volumes": volumes, **values}
    )


def test_private_image_is_pulled_with_credentials_only(client: Any):
    docker_engine.need("docker-registry")
    with docker_engine.run_registry(docker_engine.ME_HUSH) as registry:
        credentials = DockerRegistryCredentials(username="me", password=SecretStr("hush"), registry_url=registry)
        image = f"{registry}/flows:1"
        client.images.get(IMAGE).tag(image)
        client.login(username="me", password="hush", registry=registry)
        assert "error" not in client.images.push(image)
        client.images.remove(image)

        with (
            docker_client() as other,
            pytest.raises(InfrastructureError, match=r"could not be pulled: .*auth") as caught,
        ):
            containers.pull(other, configure(image=image))
        wrong = credentials.model_copy(update={"password": SecretStr("hushed")})
        with docker_client() as other, pytest.raises(InfrastructureError, match="could not be pulled") as refused:
            containers.pull(other, configure(image=image, registry_credentials=wrong))
        assert "hush" not in f"{caught.value}{refused.value}"
        with docker_client() as other:
            containers.pull(other, configure(image=image, registry_credentials=credentials))
        assert client.images.get(image)
    for policy in ("IfPossible", "IfNotPresent", "Never"):
        containers.pull(client, configure(image=image, image_pull_policy=policy))
    with pytest.raises(InfrastructureError, match="could not be pulled"):
        containers.pull(client, configure(image=image, image_pull_policy="Always"))


def test_container_of_a_taken_name_gets_a_number(client: Any, capsys: pytest.CaptureFixture[str]):
    configuration = configure('print("hello"); raise SystemExit(3)', name="my run")
    first, second = containers.start(configuration), containers.start(configuration)
    assert containers.wait(first) == containers.wait(second) == ContainerEnd(3)
    assert {one.name for one in client.containers.list(all=True, ignore_removed=True)} == {"my-run", "my-run-1"}
    containers.follow_output(second)
    assert capsys.readouterr().out == "hello\n"


def test_container_that_cannot_start_is_removed_again(client: Any):
    with pytest.raises(InfrastructureError, match=r"The container 'odd' could not start: .*nothing-of-this-name"):
        containers.start(configure(command="nothing-of-this-name", name="odd"))
    assert client.containers.list(all=True, ignore_removed=True) == []


def test_container_that_is_gone_is_reported(client: Any):
    identifier = containers.start(configure())
    assert containers.wait(identifier).exit_code == 0
    containers.remove(identifier)
    containers.remove(identifier)
    assert "removed before its end was seen" in str(containers.wait(identifier).reason)
    with pytest.raises(InfrastructureNotFound, match="There is no container"):
        containers.stop(identifier, 1)
    with pytest.raises(InfrastructureNotAvailable, match="of another engine"):
        containers.stop(f"http://elsewhere:2375:{'a' * 64}", 1)


def test_engine_that_does_not_answer_is_away(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    with pytest.raises(EngineUnavailable, match="The Docker engine does not answer: start Docker"):
        containers.start(configure())


def test_unknown_network_is_named(client: Any):
    with pytest.raises(InfrastructureError, match="nowhere"):
        containers.start(configure(network_mode=None, networks=["nowhere"]))
    with pytest.raises(InfrastructureError, match="nowhere"):
        containers.start(configure(network_mode=None, networks=["none", "nowhere"]))
    assert client.containers.list() == []
