"""CPU of two passes of the scheduler: the first over new deployments, and one when nothing has changed."""

import asyncio
import gc
import json
import sys
import time
from typing import Any
from uuid import UUID

from prefect.server import store
from prefect.server.app.serving import GC_THRESHOLD
from prefect.server.bus import Bus
from prefect.server.db import opening
from prefect.server.db.interface import Transaction
from prefect.server.loops import Environment, scheduler
from prefect.server.services.deployments import deployments
from prefect.settings import get_current_settings
from prefect.types import new_id, now

BATCH_SIZE = 500


async def main(schedule: dict[str, Any], count: int) -> None:
    settings = get_current_settings()
    database = opening.open_database(settings)
    await database.open()
    try:
        flow = new_id()
        await database.write(
            lambda tx: store.flows.add(tx, [{"id": flow, "created": now(), "updated": now(), "name": "bench"}])
        )
        for start in range(0, count, BATCH_SIZE):
            await database.write(lambda tx, start=start: add_deployments(tx, flow, start, schedule))
        environment = Environment(database, Bus(), settings)
        figures: list[float] = []
        gc.freeze()
        gc.set_threshold(GC_THRESHOLD)  # as in a server
        for _ in range(2):
            begun = time.process_time()
            await scheduler.create_scheduled_runs(environment)
            figures.append(time.process_time() - begun)
    finally:
        await database.close()
    sys.stdout.write("BENCH " + json.dumps({"first": figures[0], "second": figures[1]}) + "\n")


async def add_deployments(tx: Transaction, flow: UUID, start: int, schedule: dict[str, Any]) -> None:
    for number in range(start, start + BATCH_SIZE):
        await deployments.create(tx, {"flow_id": flow, "name": f"d{number}", "schedules": [schedule]})


asyncio.run(main(json.loads(sys.argv[1]), int(sys.argv[2])))
