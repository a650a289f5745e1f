"""Work queues, as the client reads and changes them."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from prefect._lazy import lazy_from
from prefect.client.orchestration import base
from prefect.types import now

if TYPE_CHECKING:
    from prefect.schemas import filters, responses, work
    from prefect.schemas import runs as objects
else:
    filters, objects, responses, work = lazy_from("prefect.schemas", "filters", "runs", "responses", "work")

PAGE_SIZE = 100
"""Page size of the requests of `match_work_queues`."""


class WorkQueueAsyncClient(base.BaseAsyncClient):
    """Operations on work queues."""

    async def create_work_queue(
        self,
        name: str,
        description: str | None = None,
        is_paused: bool | None = None,
        concurrency_limit: int | None = None,
        priority: int | None = None,
        work_pool_name: str | None = None,
    ) -> work.WorkQueue:
        """Create a work queue.

        Args:
            name: Its name.
            description: What it is for.
            is_paused: Whether it gives out no runs.
            concurrency_limit: How many of its runs run at the same time at most; any number if None.
            priority: Its place among the queues of the pool, 1 first; the last if None.
            work_pool_name: The pool it belongs to; the default one if None.

        Raises:
            ObjectAlreadyExists: The pool has one of this name.
            ObjectNotFound: There is no such pool.
        """
        body = base.drop_none(
            name=name,
            description=description,
            is_paused=is_paused,
            concurrency_limit=concurrency_limit,
            priority=priority,
        )
        if work_pool_name is None:
            return work.WorkQueue.model_validate(await self._call("POST", "/work_queues/", body))
        route = "/work_pools/{work_pool_name}/queues"
        return work.WorkQueue.model_validate(await self._call("POST", route, body, work_pool_name=work_pool_name))

    async def read_work_queue(self, id: UUID) -> work.WorkQueue:
        """Return the work queue with this id.

        Raises:
            ObjectNotFound: There is none.
        """
        return work.WorkQueue.model_validate(await self._call("GET", "/work_queues/{id}", id=id))

    async def read_work_queue_by_name(self, name: str, work_pool_name: str | None = None) -> work.WorkQueue:
        """Return the work queue of this name, of the default pool if none is named.

        Raises:
            ObjectNotFound: There is none.
        """
        if work_pool_name is None:
            return work.WorkQueue.model_validate(await self._call("GET", "/work_queues/name/{name}", name=name))
        route = "/work_pools/{work_pool_name}/queues/{name}"
        answer = await self._call("GET", route, name=name, work_pool_name=work_pool_name)
        return work.WorkQueue.model_validate(answer)

    async def read_work_queues(
        self,
        work_pool_name: str | None = None,
        work_queue_filter: filters.WorkQueueFilter | None = None,
        limit: int | None = None,
        offset: int | None = None,
    ) -> list[work.WorkQueue]:
        """Return the work queues that satisfy a filter.

        Args:
            work_pool_name: The pool they belong to; any if None.
            work_queue_filter: What they must satisfy; all if None.
            limit: How many at most; 200 if None.
            offset: How many to skip first.
        """
        body = base.drop_none(work_queues=work_queue_filter, limit=limit, offset=offset)
        if work_pool_name is None:
            return base.parse_many(work.WorkQueue, await self._call("POST", "/work_queues/filter", body))
        route = "/work_pools/{work_pool_name}/queues/filter"
        return base.parse_many(work.WorkQueue, await self._call("POST", route, body, work_pool_name=work_pool_name))

    async def match_work_queues(self, prefixes: list[str], work_pool_name: str | None = None) -> list[work.WorkQueue]:
        """Return all work queues whose names begin with one of the prefixes, however many there are."""
        wanted = filters.WorkQueueFilter(name=filters.WorkQueueFilterName(startswith_=prefixes))
        found: list[work.WorkQueue] = []
        while True:
            page = await self.read_work_queues(work_pool_name, wanted, limit=PAGE_SIZE, offset=len(found))
            found += page
            if len(page) < PAGE_SIZE:
                return found

    async def update_work_queue(self, id: UUID, **kwargs: Any) -> None:
        """Change a work queue.

        Args:
            id: The queue.
            kwargs: What to change: `name`, `description`, `is_paused`, `concurrency_limit`, `priority`, `filter`.

        Raises:
            ObjectNotFound: There is no such queue.
            ValueError: No change was passed.
        """
        if not kwargs:
            raise ValueError("No change of the work queue was passed: pass at least one keyword.")
        await self._call("PATCH", "/work_queues/{id}", kwargs, id=id)

    async def delete_work_queue_by_id(self, id: UUID) -> None:
        """Delete a work queue.

        Raises:
            ObjectNotFound: There is none with this id.
        """
        await self._call("DELETE", "/work_queues/{id}", id=id)

    async def read_work_queue_status(self, id: UUID) -> work.WorkQueueStatusDetail:
        """Return the health of a work queue, with the reasons.

        Raises:
            ObjectNotFound: There is no such queue.
        """
        answer = await self._call("GET", "/work_queues/{id}/status", id=id)
        return work.WorkQueueStatusDetail.model_validate(answer)

    async def read_work_queue_concurrency_status(
        self, id: UUID, page: int = 1, limit: int | None = None
    ) -> responses.WorkQueueConcurrencyStatus:
        """Return the flow runs that occupy slots of a work queue.

        Args:
            id: The queue.
            page: Which page of the flow runs, from 1.
            limit: How many flow runs a page has at most; 200 if None.

        Raises:
            ObjectNotFound: There is no such queue.
        """
        body = {"page": page, **base.drop_none(limit=limit)}
        answer = await self._call("POST", "/work_queues/{id}/concurrency_status", body, id=id)
        return responses.WorkQueueConcurrencyStatus.model_validate(answer)

    async def get_runs_in_work_queue(
        self, id: UUID, limit: int = 10, scheduled_before: datetime.datetime | None = None
    ) -> list[objects.FlowRun]:
        """Return the flow runs of a work queue that are due.

        Args:
            id: The queue.
            limit: How many at most.
            scheduled_before: Those that are due before this time; now if None.

        Raises:
            ObjectNotFound: There is no such queue.
        """
        body = {"limit": limit, "scheduled_before": scheduled_before or now()}
        return base.parse_many(objects.FlowRun, await self._call("POST", "/work_queues/{id}/get_runs", body, id=id))


class WorkQueueClient(base.BaseClient):
    """`WorkQueueAsyncClient` for sync code."""

    create_work_queue = base.sync_method(WorkQueueAsyncClient.create_work_queue)
    delete_work_queue_by_id = base.sync_method(WorkQueueAsyncClient.delete_work_queue_by_id)
    get_runs_in_work_queue = base.sync_method(WorkQueueAsyncClient.get_runs_in_work_queue)
    match_work_queues = base.sync_method(WorkQueueAsyncClient.match_work_queues)
    read_work_queue = base.sync_method(WorkQueueAsyncClient.read_work_queue)
    read_work_queue_by_name = base.sync_method(WorkQueueAsyncClient.read_work_queue_by_name)
    read_work_queue_concurrency_status = base.sync_method(WorkQueueAsyncClient.read_work_queue_concurrency_status)
    read_work_queue_status = base.sync_method(WorkQueueAsyncClient.read_work_queue_status)
    read_work_queues = base.sync_method(WorkQueueAsyncClient.read_work_queues)
    update_work_queue = base.sync_method(WorkQueueAsyncClient.update_work_queue)
