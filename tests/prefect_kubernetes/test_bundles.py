"""Flows that are bound to Kubernetes pools: their bundles and results are on S3."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from tests.kubernetes_cluster import ControlPlane
from tests.prefect_kubernetes.pools import KubernetesPool, write_kubeconfig
from tools import original, serving
from tools.ports import find_free_port

pytestmark = [pytest.mark.served, pytest.mark.timeout(300)]

BOUND = """
import sys
from prefect_aws import AwsCredentials
from prefect_aws.client_parameters import AwsClientParameters
from prefect import flow
from prefect_kubernetes.decorators import kubernetes

pool, namespace, url, api, how = sys.argv[1:]

network = {"op": "add", "path": "/spec/template/spec/hostNetwork", "value": True}
options = {"namespace": namespace, "image": "flows:1", "env": {"PREFECT_API_URL": api}, "patches": [network]}

@kubernetes(pool, include_files=["data/input"], **options)
@flow
def work(x):
    import pathlib
    return x, pathlib.Path("data/input").read_text()

if how == "configure":
    parameters = AwsClientParameters(endpoint_url=url)
    credentials = AwsCredentials(
        aws_access_key_id="x", aws_secret_access_key="hush", region_name="us-east-1", aws_client_parameters=parameters
    )
    credentials.save("store", overwrite=True)
elif how == "call":
    print(work(5))
else:
    future = work.submit_to_work_pool(7)
    print(future.flow_run_id)
    print(future.result(timeout=200))
"""


@pytest.fixture(scope="module")
def store() -> Iterator[str]:
    port = find_free_port()
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=port, verbose=False)
    server.start()
    yield f"http://127.0.0.1:{port}"
    server.stop()


@pytest.mark.stray_threads  # those of the store
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_bound_flows_run_in_pods_with_bundles_on_s3(
    plane: ControlPlane, namespace: str, store: str, tmp_path: Path
) -> None:
    keys = {"aws_access_key_id": "x", "aws_secret_access_key": "hush", "region_name": "us-east-1"}
    s3 = boto3.client("s3", endpoint_url=store, **keys)
    s3.create_bucket(Bucket="flows")
    with serving.server(tmp_path / "server") as served:
        pool = KubernetesPool(served, tmp_path / "code", plane, namespace)
        (pool.data / "input").write_text("numbers")
        (pool.directory / "bound.py").write_text(BOUND)
        kubeconfig = write_kubeconfig(tmp_path / "kubeconfig", plane, namespace)
        variables = original.variables(tmp_path / "home", PREFECT_API_URL=served.url, KUBECONFIG=str(kubeconfig))

        def run(how: str) -> list[str]:
            command = [sys.executable, "bound.py", pool.name, namespace, store, served.url, how]
            done = subprocess.run(command, cwd=pool.directory, env=variables, capture_output=True, text=True)
            assert done.returncode == 0, done.stdout + done.stderr
            return done.stdout.splitlines()

        run("configure")
        block = ("--bucket", "flows", "--aws-credentials-block-name", "store")
        pool.prefect("work-pool", "storage", "configure", "s3", pool.name, *block)
        assert run("call")[-1] == "(5, 'numbers')"
        worker = pool.start_worker(tmp_path / "worker", "--type", "kubernetes", KUBECONFIG=str(kubeconfig))
        try:
            run_id, result = run("submit_to_work_pool")[-2:]
        finally:
            worker.stop(signal.SIGKILL)
        assert result == "(7, 'numbers')"
        [job] = pool.list_jobs(run_id)
        assert "hush" not in str(job)
        assert s3.list_objects_v2(Bucket="flows")["KeyCount"] >= 5
    s3.close()
