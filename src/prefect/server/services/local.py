"""The local application: the API's operations as calls in this process, on the store of one home directory.

The client's transport finds it by name at run time. Each operation is named by its method and route as the REST API
has it, runs one service in one transaction, and answers with Python values. Before any of them the journal is applied,
so that what was recorded is seen; now and then runs whose process is gone are found.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from prefect import journal
from prefect._io import blocking
from prefect.server import store
from prefect.server.db.connection import Connection, open_home
from prefect.server.services import changing, reading
from prefect.server.services.apply import JournalUnreadable, apply
from prefect.server.services.errors import Invalid
from prefect.server.services.owners import crash_orphans

logger = logging.getLogger("prefect.client")

OWNERS_EVERY = 5.0
"""Seconds between two looks for runs whose process is gone."""

FLUSH_TIMEOUT = 10.0
"""Seconds to wait for this process's own records to reach the disk."""

Operation = Callable[[Connection, Mapping[str, Any], Any], Awaitable[Any]]
"""Given a transaction, the parameters of path and query, and the body."""


class LocalApplication:
    """The API of the local store of a home directory.

    Args:
        home: The directory.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        self.database = open_home(home)
        self._looked = float("-inf")
        self._warned = False

    async def call(self, method: str, route: str, params: Mapping[str, Any], body: Any = None) -> Any:
        """Carry out an operation.

        Args:
            method: The HTTP method.
            route: The path as the API declares it, for instance `"/flow_runs/{id}"`.
            params: The parameters of its path and its query.
            body: The values of its body.

        Raises:
            Missing: There is no such object.
            Invalid: The request makes no sense.
            StoreError: The local store cannot be used.
        """
        await self.catch_up()
        reads, operation = _OPERATIONS[method, route]
        begin = self.database.reading if reads else self.database.writing
        async with begin() as tx:
            return await operation(tx, params, body)

    async def catch_up(self) -> None:
        """Apply the journal, and crash runs whose process is gone."""
        own = journal.current()
        if own is not None and own.home == self.home:
            await blocking(own.flush, FLUSH_TIMEOUT)
        try:
            await apply(self.database, self.home)
            if time.monotonic() - self._looked > OWNERS_EVERY:
                await crash_orphans(self.database, self.home)
                self._looked = time.monotonic()
        except JournalUnreadable as error:
            # What was applied before can still be read.
            if not self._warned:
                self._warned = True
                logger.warning("%s", error)


def _reads(service: Callable[..., Awaitable[Any]], *names: str) -> tuple[bool, Operation]:
    """A service that takes the named parameters, then the fields of the body as filters."""

    async def operation(tx: Connection, params: Mapping[str, Any], body: Any) -> Any:
        return await service(tx, *(params[name] for name in names), **(body or {}))

    return True, operation


def _counts(collection: store.Collection) -> tuple[bool, Operation]:
    async def operation(tx: Connection, params: Mapping[str, Any], body: Any) -> Any:
        return await reading.count(tx, collection, **(body or {}))

    return True, operation


def _writes(service: Callable[..., Awaitable[Any]], *names: str) -> tuple[bool, Operation]:
    """A service that takes the named parameters, then the body if there is one."""

    async def operation(tx: Connection, params: Mapping[str, Any], body: Any) -> Any:
        return await service(tx, *(params[name] for name in names), *(() if body is None else (body,)))

    return False, operation


def _changes(collection: store.Collection) -> tuple[bool, Operation]:
    async def operation(tx: Connection, params: Mapping[str, Any], body: Any) -> Any:
        return await changing.change_run(tx, collection, params["id"], body)

    return False, operation


def _creates(service: Callable[..., Awaitable[Any]]) -> tuple[bool, Operation]:
    """A service that creates a run, whose body may hold its first state."""

    async def operation(tx: Connection, params: Mapping[str, Any], body: Any) -> Any:
        values = dict(body)
        return await service(tx, values, values.pop("state", None))

    return False, operation


def _sets_state(collection: store.Collection) -> tuple[bool, Operation]:
    async def operation(tx: Connection, params: Mapping[str, Any], body: Any) -> Any:
        if not isinstance(body.get("state"), Mapping):
            raise Invalid("A state must be given.")
        state = await changing.set_state(tx, collection, params["id"], body["state"])
        return {"state": state, "status": "ACCEPT", "details": {"type": "accept_details"}}

    return False, operation


_OPERATIONS: dict[tuple[str, str], tuple[bool, Operation]] = {
    ("POST", "/flows/"): _writes(changing.add_flow),
    ("GET", "/flows/{id}"): _reads(reading.get_flow, "id"),
    ("GET", "/flows/name/{name}"): _reads(reading.get_flow_by_name, "name"),
    ("POST", "/flows/filter"): _reads(reading.find_flows),
    ("POST", "/flows/count"): _counts(store.flows),
    ("DELETE", "/flows/{id}"): _writes(changing.remove_flow, "id"),
    ("POST", "/flow_runs/"): _creates(changing.add_flow_run),
    ("GET", "/flow_runs/{id}"): _reads(reading.get_flow_run, "id"),
    ("POST", "/flow_runs/filter"): _reads(reading.find_flow_runs),
    ("POST", "/flow_runs/count"): _counts(store.flow_runs),
    ("PATCH", "/flow_runs/{id}"): _changes(store.flow_runs),
    ("PATCH", "/flow_runs/{id}/labels"): _writes(changing.add_labels, "id"),
    ("POST", "/flow_runs/{id}/set_state"): _sets_state(store.flow_runs),
    ("DELETE", "/flow_runs/{id}"): _writes(changing.remove_flow_run, "id"),
    ("GET", "/flow_run_states/"): _reads(reading.get_flow_run_states, "flow_run_id"),
    ("GET", "/flow_run_states/{id}"): _reads(reading.get_flow_run_state, "id"),
    ("POST", "/task_runs/"): _creates(changing.add_task_run),
    ("GET", "/task_runs/{id}"): _reads(reading.get_task_run, "id"),
    ("POST", "/task_runs/filter"): _reads(reading.find_task_runs),
    ("POST", "/task_runs/count"): _counts(store.task_runs),
    ("PATCH", "/task_runs/{id}"): _changes(store.task_runs),
    ("POST", "/task_runs/{id}/set_state"): _sets_state(store.task_runs),
    ("DELETE", "/task_runs/{id}"): _writes(changing.remove_task_run, "id"),
    ("GET", "/task_run_states/"): _reads(reading.get_task_run_states, "task_run_id"),
    ("POST", "/logs/"): _writes(changing.add_logs),
    ("POST", "/logs/filter"): _reads(reading.find_logs),
    ("POST", "/artifacts/"): _writes(changing.add_artifact),
    ("GET", "/artifacts/{id}"): _reads(reading.get_artifact, "id"),
    ("GET", "/artifacts/{key}/latest"): _reads(reading.get_latest_artifact, "key"),
    ("POST", "/artifacts/filter"): _reads(reading.find_artifacts),
    ("POST", "/artifacts/count"): _counts(store.artifacts),
    ("POST", "/artifacts/latest/filter"): _reads(reading.find_latest_artifacts),
    ("POST", "/artifacts/latest/count"): _reads(reading.count_latest_artifacts),
    ("PATCH", "/artifacts/{id}"): _writes(changing.change_artifact, "id"),
    ("DELETE", "/artifacts/{id}"): _writes(changing.remove_artifact, "id"),
}
