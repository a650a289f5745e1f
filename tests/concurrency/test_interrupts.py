"""A program that is interrupted while it takes or gives back slots: none stays taken, and nothing stays locked."""

from __future__ import annotations

import itertools

import pytest

from prefect.client.orchestration import get_client
from prefect.concurrency.sync import concurrency
from tests.interrupts import Interrupter, traced, tracing

STRIDE = 13
"""Every such moment is tried: all of them take half a minute, and neighbours are alike."""


def is_interrupted(trace: Interrupter) -> bool:
    """Hold a slot for a moment and return whether that was interrupted."""
    try:
        with tracing(trace), concurrency("db"):
            pass
    except KeyboardInterrupt:
        return True
    return False


@pytest.mark.usefixtures("home")
@traced
def test_slots_are_free_when_taking_or_releasing_them_was_interrupted() -> None:
    client = get_client(sync_client=True)
    client.upsert_global_concurrency_limit_by_name("db", 1)
    with concurrency("db"):
        pass
    for at in itertools.count(STRIDE, STRIDE):
        trace = Interrupter(at)
        interrupted = is_interrupted(trace)
        if trace.moments < at:
            break
        assert interrupted, at
        assert client.read_global_concurrency_limit_by_name("db").active_slots == 0, at
        with concurrency("db", timeout_seconds=0):
            pass
    assert at > 20 * STRIDE
