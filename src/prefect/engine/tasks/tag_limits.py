"""Limits on how many task runs with a tag run at the same time: a task run holds a slot of each while its body runs.

Which tags have a limit is remembered for a moment, since most have none. An unavailable server limits nothing: the run
must not fail for it.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from uuid import UUID

from prefect._lazy import lazy, lazy_from
from prefect.client import failures
from prefect.logging.loggers import get_logger
from prefect.settings import get_current_settings

if TYPE_CHECKING:
    from prefect.client import transport
    from prefect.client.transport import Transport
    from prefect.concurrency import holding, slots
    from prefect.concurrency.holding import Holding
else:
    transport = lazy("prefect.client.transport")
    holding, slots = lazy_from("prefect.concurrency", "holding", "slots")

STORE_FILE = "pluperfect.db"
"""The file of the local store; without it there are no limits."""

REFRESH_SECONDS = 1.0
"""How long the tags that have a limit are cached."""

PAGE_SIZE = 200


async def take_slots(tags: Iterable[str], task_run_id: UUID) -> Holding | None:
    """Wait for a slot of the limit of each tag and hold it; return None when no tag has a limit.

    Raises:
        ConcurrencySlotAcquisitionError: The API refuses, because a limit has no slots at all.
    """
    limited = await _known_limits.find()
    names = tuple(f"tag:{tag}" for tag in tags if tag in limited)
    if not names:
        return None
    holder = {"type": "task_run", "id": str(task_run_id)}
    request = slots.SlotRequest(names, 1, holder=holder, suppress_warnings=True)
    held = holding.Holding(request, raises=False, interrupt=lambda: None)
    try:
        await held.acquire()
    except slots.ConcurrencySlotAcquisitionError as error:
        if error.__cause__ is not None and failures.is_refusal(error.__cause__):
            raise
        get_logger("engine").warning("%s The task run continues without them.", error)
        return None
    return held


class _KnownLimits:
    """The tags that have a limit, by what was read last."""

    def __init__(self) -> None:
        self._api: Transport | None = None
        self._tags: frozenset[str] = frozenset()
        self._read_at = float("-inf")

    async def find(self) -> frozenset[str]:
        """Return the tags that have a limit."""
        current = get_current_settings()
        if not current.api.url and not (current.home / STORE_FILE).exists():
            return frozenset()
        api = transport.get_shared_transport()
        if api is self._api and time.monotonic() - self._read_at < REFRESH_SECONDS:
            return self._tags
        try:
            tags = await _read_tags(api)
        except Exception as error:  # the server is unavailable, or the store cannot be read
            get_logger("engine").debug("The limits of tags cannot be read: %s", error)
            tags = frozenset[str]()
        self._api, self._tags, self._read_at = api, tags, time.monotonic()
        return tags


async def _read_tags(api: Transport) -> frozenset[str]:
    tags: set[str] = set()
    while True:
        body = {"limit": PAGE_SIZE, "offset": len(tags)}
        found: list[Any] = await api.call("POST", "/concurrency_limits/filter", {}, body)
        tags |= {limit["tag"] for limit in found}
        if len(found) < PAGE_SIZE:
            return frozenset(tags)


_known_limits = _KnownLimits()
