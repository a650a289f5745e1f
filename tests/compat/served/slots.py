"""The context managers for concurrency and rates."""
# clients: original

import _served  # noqa: F401
from _facts import client, fact, trace

from prefect import flow
from prefect.client.schemas.actions import GlobalConcurrencyLimitCreate
from prefect.concurrency.sync import concurrency, rate_limit

with client() as api:
    api.create_global_concurrency_limit(GlobalConcurrencyLimitCreate(name="seats", limit=2))
    api.create_global_concurrency_limit(GlobalConcurrencyLimitCreate(name="pace", limit=5, slot_decay_per_second=5))


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
