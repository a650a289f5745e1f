"""The interfaces of blocks are implemented by subclasses, and log to the run they are used in."""

import inspect
from typing import Any

import pytest

from prefect import flow
from prefect.blocks import abstract, notifications
from prefect.blocks.abstract import (
    CredentialsBlock,
    DatabaseBlock,
    JobBlock,
    JobRun,
    NotificationBlock,
    NotificationError,
    ObjectStorageBlock,
    SecretBlock,
)


class Job(JobBlock[int]):
    """Run it."""

    async def trigger(self) -> "Run":
        return Run()


class Run(JobRun[int]):
    async def wait_for_completion(self) -> None:
        self.logger.info("waiting")

    async def fetch_result(self) -> int:
        return 5


class Mail(NotificationBlock):
    async def notify(self, body: str, subject: str | None = None) -> None:
        if self._raise_on_failure:
            raise NotificationError("550 no such user")


class Table(DatabaseBlock):
    url: str = ""

    async def fetch_one(self, *args: Any, **kwargs: Any) -> tuple[Any, ...]:
        return (1,)

    async def fetch_many(self, *args: Any, **kwargs: Any) -> list[tuple[Any, ...]]:
        return [(1,)]

    async def fetch_all(self, *args: Any, **kwargs: Any) -> list[tuple[Any, ...]]:
        return [(1,)]

    async def execute(self, *args: Any, **kwargs: Any) -> None: ...

    async def execute_many(self, *args: Any, **kwargs: Any) -> None: ...


@pytest.mark.parametrize(
    "base", [CredentialsBlock, DatabaseBlock, JobBlock, JobRun, NotificationBlock, ObjectStorageBlock, SecretBlock]
)
def test_interface_cannot_be_instantiated(base: type):
    assert inspect.isabstract(base)
    with pytest.raises(TypeError, match="abstract"):
        base()


async def test_job_runs_in_a_flow_and_logs_to_it(caplog: pytest.LogCaptureFixture):
    @flow
    async def run() -> int:
        started = await Job().trigger()
        await started.wait_for_completion()
        return await started.fetch_result()

    with caplog.at_level("INFO"):
        assert await run() == 5
    [record] = [each for each in caplog.records if each.getMessage() == "waiting"]
    assert record.name == "prefect.flow_runs"


def test_logger_is_named_for_the_class_outside_of_a_run():
    assert (Job().logger, Run().logger) == (abstract.get_logger("Job"), abstract.get_logger("Run"))


async def test_notification_raises_only_inside_raise_on_failure():
    mail = Mail()
    await mail.notify("hello")
    with mail.raise_on_failure(), pytest.raises(NotificationError, match="no such user") as caught:
        await mail.notify("hello")
    assert caught.value.log == "550 no such user"
    await mail.notify("hello")
    assert Mail.get_block_capabilities() == {"notify"}


async def test_database_refuses_context_management_by_default():
    with pytest.raises(NotImplementedError, match="Table does not support context management"):
        Table().__enter__()
    with pytest.raises(NotImplementedError, match="Table does not support async context management"):
        await Table().__aenter__()


def test_interfaces_are_one_object_in_both_modules():
    assert notifications.NotificationBlock is NotificationBlock
    assert notifications.NotificationError is NotificationError
