"""The outbox: the journal of a process with an API URL, whose records are shipped to that server.

Each server has a separate file. A thread of the process ships committed records and removes those that the server has
acknowledged. While the server is unavailable the records wait; those left by a process are shipped by the next one, or
by `prefect journal ship`. Delivery is at least once. This package decides nothing about runs and must not change the
meaning of a record: it sends records as they are, or as operations of the API.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from prefect import journal, settings
from prefect._io import drive
from prefect._lazy import lazy_from

if TYPE_CHECKING:
    from prefect.journal.writer import Journal
    from prefect.outbox import api_connection, shipper, store
    from prefect.outbox.shipper import Shipper
    from prefect.settings import Settings
else:
    api_connection, shipper, store = lazy_from("prefect.outbox", "api_connection", "shipper", "store")

__all__ = [
    "create_shipper",
    "find_refusal",
    "find_unavailable_reason",
    "leave_waiting",
    "prepare_connection",
    "use_journal",
]


def use_journal() -> Journal:
    """Return the journal of the current settings: the home's own, or the outbox of the server that they name."""
    current = settings.get_current_settings()
    url = current.api.url
    if not url:
        return journal.use(current.home)
    return journal.use(current.home, store.file_name(url), lambda: create_shipper(current))


def leave_waiting() -> None:
    """Let this process end without waiting for an unavailable server: what waits is on disk, and others ship it."""
    current = use_journal()
    if isinstance(current.forwarder, shipper.Shipper):
        current.forwarder.stop_waiting()


def prepare_connection() -> None:
    """Do now what the first records of this process would wait for: open the journal, and ask the server what it is."""
    forwarder = use_journal().forwarder
    if isinstance(forwarder, shipper.Shipper):
        with contextlib.suppress(Exception):  # an unavailable server is asked again
            drive(forwarder.api.accepts_journals())


def find_unavailable_reason() -> str | None:
    """Return why the server has not taken what this process has recorded; None if it has, or there is none."""
    forwarder = use_journal().forwarder
    return forwarder.unavailable_reason if isinstance(forwarder, shipper.Shipper) else None


def find_refusal(record_id: str) -> str | None:
    """Return why the server has refused a record of this home; None if it has not, or there is none."""
    forwarder = use_journal().forwarder
    if not isinstance(forwarder, shipper.Shipper):
        return None
    return next((reason for reason, record in forwarder.outbox.read_refused() if record_id in record), None)


def create_shipper(current: Settings) -> Shipper:
    """Return the shipper of the outbox of these settings' server."""
    return shipper.Shipper(store.Outbox(current.home, str(current.api.url)), api_connection.ApiConnection(current))
