"""Logging: loggers of runs, printed lines, what is kept."""
# environment: PREFECT_LOGGING_LEVEL=INFO

import asyncio

import logging
import time

from _facts import client, fact, run_id, trace

from prefect import flow, get_run_logger, task
from prefect.client.schemas.filters import LogFilter
from prefect.logging import get_logger


@task(log_prints=True)
def prints():
    print("from a task", 1, sep="-")


@task
def logs():
    logger = get_run_logger()
    logger.debug("debug")
    logger.info("info %s", "argument")
    logger.warning("warning")
    logger.error("error")
    try:
        raise ValueError("broke")
    except ValueError:
        logger.exception("exception")
    fact("task logger", [type(logger).__name__, logger.name])
    fact(
        "task extra",
        {key: str(value).rsplit("-", 1)[0] if key == "task_run_name" else value for key, value in logger.extra.items()},
    )


@task
def does_not_print():
    print("not kept")


@flow(log_prints=True, name="the flow", flow_run_name="the run")
def main():
    logger = get_run_logger()
    logger.info("from the flow")
    fact("flow logger", [type(logger).__name__, logger.name])
    fact("flow extra", logger.extra)
    print("printed by the flow")
    prints()
    logs()
    does_not_print()
    logs_off()
    get_logger("some.name").info("not of the run")


@task(log_prints=False)
def logs_off():
    print("never kept")


@task
def fails():
    raise ValueError("broke")


final = main(return_state=True)
fact("state", final)
deadline = time.monotonic() + 90


async def read():
    from prefect.client.orchestration import get_client

    async with get_client() as api:
        return await api.read_logs(LogFilter(flow_run_id={"any_": [run_id(final)]}))


while True:
    found = asyncio.run(read())
    if (
        any("Finished in state" in each.message for each in found if each.task_run_id is None)
        or time.monotonic() > deadline
    ):
        break
    time.sleep(0.2)
found = sorted(found, key=lambda each: each.timestamp)
fact(
    "kept",
    [
        [each.name, logging.getLevelName(each.level), each.message.splitlines()[0], each.task_run_id is not None]
        for each in found
    ],
)
fact("logger names", [get_logger().name, get_logger("x").name, get_logger("prefect.x").name])
