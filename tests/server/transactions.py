"""Transactions whose methods are replaced, in whichever class of the databases they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from prefect.server.db.postgres.database import PostgresTransaction
from prefect.server.db.sqlite.database import SqliteTransaction
from prefect.server.db.sqlite.writer import ThreadTransaction


def replace_method(monkeypatch: pytest.MonkeyPatch, name: str, make: Callable[[Any], Any]) -> None:
    """Replace a method of all kinds of transactions by what `make` returns for the original one."""
    for kind in (SqliteTransaction, ThreadTransaction, PostgresTransaction):
        if name in vars(kind):
            monkeypatch.setattr(kind, name, make(vars(kind)[name]))
