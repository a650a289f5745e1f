"""The current jobs and pods of a namespace: one list and one watch of each for all runs of a worker.

A watch that ends is begun again where it ended; if the API does not know that place any more, with a new list. So
nothing is missed while the API was unavailable.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from prefect.exceptions import InfrastructureError
from prefect_kubernetes.running.cluster import GONE, Cluster, ClusterRefusal, ClusterUnavailable
from prefect_kubernetes.running.pod_status import find_job_name, get_name, is_finished

RETRY_SECONDS = 1.0
"""Between two attempts to reach an API that does not answer."""


@dataclass
class KnownJob:
    """A job, as last seen.

    Attributes:
        job: The job; None until it has been created.
        pods: Its pods by name, deleted ones too.
        is_deleted: Whether the job itself was deleted.
        deleted_pods: The names of its deleted pods.
    """

    job: dict[str, Any] | None = None
    pods: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    is_deleted: bool = False
    deleted_pods: set[str] = field(default_factory=set[str])

    def list_pods(self) -> list[dict[str, Any]]:
        """Return the pods, the youngest last."""
        return sorted(self.pods.values(), key=lambda pod: str(pod["metadata"].get("creationTimestamp") or ""))


class NamespaceWatch:
    """The jobs of a worker in one namespace of a cluster.

    Args:
        cluster: The cluster.
        namespace: The namespace.
        selector: Selects the jobs and pods by their labels.
        logger: The logger for an unavailable API.
        observe: Is called with each pod that has changed.
    """

    def __init__(
        self,
        cluster: Cluster,
        namespace: str,
        selector: str,
        logger: logging.Logger | logging.LoggerAdapter[Any],
        observe: Callable[[dict[str, Any]], None],
    ) -> None:
        self.cluster = cluster
        self.namespace = namespace
        self.selector = selector
        self._logger = logger
        self._observe = observe
        self._jobs: dict[str, KnownJob] = {}
        self._changes: dict[str, asyncio.Event] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._listed = {kind: asyncio.get_running_loop().create_future() for kind in ("jobs", "pods")}
        self._is_unavailable = False

    async def start(self) -> None:
        """Begin to watch, and wait until the first list is there.

        Raises:
            InfrastructureError: The API refuses.
        """
        if not self._tasks:
            self._tasks = [asyncio.create_task(self._follow(kind)) for kind in ("jobs", "pods")]
        for listed in self._listed.values():
            await asyncio.shield(listed)

    async def stop(self) -> None:
        """End the watch."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        for listed in self._listed.values():
            listed.cancel()
            if listed.done() and not listed.cancelled():
                listed.exception()  # nobody may have asked for it

    # --- what is known ------------------------------------------------------------------------------------------------

    def expect(self, name: str, job: dict[str, Any] | None = None) -> KnownJob:
        """Remember what happens to a job from now on.

        Args:
            name: Its name.
            job: The job, if there is one already.
        """
        known = self._jobs.setdefault(name, KnownJob())
        known.job = known.job or job
        return known

    def forget(self, name: str) -> None:
        """Forget a job, whose end has been seen."""
        self._jobs.pop(name, None)
        self._changes.pop(name, None)

    def has_jobs(self) -> bool:
        """Return whether there are jobs whose end has not been seen."""
        return bool(self._jobs)

    async def wait_for_change(self, name: str) -> None:
        """Wait until something has happened to a job or one of its pods."""
        await self._changes.setdefault(name, asyncio.Event()).wait()

    def _notify(self, name: str) -> None:
        if (event := self._changes.pop(name, None)) is not None:
            event.set()

    # --- watching -----------------------------------------------------------------------------------------------------

    async def _follow(self, kind: str) -> None:
        version: str | None = None
        while True:
            try:
                if version is None:
                    version = await self._list(kind)
                version = await self._watch(kind, version)
                continue
            except ClusterUnavailable as error:
                version = None
                if not self._is_unavailable:
                    self._logger.warning("%s The worker waits for it.", error)
                self._is_unavailable = True
            except InfrastructureError as error:
                version = None
                if isinstance(error, ClusterRefusal) and error.status == GONE:
                    continue
                if not self._listed[kind].done():
                    self._listed[kind].set_exception(error)
                    return
                self._logger.error("The %s in the namespace %r cannot be watched: %s", kind, self.namespace, error)
            except Exception as error:  # whoever waits for the first list must hear of it
                version = None
                if not self._listed[kind].done():
                    self._listed[kind].set_exception(error)
                    return
                self._logger.exception("The %s in the namespace %r cannot be watched.", kind, self.namespace)
            await asyncio.sleep(RETRY_SECONDS)

    async def _list(self, kind: str) -> str:
        """Read all jobs or pods, and return the version of the list."""
        created = {name for name, known in self._jobs.items() if known.job is not None}
        listing = await self.cluster.list_objects(kind, self.namespace, self.selector)
        if self._is_unavailable:
            self._logger.info("The Kubernetes API answers again.")
        self._is_unavailable = False
        items = listing.get("items") or []
        for item in items:
            self._change(kind, item, is_new=False)
        if kind == "jobs":
            for name in created - {get_name(item) for item in items}:
                self._mark_deleted(name)
        else:
            present = {get_name(item) for item in items}
            for job, known in list(self._jobs.items()):
                for pod in known.pods.keys() - present:
                    self._mark_pod_deleted(job, pod)
        if not self._listed[kind].done():
            self._listed[kind].set_result(None)
        return str(listing["metadata"]["resourceVersion"])

    async def _watch(self, kind: str, version: str) -> str | None:
        """Take up what happens from a version on; return the version then, or None if the API does not know it."""
        stream = self.cluster.watch_objects(kind, self.namespace, self.selector, version)
        async with contextlib.aclosing(stream):
            async for what, item in stream:
                if what == "ERROR":
                    return None
                if what in ("ADDED", "MODIFIED", "DELETED"):
                    self._change(kind, item)
                    if what == "DELETED" and kind == "jobs":
                        self._mark_deleted(get_name(item))
                    if what == "DELETED" and kind == "pods":
                        self._mark_pod_deleted(find_job_name(item), get_name(item))
                version = str(item["metadata"]["resourceVersion"])
        return version

    def _change(self, kind: str, item: dict[str, Any], is_new: bool = True) -> None:
        name = get_name(item) if kind == "jobs" else find_job_name(item)
        known = self._jobs.get(name or "")
        if kind == "pods" and (is_new or known is not None or not is_finished(item)):
            self._observe(item)
        if name is None or known is None:
            return
        if kind == "jobs":
            known.job = item
        else:
            known.pods[get_name(item)] = item
        self._notify(name)

    def _mark_deleted(self, name: str) -> None:
        if (known := self._jobs.get(name)) is not None:
            known.is_deleted = True
            self._notify(name)

    def _mark_pod_deleted(self, job: str | None, pod: str) -> None:
        if job is not None and (known := self._jobs.get(job)) is not None:
            known.deleted_pods.add(pod)
            self._notify(job)
