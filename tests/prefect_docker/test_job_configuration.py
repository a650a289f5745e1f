"""The configuration of the containers of a Docker worker."""

import sys
from typing import Any
from uuid import uuid4

import pytest
from pydantic import ValidationError

from prefect.client.schemas.objects import FlowRun
from prefect.utilities.dockerutils import get_prefect_image_name
from prefect_docker.job_configuration import to_container_name, to_docker_label
from prefect_docker.worker import DockerWorker, DockerWorkerJobConfiguration

REMOTE = "https://flows.example.com/api"
LOCAL = "http://127.0.0.1:4200/api"


def prepare(api_url: str = REMOTE, **values: Any) -> DockerWorkerJobConfiguration:
    configuration = DockerWorkerJobConfiguration(**{"env": {"PREFECT_API_URL": api_url}, **values})
    configuration.prepare_for_flow_run(FlowRun(id=uuid4(), flow_id=uuid4(), name="quick fox"), worker_name="w")
    return configuration


def test_template_has_every_variable_of_the_type():
    template = DockerWorker.get_default_base_job_template()
    names = {"name", "command", "env", "labels", "image", "registry_credentials", "image_pull_policy", "networks"}
    names |= {"network_mode", "auto_remove", "volumes", "stream_output", "container_wait_timeout", "mem_limit"}
    names |= {"memswap_limit", "privileged", "container_create_kwargs"}
    assert set(template["variables"]["properties"]) == set(template["job_configuration"]) == names
    assert set(template["variables"]["definitions"]) == {"DockerRegistryCredentials"}


def test_arguments_of_the_container_follow_from_the_variables():
    arguments = prepare(
        image="flows:1",
        volumes=["/data:/app/data:ro"],
        network_mode="bridge",
        mem_limit="64m",
        memswap_limit=-1,
        privileged=True,
        labels={"team": "a"},
        container_create_kwargs={"init": True, "image": "other"},
    ).build_arguments()
    assert arguments["image"] == "flows:1" and arguments["init"] is True
    assert arguments["command"] == ["prefect", "flow-run", "execute"]
    assert arguments["volumes"] == ["/data:/app/data:ro"]
    assert (arguments["mem_limit"], arguments["memswap_limit"], arguments["privileged"]) == ("64m", "-1", True)
    assert arguments["network_mode"] == "bridge"
    assert arguments["labels"]["team"] == "a"
    assert arguments["labels"]["io.prefect.flow-run-name"] == "quick fox"
    assert arguments["labels"]["io.prefect.worker-name"] == "w"
    assert arguments["environment"]["PREFECT_API_URL"] == REMOTE
    assert "extra_hosts" not in arguments and "network" not in arguments


def test_unset_variables_are_left_to_the_engine():
    arguments = prepare().build_arguments()
    assert arguments["image"] == get_prefect_image_name()
    assert set(arguments) == {"image", "command", "environment", "labels", "privileged"}


@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux, where containers can use the host's network")
def test_local_api_is_reached_through_the_network_of_the_host():
    arguments = prepare(LOCAL).build_arguments()
    assert arguments["network_mode"] == "host"
    assert arguments["environment"]["PREFECT_API_URL"] == LOCAL


@pytest.mark.parametrize("network", [{"network_mode": "bridge"}, {"networks": ["a", "b"]}])
def test_local_api_is_reached_by_the_name_of_the_host_in_other_networks(network: dict[str, Any]):
    arguments = prepare("http://u:p@localhost:4200/api", **network).build_arguments()
    assert arguments["environment"]["PREFECT_API_URL"] == "http://u:p@host.docker.internal:4200/api"
    if sys.platform == "linux":
        assert arguments["extra_hosts"] == {"host.docker.internal": "host-gateway"}


def test_home_of_the_worker_is_not_passed_on(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PREFECT_HOME", "/nowhere/else")
    assert "PREFECT_HOME" not in prepare().env
    assert prepare(env={"PREFECT_HOME": "/mine"}).env["PREFECT_HOME"] == "/mine"


@pytest.mark.parametrize(
    ("image", "own", "policy"),
    [
        ("a", None, "Always"),
        ("a:latest", None, "Always"),
        ("reg:5000/a:1", None, "IfNotPresent"),
        ("a@sha256:abc", None, "IfNotPresent"),
        ("a", "Never", "Never"),
    ],
)
def test_pull_policy_follows_from_the_tag(image: str, own: Any, policy: str):
    assert DockerWorkerJobConfiguration(image=image, image_pull_policy=own).find_pull_policy() == policy


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"volumes": ["/data"]}, "'/data' is not of the form source:target"),
        ({"networks": ["a"], "network_mode": "host"}, "not both"),
        ({"image_pull_policy": "Sometimes"}, "IfNotPresent"),
        ({"container_wait_timeout": 0}, "greater than 0"),
    ],
)
def test_wrong_value_is_refused(values: dict[str, Any], message: str):
    with pytest.raises(ValidationError, match=message):
        DockerWorkerJobConfiguration(**values)


def test_names_and_labels_have_the_characters_of_docker():
    assert to_container_name("__my flow/é run.1") == "my-flow-run.1"
    assert to_container_name("é") is None and to_container_name(None) is None
    assert to_docker_label("prefect.io/flow-run-id") == "io.prefect.flow-run-id"
    assert to_docker_label("team") == "team"
