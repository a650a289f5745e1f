"""Clean-up jobs of a worker, with a stand-in for the server's end of the channel."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import anyio
import pytest

from prefect import flow
from prefect.exceptions import InfrastructureNotAvailable, InfrastructureNotFound
from prefect.schemas.worker_channel import (
    CANCELLING_TIMEOUT_TEARDOWN,
    PENDING_CLAIM_TEARDOWN,
    Frame,
    PendingClaimCleanupMessagePayload,
    PendingClaimTeardownTarget,
)
from prefect.states import Running
from prefect.types import new_id, now
from prefect.workers.base import BaseJobConfiguration, BaseVariables, BaseWorker, BaseWorkerResult
from prefect.workers.leftovers import cleanup
from prefect.workers.leftovers.cleanup import (
    CleanupExecutionResult,
    WorkerCleanupExecutor,
    WorkerCleanupHandlerRegistry,
)

LEASE_SECONDS = 60.0


class Handler:
    """Counts the jobs that it gets, and ends them as it is told."""

    cleanup_kind = CANCELLING_TIMEOUT_TEARDOWN

    def __init__(self, result: CleanupExecutionResult | Exception | None = None) -> None:
        self.result = result
        self.begun = anyio.Event()
        self.may_end = anyio.Event()
        self.may_end.set()
        self.count = 0
        self.was_cancelled = False

    async def cleanup(self, message: Any) -> CleanupExecutionResult | None:
        self.count += 1
        self.begun.set()
        try:
            await self.may_end.wait()
        except anyio.get_cancelled_exc_class():
            self.was_cancelled = True
            raise
        if isinstance(self.result, Exception):
            raise self.result
        return self.result


class Server:
    """The server's end: it answers operations, and has them when they were answered."""

    def __init__(self, handler: Handler, lease_seconds: float = LEASE_SECONDS) -> None:
        self.executor = WorkerCleanupExecutor(WorkerCleanupHandlerRegistry([handler]), self.receive, 2)
        self.lease_seconds = lease_seconds
        self.statuses: dict[str, list[str]] = {}
        """For each operation, the answers before `accepted`; `away` is none."""
        self.received: list[tuple[str, str, str | None]] = []
        self.answered = anyio.Event()

    async def receive(self, type_: str, id_: UUID, payload: dict[str, Any]) -> None:
        operation = type_.split(".")[1]
        waiting = self.statuses.get(operation)
        status = waiting.pop(0) if waiting else "accepted"
        if status == "away":
            raise ConnectionError("The server is unavailable.")
        if status == "silent":
            return
        self.received.append((operation, payload["reservation_token"], payload.get("reason")))
        until = now() + timedelta(seconds=self.lease_seconds) if operation == "renew" else None
        result = {"request_frame_id": id_, "message_id": payload["message_id"], "operation": operation}
        self.executor.handle_result(self.frame({**result, "status": status, "lease_expires_at": until}))
        self.answered.set()

    def deliver(self, group: Any, message_id: UUID, token: str = "token", count: int = 1) -> None:
        payload = {
            "message_id": message_id,
            "kind": CANCELLING_TIMEOUT_TEARDOWN,
            "reservation_token": token,
            "lease_expires_at": now() + timedelta(seconds=self.lease_seconds),
            "delivery_count": count,
            "target": {"flow_run_id": new_id(), "infrastructure_pid": "pid"},
        }
        self.executor.submit(self.frame(payload), group)

    @staticmethod
    def frame(payload: dict[str, Any]) -> Frame:
        return Frame(type="any", id=new_id(), sent_at=now(), payload=payload)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cleanup, "RETRY_INTERVAL_SECONDS", 0.01)


@pytest.mark.parametrize(
    ("result", "operation", "reason"),
    [
        (None, "ack", None),
        (CleanupExecutionResult.success(), "ack", None),
        (CleanupExecutionResult.noop(), "ack", None),
        (CleanupExecutionResult.release("of another machine"), "release", "of another machine"),
        (OSError("disk"), "release", "OSError: disk"),
    ],
)
async def test_server_learns_how_a_job_ended(result: Any, operation: str, reason: str | None) -> None:
    server = Server(Handler(result))
    async with anyio.create_task_group() as group:
        server.deliver(group, new_id())
    assert server.received == [(operation, "token", reason)]


async def test_job_that_is_delivered_twice_is_done_once_and_ends_under_the_second_token() -> None:
    handler = Handler()
    handler.may_end = anyio.Event()
    server, id_ = Server(handler), new_id()
    async with anyio.create_task_group() as group:
        server.deliver(group, id_, "first")
        await handler.begun.wait()
        server.deliver(group, id_, "second", 2)
        handler.may_end.set()
    assert handler.count == 1
    assert server.received == [("ack", "second", None)]


async def test_lease_is_renewed_while_a_job_lasts() -> None:
    handler = Handler()
    handler.may_end = anyio.Event()
    server = Server(handler, lease_seconds=0.1)
    async with anyio.create_task_group() as group:
        server.deliver(group, new_id())
        for _ in range(3):
            await server.answered.wait()
            server.answered = anyio.Event()
        handler.may_end.set()
    assert [operation for operation, *_ in server.received[:3]] == ["renew"] * 3
    assert server.received[-1][0] == "ack"


@pytest.mark.parametrize("status", ["expired", "invalid_token", "not_found", "away"])
async def test_job_whose_lease_is_lost_is_abandoned(status: str) -> None:
    handler = Handler()
    handler.may_end = anyio.Event()
    server = Server(handler, lease_seconds=0.1)
    server.statuses["renew"] = [status] * 1000
    async with anyio.create_task_group() as group:
        server.deliver(group, new_id())
    assert handler.was_cancelled
    assert all(operation == "renew" for operation, *_ in server.received)


async def test_end_of_a_job_is_reported_when_the_server_is_back() -> None:
    server = Server(Handler())
    server.statuses["ack"] = ["away", "away", "error"]
    async with anyio.create_task_group() as group:
        server.deliver(group, new_id())
    assert [operation for operation, *_ in server.received] == ["ack", "ack"]


async def test_end_of_a_job_is_not_reported_after_its_lease() -> None:
    server = Server(Handler(), lease_seconds=0.05)
    server.statuses["ack"] = ["away"] * 1000
    async with anyio.create_task_group() as group:
        server.deliver(group, new_id())
    assert server.received == []


async def test_unanswered_operation_is_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cleanup, "ANSWER_TIMEOUT_SECONDS", 0.01)
    server = Server(Handler())
    server.statuses["ack"] = ["silent"]
    async with anyio.create_task_group() as group:
        server.deliver(group, new_id())
    assert server.received == [("ack", "token", None)]


@pytest.mark.parametrize(
    ("kinds", "message"),
    [
        ({}, "neither `cleanup_kind` nor `cleanup_kinds`"),
        ({"cleanup_kind": "nothing.v1"}, "no clean-up jobs of the kind 'nothing.v1'"),
        ({"cleanup_kinds": [CANCELLING_TIMEOUT_TEARDOWN] * 2}, "two clean-up handlers"),
    ],
)
def test_invalid_handler_is_refused(kinds: dict[str, Any], message: str) -> None:
    handler: Any = type("Invalid", (), kinds)()
    with pytest.raises(ValueError, match=message):
        WorkerCleanupHandlerRegistry([handler])


@flow
def work() -> None:
    """Stand for a flow whose run has infrastructure."""


def build_message(run_id: UUID) -> PendingClaimCleanupMessagePayload:
    return PendingClaimCleanupMessagePayload(
        message_id=new_id(),
        kind="pending_claim_teardown.v1",
        reservation_token="token",
        lease_expires_at=now(),
        delivery_count=1,
        target=PendingClaimTeardownTarget(flow_run_id=run_id, infrastructure_pid="pid", claim_id=new_id()),
    )


class StillWorker(BaseWorker[BaseJobConfiguration, BaseVariables, BaseWorkerResult]):
    """A worker that cannot stop what it starts."""

    type = "still"
    job_configuration = BaseJobConfiguration

    async def run(self, *args: Any, **options: Any) -> BaseWorkerResult:
        raise NotImplementedError


class StoppingWorker(StillWorker):
    """A worker that can."""

    type = "stopping"
    outcome: Exception | None = None

    async def kill_infrastructure(self, *args: Any, **options: Any) -> None:
        if self.outcome is not None:
            raise self.outcome


class OwnWorker(StoppingWorker):
    """A worker with a handler of its own."""

    type = "own"
    cleanup_handlers = (Handler(),)
    cleanup_max_concurrency = 7


def test_worker_that_can_stop_infrastructure_handles_cleanup() -> None:
    still, stopping, own = StillWorker("p"), StoppingWorker("p"), OwnWorker("p")
    kinds = (CANCELLING_TIMEOUT_TEARDOWN, PENDING_CLAIM_TEARDOWN)
    assert (still.handled_cleanup_kinds, still.max_cleanup_concurrency) == ((), 0)
    assert (stopping.handled_cleanup_kinds, stopping.max_cleanup_concurrency) == (kinds, 4)
    assert (own.handled_cleanup_kinds, own.max_cleanup_concurrency) == (kinds, 7)
    assert own.cleanup_handler_registry.get(CANCELLING_TIMEOUT_TEARDOWN) is OwnWorker.cleanup_handlers[0]


@pytest.mark.parametrize(
    ("outcome", "operation"),
    [
        (None, "ack"),
        (InfrastructureNotFound("gone"), "ack"),
        (InfrastructureNotAvailable("elsewhere"), "release"),
        (NotImplementedError("cannot"), "release"),
    ],
)
async def test_infrastructure_is_stopped_as_the_worker_can(outcome: Exception | None, operation: str) -> None:
    worker = StoppingWorker("p")
    worker.outcome = outcome
    handler = worker.cleanup_handler_registry.get(PENDING_CLAIM_TEARDOWN)
    assert handler is not None
    async with worker:
        await worker.sync_with_backend()
        run = await worker.client.create_flow_run(work)
        result = await handler.cleanup(build_message(run.id))
        assert result is not None and result.operation == operation
        assert await handler.cleanup(build_message(new_id())) == CleanupExecutionResult.noop()


async def test_infrastructure_of_a_run_that_came_back_to_life_is_left() -> None:
    worker = StoppingWorker("p")
    worker.outcome = RuntimeError("not to be called")
    handler = worker.cleanup_handler_registry.get(PENDING_CLAIM_TEARDOWN)
    assert handler is not None
    async with worker:
        await worker.sync_with_backend()
        run = await worker.client.create_flow_run(work)
        await worker.client.update_flow_run(run.id, infrastructure_pid="pid")
        await worker.client.set_flow_run_state(run.id, Running(), force=True)
        assert await handler.cleanup(build_message(run.id)) == CleanupExecutionResult.noop()
