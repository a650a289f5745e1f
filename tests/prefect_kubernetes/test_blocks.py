"""The blocks of clusters."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from prefect.blocks.schemas import compute_class_checksum
from prefect_kubernetes import KubernetesClusterConfig, KubernetesCredentials
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
    with pytest.raises(ValidationError, match="The kubeconfig is no valid YAML"):
        KubernetesClusterConfig(config="a: [", context_name="a")  # pyright: ignore


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
@pytest.mark.xdist_group("kubernetes")
async def test_credentials_give_clients_of_the_cluster(plane: ControlPlane):
    cluster = KubernetesClusterConfig(config=plane.make_kubeconfig(TOKEN), context_name="tests")
    async with KubernetesCredentials(cluster_config=cluster).get_client("core") as core:
        namespaces = await core.list_namespace()
    await asyncio.sleep(0)  # the event loop closes the connection
    assert "default" in {one.metadata.name for one in namespaces.items}
