"""Concurrency limits through the client."""

import _served  # noqa: F401
from _facts import client, fact, trace

from prefect.client.schemas.actions import GlobalConcurrencyLimitCreate, GlobalConcurrencyLimitUpdate
from prefect.exceptions import PrefectHTTPStatusError


def status(call):
    try:
        return call().status_code
    except PrefectHTTPStatusError as error:
        return [error.response.status_code, "Retry-After" in error.response.headers]


def found(api):
    """The limits of this program."""
    limits = api.read_global_concurrency_limits(limit=100, offset=0)
    return [each for each in limits if each.name in ("db", "other")]


with client() as api:
    api.create_global_concurrency_limit(GlobalConcurrencyLimitCreate(name="db", limit=2))
    limit = api.read_global_concurrency_limit_by_name("db")
    fact("created", [limit.name, limit.limit, limit.active, limit.active_slots, limit.slot_decay_per_second])
    fact("taken", status(lambda: api.increment_concurrency_slots(["db"], 2, "concurrency")))
    fact("slots", api.read_global_concurrency_limit_by_name("db").active_slots)
    fact("too many", status(lambda: api.increment_concurrency_slots(["db"], 3, "concurrency")))
    fact("released", status(lambda: api.release_concurrency_slots(["db"], 2, 0.1)))
    fact("slots after", api.read_global_concurrency_limit_by_name("db").active_slots)
    api.update_global_concurrency_limit("db", GlobalConcurrencyLimitUpdate(limit=5, active=False))
    limit = api.read_global_concurrency_limit_by_name("db")
    fact("updated", [limit.limit, limit.active])
    fact("all", [each.name for each in found(api)])
    api.upsert_global_concurrency_limit_by_name("db", 9)
    api.upsert_global_concurrency_limit_by_name("other", 1)
    fact("upserted", sorted([each.name, each.limit] for each in found(api)))
    api.delete_global_concurrency_limit_by_name("other")
    api.delete_global_concurrency_limit_by_name("db")
    trace("deleted", lambda: api.read_global_concurrency_limit_by_name("db"))
    api.create_concurrency_limit("tag", 1)
    tagged = api.read_concurrency_limit_by_tag("tag")
    fact("tag", [tagged.tag, tagged.concurrency_limit, tagged.active_slots])
    api.delete_concurrency_limit_by_tag("tag")
    trace("tag deleted", lambda: api.read_concurrency_limit_by_tag("tag"))
