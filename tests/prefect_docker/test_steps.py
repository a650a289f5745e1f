"""The steps that build and push images, with a real engine and registry."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from prefect.deployments.steps.core import StepExecutionError, run_steps
from prefect.utilities.dockerutils import docker_client
from prefect_docker.deployments import steps
from tests import docker_engine

BUILD = "prefect_docker.deployments.steps.build_docker_image"
PUSH = "prefect_docker.deployments.steps.push_docker_image"


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    docker_engine.need("dockerd", "docker-registry")
    with docker_engine.run_engine() as address:
        yield address


@pytest.fixture
def client(address: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("DOCKER_HOST", address)
    monkeypatch.setattr(steps, "_results", {})
    with docker_client() as client:
        docker_engine.add_base_image(client, "local/base", "1")
        yield client


def run(*own: dict[str, Any]) -> dict[str, Any]:
    return asyncio.run(run_steps(list(own)))


def test_image_is_built_tagged_and_pushed(client: Any, tmp_path: Path):
    (tmp_path / "Dockerfile").write_text("FROM local/base:1\nLABEL made=here\n")
    with docker_engine.run_registry() as registry:
        build = {"image_name": f"{registry}/flows", "tag": "v1", "additional_tags": ["latest"], "id": "built"}
        push = {
            "image_name": "{{ built.image_name }}",
            "tag": "{{ built.tag }}",
            "additional_tags": "{{ built.additional_tags }}",
            "requires": "prefect-docker>=0.3.1",
        }
        outputs = run({BUILD: build}, {PUSH: push})
        assert outputs["built"]["image"] == outputs["image"] == f"{registry}/flows:v1"
        assert outputs["built"]["image_id"] == client.images.get(outputs["image"]).id
        client.images.remove(outputs["image"])
        client.images.remove(f"{registry}/flows:latest")
        assert client.images.pull(f"{registry}/flows", tag="latest").labels["made"] == "here"


def test_same_image_is_built_once(client: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "Dockerfile").write_text("FROM local/base:1\n")
    first = steps.build_docker_image("same")
    assert steps.build_docker_image("same") == first
    assert steps.build_docker_image("same", ignore_cache=True)["tag"] != first["tag"]


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ({BUILD: {"image_name": "a", "dockerfile": "gone"}}, "gone"),
        ({BUILD: {"image_name": "a", "dockerfile": "auto"}}, "Dockerfile already exists"),
        ({BUILD: {"image_name": "a", "build_backend": "zz"}}, "Invalid build_backend 'zz'"),
        ({PUSH: {"image_name": "127.0.0.1:1/a", "tag": "1"}}, "does not exist|refused"),
        (
            {
                PUSH: {
                    "image_name": "a",
                    "credentials": {"username": "u", "password": "hush", "registry_url": "http://127.0.0.1:1"},
                }
            },
            "refused",
        ),
    ],
)
def test_failure_reports_the_reason(client: Any, tmp_path: Path, step: dict[str, Any], message: str):
    (tmp_path / "Dockerfile").write_text("FROM local/base:1\n")
    with pytest.raises(StepExecutionError, match=message) as caught:
        run(step)
    assert "hush" not in str(caught.value)
