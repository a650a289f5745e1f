"""The clusters that a worker uses, each with one client and one watch a namespace."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Mapping
from typing import Any

from prefect_kubernetes.credentials import KubernetesClusterConfig
from prefect_kubernetes.labels import to_selector
from prefect_kubernetes.running.cluster import Cluster
from prefect_kubernetes.running.watching import NamespaceWatch


class Clusters:
    """Clusters by their configuration, and watches of namespaces.

    Args:
        labels: The labels of the jobs and pods of the worker.
        logger: The worker's logger.
        observe: Is called with each pod that has changed.
    """

    def __init__(
        self,
        labels: Mapping[str, str],
        logger: logging.Logger | logging.LoggerAdapter[Any],
        observe: Callable[[dict[str, Any]], None],
    ) -> None:
        self._labels = labels
        self._logger = logger
        self._observe = observe
        self._clusters: dict[str, Cluster] = {}
        self._watches: dict[tuple[str, str, str], NamespaceWatch] = {}
        self._starting = asyncio.Lock()

    def get(self, config: KubernetesClusterConfig | None) -> Cluster:
        """Return the cluster of a configuration."""
        key = _get_key(config)
        if key not in self._clusters:
            self._clusters[key] = Cluster(config)
        return self._clusters[key]

    async def watch(
        self, config: KubernetesClusterConfig | None, namespace: str, labels: Mapping[str, str] | None = None
    ) -> NamespaceWatch:
        """Return the watch of a namespace, once it knows what is there.

        Args:
            config: The configuration of the cluster.
            namespace: The namespace.
            labels: The labels of the jobs and pods, if they are another worker's.

        Raises:
            InfrastructureError: The API refuses, or the cluster is not configured.
        """
        selector = to_selector(self._labels if labels is None else labels)
        key = (_get_key(config), namespace, selector)
        async with self._starting:
            watch = self._watches.get(key)
            if watch is None:
                watch = NamespaceWatch(self.get(config), namespace, selector, self._logger, self._observe)
                self._watches[key] = watch
        try:
            await watch.start()
        except Exception:
            self._watches.pop(key, None)
            await watch.stop()
            raise
        return watch

    async def forget(self, watch: NamespaceWatch, job: str) -> None:
        """Forget a job whose end has been seen, and end a watch of another worker's jobs with the last of them."""
        watch.forget(job)
        if watch.has_jobs() or watch.selector == to_selector(self._labels):
            return
        self._watches = {key: known for key, known in self._watches.items() if known is not watch}
        await watch.stop()

    async def close(self) -> None:
        """End the watches, and close the clients."""
        for watch in self._watches.values():
            await watch.stop()
        for cluster in self._clusters.values():
            await cluster.close()
        self._watches, self._clusters = {}, {}


def _get_key(config: KubernetesClusterConfig | None) -> str:
    return "" if config is None else json.dumps([config.config, config.context_name], sort_keys=True, default=str)
