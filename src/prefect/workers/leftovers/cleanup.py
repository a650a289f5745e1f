"""Clean-up jobs: requests of a server to stop infrastructure whose own worker did not stop it.

A handler carries jobs of its kinds out. A job is delivered at least once, to one worker at a time, for as long as its
lease runs: a handler must find nothing left to do when the job was done before.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, Self
from uuid import UUID

import anyio
from pydantic import TypeAdapter

from prefect._lazy import lazy
from prefect.logging.loggers import get_logger
from prefect.types import new_id

if TYPE_CHECKING:
    from anyio.abc import TaskGroup

    from prefect.schemas import worker_channel
    from prefect.schemas.worker_channel import (
        CleanupKind,
        CleanupMessagePayload,
        CleanupOperation,
        CleanupOperationResultPayload,
        Frame,
    )
else:
    worker_channel = lazy("prefect.schemas.worker_channel")

ANSWER_TIMEOUT_SECONDS = 10.0
"""How long the server may take to answer an operation, before it is sent again."""

RETRY_INTERVAL_SECONDS = 1.0
"""Before an operation is sent again that was not answered, as long as the lease runs."""

logger = get_logger("workers.cleanup")


@dataclass(frozen=True)
class CleanupExecutionResult:
    """The outcome of a clean-up job for its handler.

    Attributes:
        operation: `ack`: it is done; `release`: another worker, or another attempt, may do it.
        reason: Why it is released.
    """

    operation: CleanupOperation
    reason: str | None = None

    @classmethod
    def success(cls) -> Self:
        """Return the result of a job that is done."""
        return cls("ack")

    @classmethod
    def noop(cls) -> Self:
        """Return the result of a job that had nothing left to do."""
        return cls("ack")

    @classmethod
    def release(cls, reason: str) -> Self:
        """Return the result of a job that this worker cannot do."""
        return cls("release", reason)


class WorkerCleanupHandler(Protocol):
    """Executes clean-up jobs. It has a `cleanup_kind`, or several `cleanup_kinds`."""

    async def cleanup(self, message: CleanupMessagePayload) -> CleanupExecutionResult | None:
        """Execute a job; None counts as done, and an error releases the job."""
        ...


class WorkerCleanupHandlerRegistry:
    """Handlers by the kinds of clean-up jobs.

    Args:
        handlers: The handlers.

    Raises:
        ValueError: A handler has no kind or one that there is not, or two handlers have the same.
    """

    def __init__(self, handlers: Iterable[WorkerCleanupHandler] = ()) -> None:
        self._handlers: dict[CleanupKind, WorkerCleanupHandler] = {}
        for handler in handlers:
            self.register(handler)

    @property
    def handled_cleanup_kinds(self) -> tuple[CleanupKind, ...]:
        """The kinds that have a handler."""
        return tuple(kind for kind in worker_channel.SUPPORTED_CLEANUP_KINDS if kind in self._handlers)

    def register(self, handler: WorkerCleanupHandler) -> None:
        """Add a handler."""
        for kind in _find_kinds(handler):
            if kind not in worker_channel.SUPPORTED_CLEANUP_KINDS:
                known = ", ".join(worker_channel.SUPPORTED_CLEANUP_KINDS)
                raise ValueError(f"There are no clean-up jobs of the kind {kind!r}; there are {known}.")
            if kind in self._handlers:
                raise ValueError(f"There are two clean-up handlers of the kind {kind!r}.")
            self._handlers[kind] = handler

    def get(self, kind: CleanupKind) -> WorkerCleanupHandler | None:
        """Return the handler of a kind, if there is one."""
        return self._handlers.get(kind)


def _find_kinds(handler: Any) -> tuple[CleanupKind, ...]:
    kinds: Any = getattr(handler, "cleanup_kinds", None) or getattr(handler, "cleanup_kind", None)
    if not kinds:
        raise ValueError(f"The clean-up handler {handler!r} has neither `cleanup_kind` nor `cleanup_kinds`.")
    names: tuple[Any, ...] = (kinds,) if isinstance(kinds, str) else tuple(kinds)
    return names


@dataclass(eq=False)
class _Reservation:
    """A clean-up job that this worker has, until its lease expires."""

    message: CleanupMessagePayload
    deadline: float
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    is_lost: bool = False


class WorkerCleanupExecutor:
    """Executes the clean-up jobs that a server delivers, and reports their outcomes to it.

    Args:
        registry: The handlers.
        send: Sends a frame to the server: its type, its id and its payload. It raises when there is no connection.
        max_concurrency: How many jobs are executed at a time.
    """

    def __init__(
        self,
        registry: WorkerCleanupHandlerRegistry,
        send: Callable[[str, UUID, dict[str, Any]], Awaitable[None]],
        max_concurrency: int,
    ) -> None:
        self._registry = registry
        self._send = send
        self._limiter = anyio.CapacityLimiter(max(max_concurrency, 1))
        self._reservations: dict[UUID, _Reservation] = {}
        self._answers: dict[UUID, asyncio.Future[tuple[CleanupOperationResultPayload, float]]] = {}

    # --- messages of the server ---------------------------------------------------------------------------------------

    def submit(self, frame: Frame, group: TaskGroup) -> None:
        """Start to execute a job that was delivered. A job that is under way continues under its new reservation."""
        message = TypeAdapter[Any](worker_channel.CleanupMessagePayload).validate_python(frame.payload)
        deadline = _find_deadline(message.lease_expires_at, frame)
        current = self._reservations.get(message.message_id)
        if current is not None and not current.is_lost:
            current.message, current.deadline = message, deadline
            return
        reservation = self._reservations[message.message_id] = _Reservation(message, deadline)
        group.start_soon(self._execute, reservation)

    def handle_result(self, frame: Frame) -> None:
        """Pass on the server's answer to an operation."""
        result = worker_channel.CleanupOperationResultPayload.model_validate(frame.payload)
        answer = self._answers.get(result.request_frame_id)
        if answer is not None and not answer.done():
            answer.set_result((result, _find_deadline(result.lease_expires_at, frame)))

    # --- one job ------------------------------------------------------------------------------------------------------

    async def _execute(self, reservation: _Reservation) -> None:
        message = reservation.message
        run_id = message.target.flow_run_id
        result = None
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(self._keep_renewed, reservation)
                with reservation.scope:
                    async with self._limiter:
                        result = await self._handle(message)
                group.cancel_scope.cancel()
            if reservation.is_lost or result is None:
                logger.info("The clean-up of flow run %s was given to another worker.", run_id)
                return
            if result.reason is not None:
                logger.warning("The clean-up of flow run %s is left to another attempt: %s", run_id, result.reason)
            await self._report(reservation, result)
        finally:
            if self._reservations.get(message.message_id) is reservation:
                del self._reservations[message.message_id]

    async def _handle(self, message: CleanupMessagePayload) -> CleanupExecutionResult:
        handler = self._registry.get(message.kind)
        if handler is None:
            return CleanupExecutionResult.release(f"this worker has no handler of the kind {message.kind}")
        try:
            return await handler.cleanup(message) or CleanupExecutionResult.success()
        except Exception as error:
            logger.exception("The clean-up of flow run %s failed.", message.target.flow_run_id)
            return CleanupExecutionResult.release(f"{type(error).__name__}: {error}")

    async def _keep_renewed(self, reservation: _Reservation) -> None:
        """Renew the lease of a job until cancelled; end the work on it if the lease is lost."""
        while True:
            await anyio.sleep(max(reservation.deadline - anyio.current_time(), 0) / 2)
            token = reservation.message.reservation_token
            answer = await self._request(reservation, "renew")
            if answer is not None and answer[0].status == "accepted":
                reservation.deadline = answer[1]
            elif answer is None or answer[0].status == "error":
                await anyio.sleep(min(RETRY_INTERVAL_SECONDS, max(reservation.deadline - anyio.current_time(), 0)))
                if anyio.current_time() >= reservation.deadline:
                    break
            elif token == reservation.message.reservation_token:
                break
        reservation.is_lost = True
        reservation.scope.cancel()

    async def _report(self, reservation: _Reservation, result: CleanupExecutionResult) -> None:
        """Tell the server how a job ended, as long as the lease runs; after that, it is delivered again."""
        fields = {} if result.operation == "ack" else {"reason": result.reason or "it was released"}
        while True:
            answer = await self._request(reservation, result.operation, **fields)
            if answer is not None and answer[0].status != "error":
                return
            if anyio.current_time() >= reservation.deadline:
                return
            await anyio.sleep(RETRY_INTERVAL_SECONDS)

    async def _request(
        self, reservation: _Reservation, operation: CleanupOperation, **fields: Any
    ) -> tuple[CleanupOperationResultPayload, float] | None:
        """Send an operation; return its result and until when the lease runs now, or None without an answer."""
        id_, message = new_id(), reservation.message
        payload = {"message_id": str(message.message_id), "reservation_token": message.reservation_token, **fields}
        answer = self._answers[id_] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_SECONDS):
                await self._send(f"cleanup.{operation}.v1", id_, payload)
                return await answer
        except Exception as error:  # the connection is lost or hangs: the next attempt may find it well
            logger.debug("The operation %s was not answered: %s", operation, error)
            return None
        finally:
            del self._answers[id_]


def _find_deadline(lease_expires_at: Any, frame: Frame) -> float:
    """Return when a lease expires by the clock of this process: the server's may go wrong, or be another."""
    seconds = 0.0 if lease_expires_at is None else (lease_expires_at - frame.sent_at).total_seconds()
    return anyio.current_time() + seconds
