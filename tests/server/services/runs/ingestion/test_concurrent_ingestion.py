"""Records of one run that come at the same time, as when they are sent again before the first answer came."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import orjson

from prefect.server import store
from prefect.server.db.interface import Database
from prefect.server.services.runs.ingestion.journal_ingestion import apply_records
from prefect.types import new_id, now


async def test_simultaneous_batches_of_one_run_lose_nothing(database: Database) -> None:
    at = now()

    def state(type_: str, second: int) -> dict[str, Any]:
        return {"id": str(new_id()), "type": type_, "timestamp": (at + timedelta(seconds=second)).isoformat()}

    async def twice() -> list[str]:
        id_ = new_id()
        run = {"kind": "task_run", "id": str(id_), "task_key": "t", "dynamic_key": str(id_), "name": "n"}  # and no tags
        first = orjson.dumps({**run, "created": at.isoformat(), "states": [state("PENDING", 0)]})
        last = orjson.dumps({**state("COMPLETED", 1), "kind": "state", "of": "task_run", "run_id": str(id_)})
        bodies = (first, first + b"\n" + last)
        await asyncio.gather(*(database.write(lambda tx, body=body: apply_records(tx, body)) for body in bodies))
        row = await database.read(lambda tx: store.task_runs.get(tx, id_))
        assert row is not None
        return [entered["type"] for entered in row["states"]]

    for _ in range(20):
        assert await twice() == ["PENDING", "COMPLETED"]
