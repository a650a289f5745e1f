"""The context managers for concurrency and rates."""

import _served  # noqa: F401
from _facts import client, fact, trace

from prefect import flow
from prefect.concurrency.sync import concurrency, rate_limit

with client() as api:
    api.upsert_global_concurrency_limit_by_name("seats", 2)
    api.upsert_global_concurrency_limit_by_name("pace", 5, 0.1)  # slower than the next look


@flow
def sitting():
    with concurrency("seats", occupy=2):
        with client() as api:
            return api.read_global_concurrency_limit_by_name("seats").active_slots


fact("held", sitting())
with client() as api:
    fact("given back", api.read_global_concurrency_limit_by_name("seats").active_slots)


def too_many():
    with concurrency("seats", occupy=2):
        with concurrency("seats", occupy=1, timeout_seconds=1):
            pass


trace("taken", too_many)
trace("unknown, strictly", lambda: concurrency("nothing", strict=True).__enter__())
rate_limit("pace", occupy=2)
with client() as api:
    fact("paced", api.read_global_concurrency_limit_by_name("pace").active_slots > 0)
