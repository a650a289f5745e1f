"""Logs of runs, as the client reads and adds them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from prefect._lazy import lazy
from prefect.client.orchestration import base

if TYPE_CHECKING:
    from prefect.schemas import filters, records, sorting
    from prefect.schemas.actions import LogCreate
else:
    records = lazy("prefect.schemas.records")


class LogAsyncClient(base.BaseAsyncClient):
    """Operations on logs."""

    async def create_logs(self, logs: Iterable[LogCreate | dict[str, Any]]) -> None:
        """Add logs."""
        await self._call("POST", "/logs/", [log if isinstance(log, dict) else log.model_dump() for log in logs])

    async def read_logs(
        self,
        log_filter: filters.LogFilter | None = None,
        limit: int | None = None,
        offset: int | None = None,
        sort: sorting.LogSort | None = None,
    ) -> list[records.Log]:
        """Return the logs that satisfy a filter.

        Args:
            log_filter: What they must satisfy; all if None.
            limit: How many at most; 200 if None.
            offset: How many to skip first.
            sort: The order; oldest first if None.
        """
        body = base.drop_none(logs=log_filter, limit=limit, offset=offset, sort=sort)
        return base.parse_many(records.Log, await self._call("POST", "/logs/filter", body))


class LogClient(base.BaseClient):
    """`LogAsyncClient` for sync code."""

    create_logs = base.sync_method(LogAsyncClient.create_logs)
    read_logs = base.sync_method(LogAsyncClient.read_logs)
