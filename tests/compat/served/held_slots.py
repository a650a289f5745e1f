"""Slots of limits held by programs: sync, async, missing limits, timeouts, rate limits, the older interface."""

import asyncio
from uuid import uuid4

import _served  # noqa: F401
from _facts import client, fact, trace

from prefect.concurrency.asyncio import concurrency as async_concurrency
from prefect.concurrency.sync import concurrency, rate_limit
from prefect.concurrency.v1.sync import concurrency as concurrency_of_tags


def active(name):
    with client() as api:
        return api.read_global_concurrency_limit_by_name(name).active_slots


def take(*names, **options):
    with concurrency(list(names), **options):
        return [active(name) for name in names]


def nested():
    with concurrency("held-a", occupy=2):
        take("held-a", timeout_seconds=0.5)


async def take_async():
    async with async_concurrency(["held-a", "held-b"], occupy=1):
        return await asyncio.to_thread(lambda: [active("held-a"), active("held-b")])


with client() as api:
    api.upsert_global_concurrency_limit_by_name("held-a", 2)
    api.upsert_global_concurrency_limit_by_name("held-b", 1)
    api.upsert_global_concurrency_limit_by_name("held-rate", 2, 50.0)
    api.create_concurrency_limit("held-tag", 1)

fact("one", take("held-a"))
fact("two", take("held-a", "held-b"))
fact("occupied", take("held-a", occupy=2))
fact("after", [active("held-a"), active("held-b")])
fact("async", asyncio.run(take_async()))
trace("strict", lambda: take("held-nothing", strict=True))
try:
    nested()
except TimeoutError:
    fact("timeout", "TimeoutError")
fact("rate", [rate_limit("held-rate") for _ in range(4)])
with concurrency_of_tags("held-tag", uuid4()), client() as api:
    fact("tag", len(api.read_concurrency_limit_by_tag("held-tag").active_slots))
with client() as api:
    fact("tag after", len(api.read_concurrency_limit_by_tag("held-tag").active_slots))
    for name in ("held-a", "held-b", "held-rate"):
        api.delete_global_concurrency_limit_by_name(name)
    api.delete_concurrency_limit_by_tag("held-tag")
