"""A clock that a test sets: what the server takes for the present."""

from __future__ import annotations

import sys
from datetime import datetime, timedelta

import pytest

from prefect import types


class Clock:
    """The time, which stands still until it is moved.

    Args:
        monkeypatch: What puts the clock into every module of the server that asks for the time, and out again.
        at: The first moment.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, at: datetime) -> None:
        self.at = at
        for name, module in list(sys.modules.items()):
            if name.startswith("prefect.server.") and getattr(module, "now", None) is types.now:
                monkeypatch.setattr(module, "now", lambda: self.at)

    def advance(self, **by: float) -> datetime:
        """Move it on, by seconds, minutes and so on, and return the time that it shows then."""
        self.at += timedelta(**by)
        return self.at
