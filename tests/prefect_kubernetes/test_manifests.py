"""The manifests of jobs: variables, environment, labels, names, patches."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import pytest
from pydantic import ValidationError

from prefect.client.schemas.objects import FlowRun
from prefect.utilities.dockerutils import get_prefect_image_name
from prefect_kubernetes.labels import to_label_name, to_label_value, to_selector
from prefect_kubernetes.worker import KubernetesWorker, KubernetesWorkerJobConfiguration

REMOTE = "https://flows.example.com/api"
RUN = FlowRun(id=UUID(int=1), flow_id=UUID(int=2), name="Quick fox")


def configure(template: dict[str, Any] | None = None, **values: Any) -> KubernetesWorkerJobConfiguration:
    template = template or KubernetesWorker.get_default_base_job_template()
    configuration = asyncio.run(
        KubernetesWorkerJobConfiguration.from_template_and_values(template, values, client=object())  # pyright: ignore
    )
    configuration.prepare_for_flow_run(RUN, worker_name="w")
    return configuration


def build(**values: Any) -> dict[str, Any]:
    return configure(**values).build_manifest()


def get_pod_spec(manifest: dict[str, Any]) -> dict[str, Any]:
    return manifest["spec"]["template"]["spec"]


def get_env(manifest: dict[str, Any]) -> dict[str, Any]:
    return {entry["name"]: entry.get("value") for entry in get_pod_spec(manifest)["containers"][0]["env"]}


def test_template_has_every_variable_of_the_type():
    template = KubernetesWorker.get_default_base_job_template()
    names = {"name", "env", "labels", "command", "annotations", "namespace", "image", "service_account_name"}
    names |= {"image_pull_policy", "backoff_limit", "finished_job_ttl", "job_watch_timeout_seconds", "patches"}
    names |= {"pod_watch_timeout_seconds", "stream_output", "cluster_config", "cpu_request", "cpu_limit"}
    names |= {"memory_request", "memory_limit", "resources"}
    assert set(template["variables"]["properties"]) == names
    assert set(template["variables"]["definitions"]) == {"KubernetesClusterConfig"}
    used = str(template["job_configuration"])
    assert not [name for name in names if f"{{{{ {name} }}}}" not in used]


def test_variables_are_in_the_manifest():
    manifest = build(
        image="flows:1",
        namespace="team",
        service_account_name="runner",
        image_pull_policy="Always",
        backoff_limit=2,
        finished_job_ttl=60,
        annotations={"note": "x"},
        labels={"team": "a b"},
        cpu_request="250m",
        cpu_limit="2",
        memory_request="128Mi",
        memory_limit="1Gi",
        env={"COLOR": "green", "PREFECT_API_URL": REMOTE},
        command="python -m flows --name 'a b'",
    )
    metadata, spec, pod = manifest["metadata"], manifest["spec"], get_pod_spec(manifest)
    container = pod["containers"][0]
    assert metadata["namespace"] == "team" and metadata["annotations"] == {"note": "x"}
    assert metadata["name"].startswith("quick-fox-") and "generateName" not in metadata
    assert (spec["backoffLimit"], spec["ttlSecondsAfterFinished"]) == (2, 60)
    assert (spec["parallelism"], spec["completions"]) == (1, 1) and "parallelism" not in pod
    assert (pod["restartPolicy"], pod["serviceAccountName"]) == ("Never", "runner")
    assert (container["image"], container["imagePullPolicy"]) == ("flows:1", "Always")
    assert container["args"] == ["python", "-m", "flows", "--name", "a b"]
    resources = container["resources"]
    assert resources == {
        "requests": {"cpu": "250m", "memory": "128Mi"},
        "limits": {"cpu": "2", "memory": "1Gi"},
    }
    assert get_env(manifest)["COLOR"] == "green" and get_env(manifest)["PREFECT_API_URL"] == REMOTE
    assert metadata["labels"]["team"] == "a-b"
    for labels in (metadata["labels"], spec["template"]["metadata"]["labels"]):
        assert labels["prefect.io/flow-run-id"] == str(RUN.id)
        assert labels["prefect.io/flow-run-name"] == "Quick-fox"
        assert labels["prefect.io/worker-name"] == "w"


def test_resources_replace_single_variables():
    resources = {"requests": {"memory": "512Mi", "cpu": "500m"}, "limits": {"memory": "1Gi", "cpu": "1000m"}}
    (container,) = get_pod_spec(build(cpu_request="2", resources=resources))["containers"]
    assert container["resources"] == resources
    (container,) = get_pod_spec(build(cpu_request="2", resources={"limits": {"cpu": 2}}))["containers"]
    assert container["resources"] == {"requests": {"cpu": "2"}, "limits": {"cpu": 2}}


def test_unset_variables_are_left_to_the_cluster():
    manifest = build()
    pod = get_pod_spec(manifest)
    assert "serviceAccountName" not in pod and "ttlSecondsAfterFinished" not in manifest["spec"]
    assert pod["containers"][0]["image"] == get_prefect_image_name()
    assert pod["containers"][0]["args"] == ["prefect", "flow-run", "execute"]
    assert pod["containers"][0]["resources"] == {"requests": {}, "limits": {}}


def test_environment_in_the_notation_of_kubernetes_replaces_variables_of_the_same_name():
    secret = {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}
    template = KubernetesWorker.get_default_base_job_template()
    container = template["job_configuration"]["job_manifest"]["spec"]["template"]["spec"]["containers"][0]
    container["env"] = [secret, {"name": "FIXED", "value": "1"}]
    entries = get_pod_spec(build(template=template, env={"TOKEN": "plain", "COLOR": "red"}))["containers"][0]["env"]
    assert secret in entries and [entry["name"] for entry in entries].count("TOKEN") == 1
    assert {"name": "COLOR", "value": "red"} in entries
    assert {"name": "PREFECT__FLOW_RUN_ID", "value": str(RUN.id)} in entries

    template["job_configuration"]["env"] = [secret]
    container["env"] = "{{ env }}"
    entries = get_pod_spec(build(template=template))["containers"][0]["env"]
    assert secret in entries and {"name": "PREFECT__FLOW_RUN_ID", "value": str(RUN.id)} in entries


def test_variable_that_is_none_is_left_out(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PREFECT_API_URL", REMOTE)
    monkeypatch.setenv("PREFECT_HOME", "/nowhere/else")
    assert not {"PREFECT_API_URL", "PREFECT_HOME"} & set(get_env(build(env={"PREFECT_API_URL": None})))


@pytest.mark.parametrize(("host_network", "host"), [(False, "host.docker.internal"), (True, "127.0.0.1")])
def test_local_api_is_reached_by_the_name_of_the_host(host_network: bool, host: str):
    patch = {"op": "add", "path": "/spec/template/spec/hostNetwork", "value": host_network}
    manifest = build(env={"PREFECT_API_URL": "http://127.0.0.1:4200/api"}, patches=[patch])
    assert get_env(manifest)["PREFECT_API_URL"] == f"http://{host}:4200/api"


def test_command_that_is_set_later_replaces_that_of_the_variables():
    configuration = configure(command="python first.py")
    configuration.command = "python later.py"
    assert get_pod_spec(configuration.build_manifest())["containers"][0]["args"] == ["python", "later.py"]


def test_command_of_the_container_gets_the_command_of_the_run_as_arguments():
    template = KubernetesWorker.get_default_base_job_template()
    container = template["job_configuration"]["job_manifest"]["spec"]["template"]["spec"]["containers"][0]
    container["command"] = ["tini", "--"]
    assert get_pod_spec(build(template=template))["containers"][0]["args"] == ["prefect", "flow-run", "execute"]
    del container["args"]
    assert "args" not in get_pod_spec(build(template=template))["containers"][0]
    container["args"] = "python own.py"
    assert get_pod_spec(build(template=template))["containers"][0]["args"] == ["python", "own.py"]


def test_patches_change_the_finished_manifest():
    manifest = build(
        patches=[
            {"op": "add", "path": "/spec/template/spec/nodeSelector", "value": {"disk": "ssd"}},
            {"op": "add", "path": "/spec/template/spec/containers/0/env/-", "value": {"name": "A", "value": "1"}},
            {"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "other:2"},
            {"op": "remove", "path": "/metadata/labels/prefect.io~1flow-run-id"},
        ],
        labels={"prefect.io/flow-run-id": "mine"},
    )
    pod = get_pod_spec(manifest)
    assert pod["nodeSelector"] == {"disk": "ssd"} and pod["containers"][0]["image"] == "other:2"
    assert {"name": "A", "value": "1"} in pod["containers"][0]["env"]
    assert "prefect.io/worker-name" in manifest["metadata"]["labels"]


@pytest.mark.parametrize(
    ("patch", "message"),
    [
        (
            {"op": "replace", "path": "/spec/nothing/here", "value": 1},
            r"Patch 2 .*\(replace /spec/nothing/here\) cannot",
        ),
        ({"op": "turn", "path": "/spec"}, r"Patch 2 .*\(turn /spec\) cannot be applied"),
        ({"op": "remove", "path": "/spec/template/spec/containers"}, "has no container"),
        ({"op": "replace", "path": "/kind", "value": "CronJob"}, "must be of the kind Job"),
        ({"op": "replace", "path": "", "value": 1}, "leave no manifest"),
    ],
)
def test_patch_that_cannot_be_applied_is_named(patch: dict[str, Any], message: str):
    with pytest.raises(ValueError, match=message) as caught:
        build(patches=[{"op": "add", "path": "/spec/suspend", "value": False}, patch])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"cpu_request": "lots"}, "'lots' is not a quantity of cpu"),
        ({"memory_limit": "1 GB"}, "'1 GB' is not a quantity of memory"),
        ({"pod_watch_timeout_seconds": 0}, "greater than 0"),
        ({"job_watch_timeout_seconds": -1}, "greater than 0"),
        ({"patches": "x"}, "valid list"),
    ],
)
def test_wrong_value_is_refused(values: dict[str, Any], message: str):
    with pytest.raises(ValidationError, match=message):
        configure(**values)


def test_manifest_without_pods_is_refused():
    with pytest.raises(ValidationError, match=r"no specification of its pods at spec\.template\.spec"):
        KubernetesWorkerJobConfiguration(job_manifest={"spec": {}})


def test_job_of_a_claim_has_one_name():
    def name(claim: str, run_name: str = "") -> str:
        return build(env={"PREFECT__FLOW_RUN_CLAIM": claim}, name=run_name)["metadata"]["name"]

    assert name("a") == name("a") != name("b")
    assert name("a", "Ünder_score " * 20).startswith("under-score-") and len(name("a", "x" * 200)) == 63
    assert name("a", "日本").startswith("prefect-job-")


def test_own_name_of_the_manifest_is_kept():
    template = KubernetesWorker.get_default_base_job_template()
    template["job_configuration"]["job_manifest"]["metadata"]["generateName"] = "nightly-"
    assert build(template=template)["metadata"]["name"].startswith("nightly-")
    template["job_configuration"]["job_manifest"]["metadata"]["name"] = "Nightly"
    assert build(template=template)["metadata"]["name"] == "nightly"


def test_labels_have_the_characters_of_kubernetes():
    assert to_label_value("__my flow/é run.1") == "my-flow-run.1" and len(to_label_value("x" * 99)) == 63
    assert to_label_value("é") == ""
    assert to_label_name("Example.com/my label") == "example.com/my-label"
    assert to_label_name("prefect.io/flow-run-id") == "prefect.io/flow-run-id" and to_label_name("é/ü") is None
    assert to_selector({"prefect.io/worker-name": "my worker", "a": "b"}) == "prefect.io/worker-name=my-worker,a=b"
