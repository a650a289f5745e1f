"""`prefect.concurrency` on the local store: what programs write, and what it does."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from prefect import flow, tags, task
from prefect._io import drive
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import GlobalConcurrencyLimitUpdate
from prefect.client.transport import get_shared_transport
from prefect.concurrency import asyncio as async_limits
from prefect.concurrency import renewal
from prefect.concurrency.context import ConcurrencyContext
from prefect.concurrency.services import ConcurrencySlotAcquisitionService, ConcurrencySlotAcquisitionWithLeaseService
from prefect.concurrency.sync import concurrency, rate_limit
from prefect.concurrency.v1 import asyncio as async_v1
from prefect.concurrency.v1 import sync as v1
from prefect.exceptions import AcquireConcurrencySlotTimeoutError, ConcurrencySlotAcquisitionError
from prefect.server.db.sqlite.idle_connections import idle_connections

TIMEOUT_SECONDS = 60.0


@pytest.fixture
def limit(home: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    monkeypatch.setattr(renewal, "MAX_SLEEP_SECONDS", 0.05)  # a test waits until its threads have ended

    def create(name: str = "db", size: int = 1, decay: float | None = None) -> None:
        get_client(sync_client=True).upsert_global_concurrency_limit_by_name(name, size, decay)

    create()
    return create


def active(name: str = "db") -> int:
    return get_client(sync_client=True).read_global_concurrency_limit_by_name(name).active_slots


def reset(name: str = "db") -> None:
    get_client(sync_client=True).update_global_concurrency_limit(name, GlobalConcurrencyLimitUpdate(active_slots=0))


def test_slots_are_held_while_the_block_runs(limit: Callable[..., None]) -> None:
    limit("db", 3)
    limit("other", 3)
    with concurrency(["db", "other"], occupy=2):
        assert (active(), active("other")) == (2, 2)
    assert (active(), active("other")) == (0, 0)


def test_free_slot_costs_two_short_transactions(limit: Callable[..., None]) -> None:
    with concurrency("db"):
        pass
    statements: list[str] = []
    for idle in idle_connections._idle:
        idle.connection.set_trace_callback(statements.append)
    with concurrency("db"):
        pass
    assert statements.count("COMMIT") == 2
    assert len(statements) <= 16, statements


def test_slots_are_released_when_the_block_raises(limit: Callable[..., None]) -> None:
    with pytest.raises(ZeroDivisionError), concurrency("db"):
        raise ZeroDivisionError
    assert active() == 0


def test_threads_wait_for_each_other_in_order(limit: Callable[..., None]) -> None:
    order: list[int] = []
    threads: list[threading.Thread] = []

    def work(number: int) -> None:
        with concurrency("db"):
            order.append(number)

    with concurrency("db"):
        for number in range(4):
            threads.append(threading.Thread(target=work, args=(number,)))
            threads[-1].start()
            wait_for_waiters("db", number + 1)
    for thread in threads:
        thread.join(TIMEOUT_SECONDS)
    assert order == [0, 1, 2, 3]


def wait_for_waiters(name: str, number: int) -> None:
    while sum(each["status"] == "waiting" for each in read_holders(name)) != number:
        pass


def read_holders(name: str = "db") -> Any:
    route = "/v2/concurrency_limits/{id_or_name}/holders"
    return drive(get_shared_transport().call("GET", route, {"id_or_name": name}))


WAITING_PROGRAM = """
from prefect.concurrency.sync import concurrency
from prefect.server import local_changes
local_changes.WOKEN_POLL_INTERVAL_SECONDS = local_changes.MAX_UPKEEP_INTERVAL_SECONDS = 3600.0
local_changes.UPKEEP_INTERVAL_SECONDS = 3600.0
with concurrency("db"):
    print("got it")
"""


def test_process_that_waits_is_woken(limit: Callable[..., None]) -> None:
    with concurrency("db"):
        waiting = subprocess.Popen([sys.executable, "-c", WAITING_PROGRAM], stdout=subprocess.PIPE, text=True)
        wait_for_waiters("db", 1)
    try:
        assert waiting.communicate(timeout=TIMEOUT_SECONDS)[0] == "got it\n"
    finally:
        waiting.kill()


def test_timeout_raises_a_timeout_error(limit: Callable[..., None]) -> None:
    with concurrency("db"), pytest.raises(AcquireConcurrencySlotTimeoutError, match=r"'db' were free within 0.05 sec"):
        with concurrency("db", timeout_seconds=0.05):
            raise AssertionError
    assert issubclass(AcquireConcurrencySlotTimeoutError, TimeoutError)
    assert active() == 0


def test_block_in_a_block_takes_a_slot_of_its_own(limit: Callable[..., None]) -> None:
    limit("db", 2)
    with concurrency("db"), concurrency("db"):
        assert active() == 2
    assert active() == 0


def test_block_that_would_wait_for_itself_is_an_error(limit: Callable[..., None]) -> None:
    with concurrency("db"):
        with pytest.raises(
            ConcurrencySlotAcquisitionError, match="would wait for itself: it requests 1 of the 1 slots"
        ):
            with concurrency("db"):
                raise AssertionError
        limit("db", 2)
        with concurrency("db"):
            assert active() == 2
    with concurrency("db"):
        pass


def test_max_retries_bounds_the_attempts(limit: Callable[..., None]) -> None:
    with concurrency("db"), pytest.raises(ConcurrencySlotAcquisitionError, match=r"in 1 attempt\."):
        with concurrency("db", max_retries=0):
            raise AssertionError


def test_missing_limit_is_an_error_if_strict(limit: Callable[..., None], caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(ConcurrencySlotAcquisitionError, match="no concurrency limit 'nope'"):
        with concurrency(["db", "nope"], strict=True):
            raise AssertionError
    assert active() == 0
    with concurrency("nope", suppress_warnings=True):
        assert "nope" not in caplog.text
    with concurrency("nope"):
        assert "'nope'" in caplog.text


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"occupy": 0}, "`occupy` must be a whole number of slots, at least 1, not 0"),
        ({"occupy": 1.5}, "`occupy` must be a whole number"),
        ({"lease_duration": 0}, "`lease_duration` must be more than 0 and at most 86400 seconds, not 0"),
        ({"lease_duration": 1e6}, "`lease_duration` must be"),
        ({"timeout_seconds": -1}, "`timeout_seconds` must be a number of seconds, at least 0, or None, not -1"),
        ({"timeout_seconds": float("nan")}, "`timeout_seconds` must be"),
        ({"timeout_seconds": "1"}, "`timeout_seconds` must be"),
        ({"max_retries": -1}, "`max_retries` must be a whole number, at least 0, or None, not -1"),
        ({"max_retries": 0.5}, "`max_retries` must be"),
        ({"names": 3}, "`names` must be the name of a limit, or a list of names, not 3"),
        ({"names": [3]}, "`names` must be the name of a limit, or a list of names, not "),
    ],
)
async def test_argument_out_of_range_is_named(
    limit: Callable[..., None], options: dict[str, Any], message: str
) -> None:
    kind = TypeError if "names" in options else ValueError
    with pytest.raises(kind, match=message):
        with concurrency(**{"names": "db", **options}):
            raise AssertionError
    with pytest.raises(kind, match=message):
        async with async_limits.concurrency(**{"names": "db", **options}):
            raise AssertionError


@pytest.mark.parametrize("options", [{"occupy": 0}, {"timeout_seconds": -1}])
async def test_argument_of_a_rate_out_of_range_is_named(limit: Callable[..., None], options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"`{next(iter(options))}` must be"):
        rate_limit("db", **options)
    with pytest.raises(ValueError, match=f"`{next(iter(options))}` must be"):
        await async_limits.rate_limit("db", **options)


def test_more_slots_than_there_are_is_an_error(limit: Callable[..., None]) -> None:
    with pytest.raises(ConcurrencySlotAcquisitionError, match=r"2 slots can never be taken of the limit 'db'"):
        with concurrency("db", occupy=2):
            raise AssertionError


def test_holder_is_the_current_run_or_the_passed_one(limit: Callable[..., None]) -> None:
    explicit = {"type": "deployment", "id": str(uuid4())}

    @flow
    def holds(holder: Any) -> Any:
        with concurrency("db", holder=holder):
            return read_holders()

    assert holds(None)[0]["holder"]["type"] == "flow_run"
    assert holds(explicit)[0]["holder"] == explicit


def test_lost_lease_interrupts_the_block_if_strict(limit: Callable[..., None]) -> None:
    never = threading.Event()
    with pytest.raises(ConcurrencySlotAcquisitionError, match="'db' were lost"):
        with concurrency("db", strict=True, lease_duration=0.3):
            reset()
            while not never.wait(0.01):
                pass


def test_lost_lease_is_logged_in_the_run_that_goes_on(
    limit: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    @flow
    def program() -> int:
        with concurrency("db", lease_duration=0.3, raise_on_lease_renewal_failure=False):
            reset()
            while "were lost" not in caplog.text:
                pass
        return 1

    assert program() == 1
    assert any("were lost" in record.message and record.name == "prefect.flow_runs" for record in caplog.records)


def test_lease_is_renewed(limit: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(renewal, "RENEWALS_PER_LEASE", 600)
    with concurrency("db", lease_duration=60.0):
        first = read_expiry()
        while read_expiry() == first:
            pass
    assert active() == 0


def read_expiry() -> Any:
    return read_holders()[0]["expires"]


def test_slot_of_a_killed_process_is_free(limit: Callable[..., None]) -> None:
    program = "from prefect.concurrency.sync import concurrency\nwith concurrency('db'):\n print(flush=True); input()"
    holder = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert holder.stdout is not None and holder.stdin is not None
    with holder.stdout, holder.stdin:
        holder.stdout.readline()
        holder.kill()
        holder.wait()
    with concurrency("db", timeout_seconds=TIMEOUT_SECONDS):
        pass


def test_rate_limit_waits_for_decay(limit: Callable[..., None]) -> None:
    limit("rate", 1, 100.0)
    for _ in range(3):
        rate_limit("rate", timeout_seconds=TIMEOUT_SECONDS)
    with pytest.raises(ConcurrencySlotAcquisitionError, match="set its slot_decay_per_second"):
        rate_limit("db")
    with pytest.raises(ConcurrencySlotAcquisitionError, match="'nope'"):
        rate_limit("nope", occupy=1, strict=True)


# --- async -----------------------------------------------------------------------------------------------------------


async def test_coroutines_wait_for_each_other(limit: Callable[..., None]) -> None:
    busy = peak = 0

    async def work() -> None:
        nonlocal busy, peak
        async with async_limits.concurrency("db", occupy=1, timeout_seconds=TIMEOUT_SECONDS):
            busy += 1
            peak = max(peak, busy)
            await asyncio.sleep(0)
            busy -= 1

    await asyncio.gather(*(work() for _ in range(5)))
    assert peak == 1


async def test_coroutine_started_in_a_block_waits_for_its_end(limit: Callable[..., None]) -> None:
    async with async_limits.concurrency("db"):
        child = asyncio.create_task(hold_async())
        await asyncio.to_thread(wait_for_waiters, "db", 1)
        with pytest.raises(ConcurrencySlotAcquisitionError, match="would wait for itself"):
            await hold_async()
    await asyncio.wait_for(child, TIMEOUT_SECONDS)


async def test_cancelled_coroutine_leaves_the_queue(limit: Callable[..., None]) -> None:
    async with async_limits.concurrency("db"):
        waiting = asyncio.create_task(hold_async())
        await asyncio.to_thread(wait_for_waiters, "db", 1)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await asyncio.to_thread(wait_for_waiters, "db", 0)


async def hold_async() -> None:
    async with async_limits.concurrency("db"):
        pass


async def test_lost_lease_interrupts_a_coroutine(limit: Callable[..., None]) -> None:
    with pytest.raises(ConcurrencySlotAcquisitionError, match="'db' were lost"):
        async with async_limits.concurrency(
            "db",
            max_retries=3,
            lease_duration=0.3,
            strict=True,
            holder=None,
            raise_on_lease_renewal_failure=True,
            suppress_warnings=True,
        ):
            await asyncio.to_thread(reset)
            await asyncio.Event().wait()


async def test_async_rate_limit(limit: Callable[..., None]) -> None:
    limit("rate", 2, 100.0)
    await async_limits.rate_limit("rate", occupy=2, timeout_seconds=TIMEOUT_SECONDS, strict=True)


# --- tags of tasks ---------------------------------------------------------------------------------------------------


def test_task_runs_hold_a_slot_of_the_limit_of_each_tag(home: Path) -> None:
    get_client(sync_client=True).create_concurrency_limit("db", 2)
    busy = peak = 0
    lock = threading.Lock()
    pair = threading.Barrier(2)

    @task(tags=["db"])
    def work() -> None:
        nonlocal busy, peak
        with lock:
            busy += 1
            peak = max(peak, busy)
        pair.wait(TIMEOUT_SECONDS)
        with lock:
            busy -= 1

    @flow
    def program() -> None:
        for future in [work.submit() for _ in range(6)]:
            future.result()

    program()
    assert peak == 2
    assert get_client(sync_client=True).read_concurrency_limit_by_tag("db").active_slots == []


async def test_async_task_runs_hold_a_slot_of_inherited_tags(home: Path) -> None:
    async with get_client() as client:
        await client.create_concurrency_limit("db", 1)
    busy = peak = 0

    @task
    async def work() -> None:
        nonlocal busy, peak
        busy += 1
        peak = max(peak, busy)
        await asyncio.sleep(0)
        busy -= 1

    @flow
    async def program() -> None:
        with tags("db"):
            await asyncio.gather(*(work() for _ in range(4)))

    await program()
    assert peak == 1


def test_task_run_fails_if_the_limit_of_its_tag_has_no_slots(home: Path) -> None:
    get_client(sync_client=True).create_concurrency_limit("never", 0)
    state = task(lambda: 1, tags=["never"])(return_state=True)
    assert state.is_failed() and "can never be taken" in (state.message or "")


# --- the older interface, and services -------------------------------------------------------------------------------


def test_v1_holds_a_slot_for_a_task_run(home: Path) -> None:
    client = get_client(sync_client=True)
    client.create_concurrency_limit("db", 1)
    run = uuid4()
    with v1.concurrency(["db", "free"], run):
        assert client.read_concurrency_limit_by_tag("db").active_slots == [run]
        with pytest.raises(TimeoutError), v1.concurrency("db", uuid4(), timeout_seconds=0.05):
            raise AssertionError
    assert client.read_concurrency_limit_by_tag("db").active_slots == []


async def test_async_v1_holds_a_slot_for_a_task_run(home: Path) -> None:
    async with get_client() as client:
        await client.create_concurrency_limit("db", 1)
        async with async_v1.concurrency(names="db", task_run_id=uuid4(), timeout_seconds=TIMEOUT_SECONDS):
            assert len((await client.read_concurrency_limit_by_tag("db")).active_slots) == 1


def test_services_take_slots_in_a_thread(limit: Callable[..., None]) -> None:
    names = frozenset(["db"])
    service = ConcurrencySlotAcquisitionWithLeaseService.instance(names)
    response = service.send((1, "concurrency")).result(TIMEOUT_SECONDS)
    assert active() == 1
    service.release_orphaned_lease(response).result(TIMEOUT_SECONDS)
    assert active() == 0
    plain = ConcurrencySlotAcquisitionService.instance(names)
    assert plain.send((1, "concurrency", None, 0)).result(TIMEOUT_SECONDS).json()[0]["name"] == "db"
    done, pending = ConcurrencySlotAcquisitionService.drain_all(timeout=TIMEOUT_SECONDS)
    assert (len(done), pending, service.drain(at_exit=True)) == (1, set(), True)
    assert active() == 1


def test_context_releases_leases_at_its_end(limit: Callable[..., None]) -> None:
    lease = get_client(sync_client=True).increment_concurrency_slots_with_lease(["db"], 1, "concurrency", 60).json()
    with ConcurrencyContext(cleanup_lease_ids=[lease["lease_id"]]):
        assert active() == 1
    assert active() == 0
