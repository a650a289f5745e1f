"""Requests for slots of limits, as calls of the API.

A request waits for its slots in the queue of the API: of our server in one long HTTP request, of the local store until
its file changes. Another server refuses it and names the time after which it is to be repeated.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, TypeVar
from uuid import UUID

from prefect import _processes
from prefect._io import shield, sleep
from prefect._lazy import lazy_from
from prefect.client import failures
from prefect.context import FlowRunContext, TaskRunContext
from prefect.exceptions import AcquireConcurrencySlotTimeoutError, ConcurrencySlotAcquisitionError
from prefect.logging.loggers import get_logger
from prefect.types import new_id

if TYPE_CHECKING:
    from prefect.client import transport
    from prefect.client.transport import Transport
    from prefect.schemas import responses
    from prefect.schemas.concurrency import ConcurrencyLeaseHolder
else:
    responses, transport = lazy_from("prefect", "schemas.responses", "client.transport")

T = TypeVar("T")

Mode = Literal["concurrency", "rate_limit"]

WAIT_SECONDS = 20.0
"""How long one request waits for slots; then it is repeated and keeps its position in the queue."""

MAX_LEASE_SECONDS = 86_400.0
"""The longest lease that the interface allows."""

MIN_API_LEASE_SECONDS = 60.0
"""The shortest lease that the interface allows; our server gives a shorter one on request."""

FIRST_RETRY_SECONDS, MAX_RETRY_SECONDS = 0.5, 30.0
"""How long to wait after a refusal that names no time, at first and at most."""

LOCKED_STATUS = 423


class InvalidSlotRequest(ConcurrencySlotAcquisitionError, ValueError):
    """A request for slots that could never be granted."""


@dataclass(frozen=True)
class SlotRequest:
    """A request for slots.

    Attributes:
        names: The limits.
        slots: How many slots of each.
        mode: `concurrency`, or `rate_limit` for limits whose slots decay.
        timeout_seconds: How long to wait for them; None for as long as it takes.
        max_retries: How often to ask again after a refusal; None for any number.
        lease_seconds: How long they are held unless the lease is renewed.
        strict: Whether a missing limit is an error.
        holder: The run that holds them.
        suppress_warnings: Whether missing limits are not warned of.

    Raises:
        InvalidSlotRequest: A value is out of range.
    """

    names: tuple[str, ...]
    slots: int
    mode: Mode = "concurrency"
    timeout_seconds: float | None = None
    max_retries: int | None = None
    lease_seconds: float = 30.0
    strict: bool = False
    holder: ConcurrencyLeaseHolder | Mapping[str, Any] | None = None
    suppress_warnings: bool = False

    def __post_init__(self) -> None:
        if not _is_count(self.slots, 1):
            raise InvalidSlotRequest(f"`occupy` must be a whole number of slots, at least 1, not {self.slots!r}.")
        if not (_is_number(self.lease_seconds) and 0 < self.lease_seconds <= MAX_LEASE_SECONDS):
            raise InvalidSlotRequest(
                f"`lease_duration` must be more than 0 and at most {MAX_LEASE_SECONDS:.0f} seconds, "
                f"not {self.lease_seconds!r}."
            )
        if self.timeout_seconds is not None and not (_is_number(self.timeout_seconds) and self.timeout_seconds >= 0):
            raise InvalidSlotRequest(
                f"`timeout_seconds` must be a number of seconds, at least 0, or None, not {self.timeout_seconds!r}."
            )
        if self.max_retries is not None and not _is_count(self.max_retries, 0):
            raise InvalidSlotRequest(
                f"`max_retries` must be a whole number, at least 0, or None, not {self.max_retries!r}."
            )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_count(value: object, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


@dataclass(frozen=True)
class HeldSlots:
    """Slots that are held.

    Attributes:
        lease_id: Their lease.
        limits: The limits that exist; without any nothing is held.
        slots: How many of each.
        lease_seconds: How long the lease lasts.
        api: The API that gave them.
        pid: The process that holds them; a forked child does not.
    """

    lease_id: UUID
    limits: Sequence[Any]
    slots: int
    lease_seconds: float
    api: Transport
    pid: int


def as_names(names: str | Iterable[str]) -> tuple[str, ...]:
    """Return the names of limits, each once; a single one may be given without a list.

    Raises:
        TypeError: The names are not strings.
    """
    if not isinstance(names, Iterable):
        raise TypeError(f"`names` must be the name of a limit, or a list of names, not {names!r}.")
    found = tuple(dict.fromkeys([names] if isinstance(names, str) else names))
    for name in found:
        if not isinstance(name, str):
            raise TypeError(f"`names` must be the name of a limit, or a list of names, not {names!r}.")
    return found


# --- taking ----------------------------------------------------------------------------------------------------------


async def acquire(request: SlotRequest, held: Sequence[HeldSlots] = ()) -> HeldSlots | None:
    """Take slots of each limit, waiting for them; return None when no limit is named or none exists.

    Args:
        request: The request.
        held: The slots that the waiting code holds itself, and does not release while it waits.

    Raises:
        AcquireConcurrencySlotTimeoutError: They were not free in time.
        ConcurrencySlotAcquisitionError: The API refused for another reason or cannot be reached, a limit does not
            exist and the request is strict, or the code would wait for itself without end.
    """
    if not request.names:
        return None
    lease_id = new_id()
    api = transport.get_shared_transport()
    try:
        answer = await _request_until_granted(api, request, lease_id, held)
        lease_id = UUID(str(answer["lease_id"]))  # another server chooses it
        limits = [responses.MinimalConcurrencyLimitResponse.model_validate(limit) for limit in answer["limits"]]
        _check_missing(request, {limit.name for limit in limits})
        return HeldSlots(lease_id, limits, request.slots, request.lease_seconds, api, os.getpid()) if limits else None
    except BaseException as error:  # also an interrupt after they were given
        if not failures.is_refusal(error):
            await shield(_leave_queue(api, lease_id))
        is_clear = isinstance(error, ConcurrencySlotAcquisitionError | AcquireConcurrencySlotTimeoutError)
        if isinstance(error, Exception) and not is_clear:
            raise _explain(error, request) from error
        raise


def _check_missing(request: SlotRequest, found: set[str]) -> None:
    """Warn of limits that do not exist, or raise that if the request is strict."""
    missing = sorted(set(request.names) - found)
    if missing and request.strict:
        raise ConcurrencySlotAcquisitionError(
            f"There is no concurrency limit {', '.join(map(repr, missing))}: create it with "
            "`prefect global-concurrency-limit create`, or leave out `strict`."
        )
    if missing and not request.suppress_warnings:
        get_logger("concurrency").warning(
            "There is no concurrency limit %s: nothing is limited by it. `prefect global-concurrency-limit create` "
            "creates one.",
            ", ".join(map(repr, missing)),
        )


async def _request_until_granted(
    api: Transport, request: SlotRequest, lease_id: UUID, held: Sequence[HeldSlots]
) -> Mapping[str, Any]:
    deadlock = _find_self_deadlock(request, held)
    if deadlock is not None:  # the limit may have been raised meanwhile, so ask once
        request = replace(request, max_retries=0)
    try:
        return await repeat_until_granted(
            lambda left: _request_once(api, request, lease_id, left), request.timeout_seconds, request.max_retries
        )
    except StillLocked as error:
        if error.is_timeout:
            raise AcquireConcurrencySlotTimeoutError(
                f"No slots of {_quote(request.names)} were free within {request.timeout_seconds:g} seconds."
            ) from error.refusal
        if deadlock is not None:
            raise ConcurrencySlotAcquisitionError(deadlock) from error.refusal
        raise ConcurrencySlotAcquisitionError(
            f"No slots of {_quote(request.names)} were free in {error.attempts} attempt{'s' * (error.attempts > 1)}."
        ) from error.refusal


def _find_self_deadlock(request: SlotRequest, held: Sequence[HeldSlots]) -> str | None:
    """Return the message for a request that could only be granted by its own caller, who waits; None for any other."""
    if request.mode == "rate_limit" or request.timeout_seconds is not None or request.max_retries is not None:
        return None
    for name in request.names:
        counts = [(each.slots, limit.limit) for each in held for limit in each.limits if limit.name == name]
        in_use = sum(slots for slots, _ in counts)
        if counts and in_use + request.slots > counts[-1][1]:
            return (
                f"The code would wait for itself: it requests {request.slots} of the {counts[-1][1]} slots of {name!r} "
                f"in a block that holds {in_use} of them. Take them all in the outer block, or set `timeout_seconds`."
            )
    return None


class StillLocked(Exception):
    """The slots were still taken after the last attempt, or at the timeout.

    Args:
        refusal: The last refusal.
        attempts: How often they were requested.
        is_timeout: Whether the timeout was reached, rather than the number of attempts.
    """

    def __init__(self, refusal: Exception, attempts: int, is_timeout: bool) -> None:
        super().__init__(str(refusal))
        self.refusal = refusal
        self.attempts = attempts
        self.is_timeout = is_timeout


async def repeat_until_granted(
    send: Callable[[float | None], Awaitable[T]], timeout_seconds: float | None, max_retries: int | None
) -> T:
    """Send a request for slots until it is not refused because they are taken, and return its answer.

    Args:
        send: Sends it; its argument is how many seconds are left.
        timeout_seconds: How long to wait; as long as it takes if None.
        max_retries: How often to ask again; any number if None.

    Raises:
        StillLocked: The slots are still taken.
    """
    deadline = None if timeout_seconds is None else time.monotonic() + timeout_seconds
    refusals = 0
    while True:
        left = None if deadline is None else max(0.0, deadline - time.monotonic())
        try:
            return await send(left)
        except Exception as error:
            if failures.get_status(error) != LOCKED_STATUS:
                raise
            refusal = error
        delay = read_retry_delay(refusal, refusals)
        refusals += 1
        if max_retries is not None and refusals > max_retries:
            raise StillLocked(refusal, refusals, is_timeout=False)
        if deadline is not None and time.monotonic() + delay >= deadline:
            await sleep(deadline - time.monotonic())
            raise StillLocked(refusal, refusals, is_timeout=True)
        await sleep(delay)


async def _request_once(api: Transport, request: SlotRequest, lease_id: UUID, left: float | None) -> Any:
    # With a number of retries the server must not wait, which would count as none.
    wait = 0.0 if request.max_retries is not None else WAIT_SECONDS if left is None else min(WAIT_SECONDS, left)
    seconds = request.lease_seconds
    headers = {"prefer": f"wait={wait:.3f}, lease={seconds:g}", "idempotency-key": str(lease_id)}
    if isinstance(api, transport.LocalTransport):
        headers["prefect-process"] = _identify_process()
    holder = request.holder or _current_holder()
    body: dict[str, Any] = {"names": list(request.names), "slots": request.slots, "mode": request.mode}
    if request.mode == "rate_limit":  # they are not released
        limits = await api.call("POST", "/v2/concurrency_limits/increment", {}, body, headers)
        return {"lease_id": lease_id, "limits": limits}
    body["lease_duration"] = max(MIN_API_LEASE_SECONDS, seconds)
    if holder is not None:
        body["holder"] = holder
    return await api.call("POST", "/v2/concurrency_limits/increment-with-lease", {}, body, headers)


def _identify_process() -> str:
    """Return what identifies this process as JSON."""
    pid = os.getpid()
    if _process_by_pid.get(pid) is None:
        _process_by_pid[pid] = json.dumps({"pid": pid, "host": _processes.host(), "start": _processes.start_mark(pid)})
    return _process_by_pid[pid]


_process_by_pid: dict[int, str] = {}


def _current_holder() -> dict[str, Any] | None:
    """Return the run that the code is in, as a holder of slots."""
    task = TaskRunContext.get()
    if task is not None:
        return {"type": "task_run", "id": str(task.task_run_id)}
    flow = FlowRunContext.get()
    if flow is not None and flow.flow_run is not None:
        return {"type": "flow_run", "id": str(flow.flow_run.id)}
    return None


def read_retry_delay(error: Exception, refusals: int) -> float:
    """Return after how many seconds a refused request is to be repeated."""
    response = failures.get_response(error)
    named = response.headers.get("retry-after") if response is not None else None
    if named is not None:
        return float(named)
    return min(MAX_RETRY_SECONDS, FIRST_RETRY_SECONDS * 2**refusals)


def _explain(error: Exception, request: SlotRequest) -> Exception:
    return ConcurrencySlotAcquisitionError(f"No slots of {_quote(request.names)} could be taken: {_describe(error)}")


def _describe(error: Exception) -> str:
    """Return why a request failed: what the API says, or the error."""
    response = failures.get_response(error)
    if response is not None and "json" in response.headers.get("content-type", ""):
        detail = response.json().get("detail")
        if isinstance(detail, str):
            return detail
    return failures.describe_error(error)


def _quote(names: Iterable[str]) -> str:
    return ", ".join(map(repr, names))


# --- giving back -----------------------------------------------------------------------------------------------------


async def release(held: HeldSlots) -> None:
    """Release slots. An unreachable API is logged: the lease expires."""
    if held.pid != os.getpid():
        return
    try:
        await release_lease(held.api, held.lease_id)
    except Exception as error:
        get_logger("concurrency").warning(
            "The slots of %s could not be released now, and are free again in %g seconds: %s",
            _quote(limit.name for limit in held.limits),
            held.lease_seconds,
            failures.describe_error(error),
        )


async def release_lease(api: Transport, lease_id: UUID) -> None:
    """Release the slots of a lease; one that has ended holds none."""
    await api.call("POST", "/v2/concurrency_limits/decrement-with-lease", {}, {"lease_id": lease_id})


async def renew_lease(held: HeldSlots) -> None:
    """Renew a lease for its full duration from now.

    Raises:
        PrefectHTTPStatusError: With status 410 when it has ended.
    """
    headers = {"prefer": f"lease={held.lease_seconds:g}"}
    body = {"lease_duration": max(MIN_API_LEASE_SECONDS, held.lease_seconds)}
    params = {"lease_id": held.lease_id}
    await held.api.call("POST", "/v2/concurrency_limits/leases/{lease_id}/renew", params, body, headers)


async def _leave_queue(api: Transport, lease_id: UUID) -> None:
    """Leave the queue, and release the slots if they have been granted by now."""
    try:
        await release_lease(api, lease_id)
    except Exception as error:  # the server is unavailable, or does not know such a lease: it expires
        get_logger("concurrency").debug("The lease %s could not be released: %s", lease_id, error)
