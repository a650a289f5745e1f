"""Creating the job of a run: again while the API of the cluster does not answer, and one job only."""

from __future__ import annotations

import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import anyio

from prefect.exceptions import InfrastructureError
from prefect.logging.loggers import PrefectLogAdapter
from prefect_kubernetes.running.cluster import CONFLICT, Cluster, ClusterRefusal, ClusterUnavailable
from prefect_kubernetes.running.watching import RETRY_SECONDS
from prefect_kubernetes.settings import KubernetesWorkerCreateJobRetrySettings

T = TypeVar("T")

API_RETURN_TIMEOUT_SECONDS = 60.0
"""How long a run that is to start waits for an API that does not answer."""


@dataclass(frozen=True)
class CreationAttempts:
    """Attempts to create what a run needs.

    Attributes:
        cluster: The cluster.
        manifest: The manifest of the run's job.
        retry: How often it is tried while the API answers.
        logger: The logger of the flow run.
    """

    cluster: Cluster
    manifest: dict[str, Any]
    retry: KubernetesWorkerCreateJobRetrySettings
    logger: PrefectLogAdapter

    async def repeat(self, call: Callable[[], Awaitable[T]]) -> T:
        """Make a call, again if it was not answered and the API has returned; it must do the same if it is repeated.

        Raises:
            InfrastructureError: The API does not return, or never answers the call.
        """
        for attempt in range(self.retry.max_retries + 1):
            try:
                return await call()
            except ClusterUnavailable as error:
                if attempt == self.retry.max_retries or not await self._wait_for_api(error):
                    raise InfrastructureError(f"The job could not be created: {error}") from error
        raise AssertionError("unreachable")

    async def _wait_for_api(self, error: ClusterUnavailable) -> bool:
        """Wait until the API answers; return whether it does."""
        self.logger.warning("%s The worker waits for it.", error)
        least, most = self.retry.jitter_min_seconds, self.retry.jitter_max_seconds
        await anyio.sleep(self.retry.delay_seconds + random.uniform(least, max(least, most)))
        metadata = self.manifest["metadata"]
        deadline = time.monotonic() + API_RETURN_TIMEOUT_SECONDS
        while time.monotonic() < deadline:
            try:
                await self.cluster.read_job(metadata["namespace"], metadata["name"])
            except ClusterUnavailable:
                await anyio.sleep(RETRY_SECONDS)
            else:
                return True
        return False


async def create_job(cluster: Cluster, manifest: dict[str, Any]) -> dict[str, Any]:
    """Create a job, or return the one that an attempt whose answer was lost has created.

    Raises:
        ClusterUnavailable: The API does not answer.
        InfrastructureError: The API refuses.
    """
    metadata = manifest["metadata"]
    try:
        return await cluster.create_job(metadata["namespace"], manifest)
    except ClusterRefusal as error:
        there = error.status == CONFLICT and await cluster.read_job(metadata["namespace"], metadata["name"])
        if there and _get_run_id(there) == _get_run_id(manifest):
            return there
        raise


def _get_run_id(job: dict[str, Any]) -> str | None:
    return (job["metadata"].get("labels") or {}).get("prefect.io/flow-run-id")
