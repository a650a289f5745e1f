"""Intervals of heartbeats of a flow run's process, and for how long the run counts as alive after one.

The one place for both sides: the client that sends them and the server that waits for them. A killed program's run is
Crashed after at most a lease and a sweep: 25 + 3 seconds by default. A heartbeat that is late by up to one and a half
intervals does no harm.
"""

from __future__ import annotations

HEARTBEAT_INTERVAL_SECONDS = 10.0
"""Between two heartbeats of a process, unless the setting `flows.heartbeat_frequency` is set or the server asks for a
longer interval."""

EVENT_INTERVAL_SECONDS = 30.0
"""The same for a server that takes heartbeats as events, which it stores. It does not watch for missing ones itself."""

LEASE_INTERVALS = 2.5
"""For how many intervals a run counts as alive after a heartbeat."""

SWEEP_INTERVAL_SECONDS = 3.0
"""Between two checks of a server for runs whose lease has expired."""

CLIENT_RETRY_SECONDS = 15.0
"""In which a client whose heartbeat was not answered sends it again: its timeout, and its longest pause."""

MAX_HEARTBEATS_PER_SECOND = 200
"""Heartbeats of runs that a server wants to get: with more than 2,000 live runs it asks for longer intervals."""

INTERVAL_FIELD = "heartbeat_interval_seconds"
"""The field of a server's answer to heartbeats that names the interval it asks for."""


def lease_seconds(interval: float) -> float:
    """Return for how long a run counts as alive after a heartbeat if the next one is due in `interval` seconds."""
    return LEASE_INTERVALS * interval
