"""Savepoints: parts of a transaction that can be undone by themselves."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from prefect.server.db.interface import Notifications
from prefect.server.db.sql import Sql


class SavepointTransaction:
    """The savepoints of a transaction."""

    notifications: Notifications

    async def run(self, sql: Sql) -> int:
        """Run a statement."""
        raise NotImplementedError

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        """Undo what the block changed when it raises; the transaction continues."""
        count = len(self.notifications)
        await self.run(Sql("SAVEPOINT part"))
        try:
            yield
        except Exception:
            del self.notifications[count:]
            await self.run(Sql("ROLLBACK TO SAVEPOINT part"))
            await self.run(Sql("RELEASE SAVEPOINT part"))
            raise
        await self.run(Sql("RELEASE SAVEPOINT part"))
