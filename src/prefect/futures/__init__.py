"""Futures: what `submit` and `map` return, a handle on a task run's final state.

A submitted run that waits for futures frees its slot in the pool for that time (`current_slot`), so that nested
submission cannot exhaust the pool; a run that would wait for itself raises an error.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect._lazy import exports

if TYPE_CHECKING:
    from prefect.futures.core import (
        PrefectConcurrentFuture,
        PrefectFuture,
        PrefectTaskRunFuture,
        PrefectWrappedFuture,
    )
    from prefect.futures.distributed import PrefectDistributedFuture
    from prefect.futures.flow_run import PrefectFlowRunFuture
    from prefect.futures.slots import Slot as Slot
    from prefect.futures.slots import current_slot as current_slot
    from prefect.futures.waiting import (
        DoneAndNotDoneFutures,
        PrefectFutureList,
        as_completed,
        resolve_futures_to_results,
        resolve_futures_to_states,
        wait,
    )
    from prefect.futures.waiting import call_when_done as call_when_done
    from prefect.futures.waiting import waits_here as waits_here

__all__ = [
    "DoneAndNotDoneFutures",
    "PrefectConcurrentFuture",
    "PrefectDistributedFuture",
    "PrefectFlowRunFuture",
    "PrefectFuture",
    "PrefectFutureList",
    "PrefectTaskRunFuture",
    "PrefectWrappedFuture",
    "as_completed",
    "resolve_futures_to_results",
    "resolve_futures_to_states",
    "wait",
]

_EXPORTS = {
    "prefect.futures.core": ("PrefectConcurrentFuture PrefectFuture PrefectTaskRunFuture PrefectWrappedFuture"),
    "prefect.futures.distributed": "PrefectDistributedFuture",
    "prefect.futures.flow_run": "PrefectFlowRunFuture",
    "prefect.futures.slots": "Slot current_slot",
    "prefect.futures.waiting": (
        "DoneAndNotDoneFutures PrefectFutureList as_completed call_when_done resolve_futures_to_results "
        "resolve_futures_to_states wait waits_here"
    ),
}

__getattr__, __dir__ = exports(__name__, _EXPORTS)
