"""Heartbeats of the flow runs of this process, by which the server notices when it is gone.

One request has those of all runs. A run's first one is due immediately, the others after the interval that the last
one named: the server may ask for a longer one from then on.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING
from uuid import UUID

from prefect._io import drive
from prefect.client.failures import is_refusal
from prefect.outbox.api_connection import ApiConnection
from prefect.schemas import liveness
from prefect.types import new_id, now

if TYPE_CHECKING:
    from prefect.outbox.delivery import Delivery

SLOT_LEASE_SECONDS = 300
"""How long a flow run holds a slot of its deployment unless it renews the lease."""
SLOT_RENEWAL_SECONDS = 60.0
"""Between two renewals of such a lease."""
RENEW_LEASE_ROUTE = "/v2/concurrency_limits/leases/{lease_id}/renew"


class Heartbeats:
    """The runs of one process that one server must know to be alive.

    Args:
        api: The connection to the server.
        get_delivery: Returns the delivery to the server.
    """

    def __init__(self, api: ApiConnection, get_delivery: Callable[[], Delivery]) -> None:
        self._api = api
        self._get_delivery = get_delivery
        flows = api.settings.flows
        self._is_configured = "heartbeat_frequency" in flows.model_fields_set
        self._configured: float | None = flows.heartbeat_frequency if self._is_configured else None
        self._requested = 0.0
        self._runs: dict[str, None] = {}
        self._unannounced: dict[str, None] = {}
        self._due = 0.0
        self._slots: dict[str, tuple[UUID, float]] = {}

    def start(self, flow_run_id: str) -> None:
        """Send heartbeats of a flow run from now on."""
        self._runs[flow_run_id] = self._unannounced[flow_run_id] = None

    def stop(self, flow_run_id: str) -> None:
        """Stop the heartbeats of a flow run, and the renewal of its slot's lease."""
        self._runs.pop(flow_run_id, None)
        self._unannounced.pop(flow_run_id, None)
        self._slots.pop(flow_run_id, None)

    def renew_slot(self, flow_run_id: str, lease_id: UUID) -> None:
        """Renew the lease of a deployment's slot until the flow run's heartbeats stop."""
        self._slots[flow_run_id] = (lease_id, time.monotonic() + SLOT_RENEWAL_SECONDS)

    def seconds_until_due(self) -> float | None:
        """Return in how many seconds `send_due` has something to send; None when it never has."""
        due = [renewal for _, renewal in list(self._slots.values())]
        if self._runs and not (self._is_configured and self._configured is None):
            due.append(0.0 if self._unannounced else self._due)
        return max(0.0, min(due) - time.monotonic()) if due else None

    def send_due(self) -> bool:
        """Send the heartbeats that are due, and return whether the server has answered.

        Raises:
            Exception: The server did not take them, and they are still due.
        """
        at, has_answered = time.monotonic(), False
        for flow_run_id, (lease_id, due) in list(self._slots.items()):
            if at >= due:
                self._renew(flow_run_id, lease_id)
                has_answered = True
        is_due = at >= self._due
        runs = list(self._runs if is_due else self._unannounced)
        if not runs or (self._is_configured and self._configured is None):
            return has_answered
        delivery = self._get_delivery()
        interval = max(self._configured or delivery.heartbeat_interval, self._requested)
        fields = {"kind": "heartbeat", "at": now().isoformat(), "ttl": liveness.lease_seconds(interval)}
        try:
            requested = delivery.send_heartbeats([{**fields, "id": str(new_id()), "flow_run_id": run} for run in runs])
        except Exception as error:
            if not is_refusal(error):
                raise
            requested = None  # a server that does not accept heartbeats still accepts records, which are sent next
        for run in runs:
            self._unannounced.pop(run, None)
        if is_due:
            self._due = at + interval
        self._requested = requested or 0.0
        return True

    def _renew(self, flow_run_id: str, lease_id: UUID) -> None:
        body = {"lease_duration": SLOT_LEASE_SECONDS}
        try:
            drive(self._api.call_once("POST", RENEW_LEASE_ROUTE, body, lease_id=lease_id))
        except Exception as error:
            if not is_refusal(error):
                raise
            self._slots.pop(flow_run_id, None)  # the lease has ended; the server decides what follows from that
            return
        if flow_run_id in self._slots:
            self.renew_slot(flow_run_id, lease_id)
