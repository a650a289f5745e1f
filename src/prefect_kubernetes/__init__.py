"""Kubernetes: running flows as jobs of a cluster, and tasks on the objects of one.

It uses public paths of `prefect` only, as the packages of other people do. The package `kubernetes_asyncio` is imported
when a cluster is needed.
"""

from prefect_kubernetes.credentials import KubernetesClusterConfig, KubernetesCredentials
from prefect_kubernetes.flows import run_namespaced_job
from prefect_kubernetes.jobs import KubernetesJob
from prefect_kubernetes.worker import KubernetesWorker

__all__ = [
    "KubernetesClusterConfig",
    "KubernetesCredentials",
    "KubernetesJob",
    "KubernetesWorker",
    "run_namespaced_job",
]
