"""The blocks of clusters."""

from __future__ import annotations

import asyncio
import logging
import re
from pathlib import Path
from typing import Any
from unittest.mock import AsyncMock

import pytest
import yaml
from pydantic import ValidationError

from prefect.blocks.schemas import compute_class_checksum
from prefect_kubernetes import KubernetesClusterConfig, KubernetesCredentials
from prefect_kubernetes.credentials import open_client
from prefect_kubernetes.running.cluster import Cluster
from prefect_kubernetes.running.watching import NamespaceWatch
from tests.kubernetes_cluster import TOKEN, ControlPlane

CONFIG: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Config",
    "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}],
    "users": [{"name": "u", "user": {"token": "hush"}}],
    "contexts": [{"name": "a", "context": {"cluster": "c", "user": "u"}}],
    "current-context": "a",
}


def test_checksums_are_those_of_the_published_package():
    published = {
        KubernetesClusterConfig: "sha256:1842dc8b213ef1595f75681856fae25aee4e0639a0ea867a41f90138edbd664d",
        KubernetesCredentials: "sha256:b1e3f10baa42ba79ca4484824207ed351d043d032b2cc234242bb7bf81b6ce56",
    }
    assert {block: compute_class_checksum(block) for block in published} == published


def test_cluster_is_read_from_a_file(tmp_path: Path):
    (tmp_path / "config").write_text(yaml.safe_dump(CONFIG))
    assert KubernetesClusterConfig.from_file(tmp_path / "config").context_name == "a"
    with pytest.raises(ValueError, match=r"has no context 'b': it has \['a'\]"):
        KubernetesClusterConfig.from_file(tmp_path / "config", "b")
    assert KubernetesClusterConfig(config=yaml.safe_dump(CONFIG), context_name="a").config == CONFIG  # pyright: ignore


def test_yaml_that_is_not_valid_is_refused():
    with pytest.raises(ValidationError, match="The kubeconfig is not valid YAML"):
        KubernetesClusterConfig(config="a: [", context_name="a")  # pyright: ignore


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, r"There is no kubeconfig .*config, and this is no pod of a cluster: set KUBECONFIG, or .*"),
        ("x: [", r"The Kubernetes cluster is not configured: while parsing .*"),
        ("- a", r"The Kubernetes cluster is not configured: .*"),
        ("current-context: a", r"The Kubernetes cluster is not configured: .*"),
    ],
)
async def test_kubeconfig_that_is_missing_or_wrong_is_one_line(
    content: str | None, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    kubeconfig = tmp_path / "config"
    if content is not None:
        kubeconfig.write_text(content)
    monkeypatch.setattr("kubernetes_asyncio.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(kubeconfig))
    with pytest.raises(ValueError) as caught:
        await open_client(None)
    assert re.fullmatch(message, str(caught.value))


async def test_watch_of_a_cluster_that_is_not_configured_does_not_wait(monkeypatch: pytest.MonkeyPatch):
    cluster = Cluster(None)
    monkeypatch.setattr(cluster, "list_objects", AsyncMock(side_effect=RuntimeError("unexpected")))
    watch = NamespaceWatch(cluster, "default", "", logging.getLogger(), lambda pod: None)
    with pytest.raises(RuntimeError, match="unexpected"):
        await watch.start()
    await watch.stop()


async def test_credentials_of_an_unknown_context_say_so():
    credentials = KubernetesCredentials(cluster_config=KubernetesClusterConfig(config=CONFIG, context_name="b"))
    with pytest.raises(ValueError, match="has no context 'b'"):
        async with credentials.get_client("core"):
            pass
    cluster = KubernetesClusterConfig(config=CONFIG, context_name="a")
    with pytest.raises(ValueError, match="There is no client 'pods'"):
        async with KubernetesCredentials(cluster_config=cluster).get_client("pods"):  # pyright: ignore
            pass


@pytest.mark.timeout(240)
async def test_credentials_give_clients_of_the_cluster(plane: ControlPlane):
    cluster = KubernetesClusterConfig(config=plane.make_kubeconfig(TOKEN), context_name="tests")
    async with KubernetesCredentials(cluster_config=cluster).get_client("core") as core:
        namespaces = await core.list_namespace()
    await asyncio.sleep(0)  # the event loop closes the connection
    assert "default" in {one.metadata.name for one in namespaces.items}
