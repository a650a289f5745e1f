"""Work pools and their workers, as the client reads and changes them."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from prefect._lazy import lazy_from
from prefect.client.orchestration import base
from prefect.exceptions import ObjectAlreadyExists

if TYPE_CHECKING:
    from prefect.schemas import actions, filters, responses, work
    from prefect.schemas.actions import WorkPoolCreate, WorkPoolUpdate
else:
    actions, responses, work = lazy_from("prefect.schemas", "actions", "responses", "work")


class WorkPoolAsyncClient(base.BaseAsyncClient):
    """Operations on work pools and workers."""

    async def create_work_pool(self, work_pool: WorkPoolCreate, overwrite: bool = False) -> work.WorkPool:
        """Create a work pool.

        Args:
            work_pool: What it is.
            overwrite: Change the one of this name, if there is one. Its type stays.

        Raises:
            ObjectAlreadyExists: There is one of this name, and it is not to be overwritten.
        """
        try:
            answer = await self._call("POST", "/work_pools/", work_pool)
        except ObjectAlreadyExists:
            if not overwrite:
                raise
            values = work_pool.model_dump(include=set(actions.WorkPoolUpdate.model_fields))
            await self.update_work_pool(work_pool.name, actions.WorkPoolUpdate(**values))
            return await self.read_work_pool(work_pool.name)
        return work.WorkPool.model_validate(answer)

    async def read_work_pool(self, work_pool_name: str) -> work.WorkPool:
        """Return the work pool of this name.

        Raises:
            ObjectNotFound: There is none.
        """
        return work.WorkPool.model_validate(await self._call("GET", "/work_pools/{name}", name=work_pool_name))

    async def read_work_pools(
        self, limit: int | None = None, offset: int = 0, work_pool_filter: filters.WorkPoolFilter | None = None
    ) -> list[work.WorkPool]:
        """Return the work pools that satisfy a filter.

        Args:
            limit: How many at most; 200 if None.
            offset: How many to skip first.
            work_pool_filter: What they must satisfy; all if None.
        """
        body = base.drop_none(limit=limit, offset=offset, work_pools=work_pool_filter)
        return base.parse_many(work.WorkPool, await self._call("POST", "/work_pools/filter", body))

    async def update_work_pool(self, work_pool_name: str, work_pool: WorkPoolUpdate) -> None:
        """Change what is set of a work pool.

        Raises:
            ObjectNotFound: There is none of this name.
        """
        await self._call("PATCH", "/work_pools/{name}", work_pool, name=work_pool_name)

    async def delete_work_pool(self, work_pool_name: str) -> None:
        """Delete a work pool with its queues.

        Raises:
            ObjectNotFound: There is none of this name.
        """
        await self._call("DELETE", "/work_pools/{name}", name=work_pool_name)

    async def read_work_pool_concurrency_status(
        self, work_pool_name: str, page: int = 1, limit: int | None = None, flow_run_limit: int = 10
    ) -> responses.WorkPoolConcurrencyStatus:
        """Return the flow runs that occupy slots of a work pool and of its queues.

        Args:
            work_pool_name: The pool.
            page: Which page of the queues, from 1.
            limit: How many queues a page has at most; 200 if None.
            flow_run_limit: The maximum number of flow runs returned for each queue.

        Raises:
            ObjectNotFound: There is no such pool.
        """
        body = {"page": page, "flow_run_limit": flow_run_limit, **base.drop_none(limit=limit)}
        answer = await self._call("POST", "/work_pools/{name}/concurrency_status", body, name=work_pool_name)
        return responses.WorkPoolConcurrencyStatus.model_validate(answer)

    async def get_scheduled_flow_runs_for_work_pool(
        self,
        work_pool_name: str,
        work_queue_names: list[str] | None = None,
        scheduled_before: datetime.datetime | None = None,
    ) -> list[responses.WorkerFlowRunResponse]:
        """Return the due flow runs of a work pool, the highest priority first.

        Args:
            work_pool_name: The pool.
            work_queue_names: Its queues to read; all if None.
            scheduled_before: Those that are due before this time; now if None.
        """
        body = base.drop_none(work_queue_names=work_queue_names, scheduled_before=scheduled_before)
        answer = await self._call("POST", "/work_pools/{name}/get_scheduled_flow_runs", body, name=work_pool_name)
        return base.parse_many(responses.WorkerFlowRunResponse, answer)

    # --- workers ---

    async def send_worker_heartbeat(
        self,
        work_pool_name: str,
        worker_name: str,
        heartbeat_interval_seconds: float | None = None,
        get_worker_id: bool = False,
        worker_metadata: work.WorkerMetadata | None = None,
    ) -> UUID | None:
        """Send the heartbeat of a worker.

        Args:
            work_pool_name: The pool it polls.
            worker_name: Its name.
            heartbeat_interval_seconds: Seconds until its next heartbeat.
            get_worker_id: Whether to request its id, which only Prefect Cloud returns.
            worker_metadata: Metadata about the worker.

        Returns:
            Its id, if it was requested and returned.
        """
        body: dict[str, Any] = {
            "name": worker_name,
            **base.drop_none(
                heartbeat_interval_seconds=heartbeat_interval_seconds,
                metadata=worker_metadata and base.dump_set_fields(worker_metadata),
                return_id=get_worker_id or None,
            ),
        }
        id = await self._call(
            "POST", "/work_pools/{work_pool_name}/workers/heartbeat", body, work_pool_name=work_pool_name
        )
        return base.parse_id(id) if get_worker_id and id else None

    async def read_workers_for_work_pool(
        self,
        work_pool_name: str,
        worker_filter: filters.WorkerFilter | None = None,
        offset: int | None = None,
        limit: int | None = None,
    ) -> list[work.Worker]:
        """Return the workers of a work pool that satisfy a filter.

        Args:
            work_pool_name: The pool.
            worker_filter: What they must satisfy; all if None.
            offset: How many to skip first.
            limit: How many at most; 200 if None.
        """
        body = base.drop_none(workers=worker_filter, offset=offset, limit=limit)
        route = "/work_pools/{work_pool_name}/workers/filter"
        return base.parse_many(work.Worker, await self._call("POST", route, body, work_pool_name=work_pool_name))

    async def read_worker_metadata(self) -> dict[str, Any]:
        """Return the metadata of the worker types, by package and type."""
        return await self._call("GET", "/collections/views/{view}", view="aggregate-worker-metadata")


class WorkPoolClient(base.BaseClient):
    """`WorkPoolAsyncClient` for sync code."""

    create_work_pool = base.sync_method(WorkPoolAsyncClient.create_work_pool)
    delete_work_pool = base.sync_method(WorkPoolAsyncClient.delete_work_pool)
    get_scheduled_flow_runs_for_work_pool = base.sync_method(WorkPoolAsyncClient.get_scheduled_flow_runs_for_work_pool)
    read_work_pool = base.sync_method(WorkPoolAsyncClient.read_work_pool)
    read_work_pool_concurrency_status = base.sync_method(WorkPoolAsyncClient.read_work_pool_concurrency_status)
    read_work_pools = base.sync_method(WorkPoolAsyncClient.read_work_pools)
    read_worker_metadata = base.sync_method(WorkPoolAsyncClient.read_worker_metadata)
    read_workers_for_work_pool = base.sync_method(WorkPoolAsyncClient.read_workers_for_work_pool)
    send_worker_heartbeat = base.sync_method(WorkPoolAsyncClient.send_worker_heartbeat)
    update_work_pool = base.sync_method(WorkPoolAsyncClient.update_work_pool)
