"""Runs the next batches of bulk jobs, which act on many flow runs."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from prefect.server.db.errors import StoreError
from prefect.server.loops import Environment, Loop
from prefect.server.services.bulk import jobs

if TYPE_CHECKING:
    from prefect.settings import Settings

logger = logging.getLogger("prefect.server.bulk_jobs")

INTERVAL_SECONDS = 15.0
"""Between two polls for jobs that another server has left; new ones start immediately."""


def loops(settings: Settings) -> list[Loop]:
    """Return the loop that continues bulk jobs."""
    summary = "Goes on with jobs that cancel, retry, delete or change many flow runs"
    return [Loop("BulkJobs", run_jobs, INTERVAL_SECONDS, topic=jobs.TOPIC, summary=summary)]


async def run_jobs(environment: Environment) -> None:
    """Run all jobs to their ends, a batch of each in turn."""
    database = environment.database
    waiting = await database.read(jobs.find_running)
    while waiting:
        going_on = []
        for id_ in waiting:
            try:
                if await database.write(lambda tx, id_=id_: jobs.run_batch(tx, id_)):
                    going_on.append(id_)
            except StoreError:
                raise  # of the database, not of the job: the next round continues
            except Exception as error:
                logger.exception("The bulk job %s cannot be continued", id_)
                message = f"{type(error).__name__}: {error}"
                await database.write(lambda tx, id_=id_, message=message: jobs.fail(tx, id_, message))
        waiting = going_on
