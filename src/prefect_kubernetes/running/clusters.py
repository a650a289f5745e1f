"""The clusters that a worker uses, each with one client and one watch a namespace."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from typing import Any

from prefect_kubernetes.credentials import KubernetesClusterConfig
from prefect_kubernetes.running.cluster import Cluster
from prefect_kubernetes.running.watching import NamespaceWatch


class Clusters:
    """Clusters by their configuration, and watches of namespaces.

    Args:
        selector: Selects the jobs and pods of the worker by their labels.
        logger: The worker's logger.
        observe: Is called with each pod that has changed.
    """

    def __init__(
        self,
        selector: str,
        logger: logging.Logger | logging.LoggerAdapter[Any],
        observe: Callable[[dict[str, Any]], None],
    ) -> None:
        self._selector = selector
        self._logger = logger
        self._observe = observe
        self._clusters: dict[str, Cluster] = {}
        self._watches: dict[tuple[str, str], NamespaceWatch] = {}
        self._starting = asyncio.Lock()

    def get(self, config: KubernetesClusterConfig | None) -> Cluster:
        """Return the cluster of a configuration."""
        key = _get_key(config)
        if key not in self._clusters:
            self._clusters[key] = Cluster(config)
        return self._clusters[key]

    async def watch(self, config: KubernetesClusterConfig | None, namespace: str) -> NamespaceWatch:
        """Return the watch of a namespace, once it knows what is there.

        Raises:
            InfrastructureError: The API refuses, or the cluster is not configured.
        """
        key = (_get_key(config), namespace)
        async with self._starting:
            watch = self._watches.get(key)
            if watch is None:
                watch = NamespaceWatch(self.get(config), namespace, self._selector, self._logger, self._observe)
                self._watches[key] = watch
        try:
            await watch.start()
        except Exception:
            self._watches.pop(key, None)
            await watch.stop()
            raise
        return watch

    async def close(self) -> None:
        """End the watches, and close the clients."""
        for watch in self._watches.values():
            await watch.stop()
        for cluster in self._clusters.values():
            await cluster.close()
        self._watches, self._clusters = {}, {}


def _get_key(config: KubernetesClusterConfig | None) -> str:
    return "" if config is None else json.dumps([config.config, config.context_name], sort_keys=True, default=str)
