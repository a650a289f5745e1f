"""The local application: the API's operations as calls in this process, on the store of one home directory.

The client's transport finds it by name at run time. An operation is named by its method and route as the REST API has
it, takes the same parameters, and answers with Python values. Before any of them the journal is applied, so that what
was recorded is seen; now and then runs whose process is gone are found.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from prefect import journal
from prefect._io import blocking
from prefect.server.db.errors import Duplicate, Unstorable
from prefect.server.db.interface import Transaction
from prefect.server.db.sqlite.database import SqliteDatabase, open_home
from prefect.server.local_changes import LocalChanges
from prefect.server.principals import LOCAL, Principal
from prefect.server.routes import find_operation, match_path
from prefect.server.routes.core.execution import execute
from prefect.server.routes.core.operation import Operation, RawResponse, RequestInfo, StatusResponse
from prefect.server.routes.core.parameters import (
    build_arguments,
    find_request_info_parameter,
    list_parameters,
    validate_parameters,
)
from prefect.server.services.concurrency import leases
from prefect.server.services.core.errors import InvalidRequest, NotFound, ServiceError
from prefect.server.services.runs import background_tasks
from prefect.server.services.runs.ingestion.journal_ingestion import JournalUnreadable, apply_journal
from prefect.server.services.runs.liveness.orphans import crash_orphans
from prefect.server.services.upkeep import retention
from prefect.types import json_codec

logger = logging.getLogger("prefect.client")

ORPHAN_CHECK_INTERVAL_SECONDS = 5.0
"""Seconds between two searches for runs whose process is gone."""

FLUSH_TIMEOUT_SECONDS = 10.0
"""Seconds to wait for this process's own records to reach the disk."""


class LocalApplication:
    """The API of the local store of a home directory.

    Args:
        home: The directory.
        principal: Who it acts for.
    """

    def __init__(self, home: Path, principal: Principal = LOCAL) -> None:
        self.home = home
        self.principal = principal
        self.database = open_home(home)
        self.changes = get_changes(home, self.database)
        self._last_orphan_check = float("-inf")
        self._has_warned = False

    async def call(
        self,
        method: str,
        route: str,
        params: Mapping[str, Any],
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """Call an operation.

        Args:
            method: The HTTP method.
            route: The path as the API declares it, for instance `"/flow_runs/{id}"`.
            params: The parameters of its path and its query.
            body: The values of its body, or a model.
            headers: The headers of the request, by names in lower case.

        Raises:
            ServiceError: It cannot be done, as the error's class and message say.
            StoreError: The local store cannot be used.
        """
        try:
            operation = find_operation(method, route)
        except LookupError:
            raise NotFound("operation", f"{method} {route}") from None
        result = await self.execute(operation, params, body, headers)
        return result.body if isinstance(result, StatusResponse) else result

    async def execute(
        self,
        operation: Operation,
        params: Mapping[str, Any],
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """Execute an operation like `call`, but return a `StatusResponse` with its status instead of only its body."""
        if operation.reads_runs:
            await self.catch_up()
        operation.authorize(self.principal)
        arguments = build_arguments(operation, validate_parameters(operation, params, body))
        info_name = find_request_info_parameter(operation)
        if info_name is not None:
            arguments[info_name] = RequestInfo(self.principal, headers=dict(headers or {}))
        return await execute(operation, self.database, self.principal, arguments, self.changes)

    async def respond(
        self,
        method: str,
        path: str,
        query: Mapping[str, Sequence[str]],
        headers: Mapping[str, str],
        body: bytes,
    ) -> tuple[int, Mapping[str, str], Any]:
        """Answer an HTTP request.

        Args:
            method: The HTTP method.
            path: The path below the API.
            query: The values of each name in the query.
            headers: The headers, whose names are looked up in lower case.
            body: The body.

        Returns:
            The status, headers, and the answer: bytes as they are, or a value to be encoded as JSON.
        """
        try:
            operation, path_params = match_path(method, path)
            params, values = _read_request(operation, query, headers, body)
            answer = await self.execute(operation, {**params, **path_params}, values, _lower(headers))
        except ServiceError as refusal:
            return refusal.status, refusal.headers, {refusal.key: str(refusal)}
        except (Duplicate, Unstorable) as error:
            return 409 if isinstance(error, Duplicate) else 422, {}, {"detail": str(error)}
        status = operation.status
        if isinstance(answer, StatusResponse):
            answer, status = answer.body, answer.code
        if isinstance(answer, RawResponse):
            return status, {"content-type": answer.media_type, **answer.headers}, answer.body
        return status, {}, answer

    async def catch_up(self) -> None:
        """Apply the journal, crash runs whose process is gone, and remove events that are too old."""
        own = journal.current()
        if own is not None and own.home == self.home:
            await blocking(own.flush, FLUSH_TIMEOUT_SECONDS)
        try:
            await apply_journal(self.database, self.home)
            if time.monotonic() - self._last_orphan_check > ORPHAN_CHECK_INTERVAL_SECONDS:
                await crash_orphans(self.database, self.home)
                await retention.prune_local_store(self.database)
                self._last_orphan_check = time.monotonic()
        except JournalUnreadable as error:
            # What was applied before can still be read.
            if not self._has_warned:
                self._has_warned = True
                logger.warning("%s", error)


def get_changes(home: Path, database: SqliteDatabase) -> LocalChanges:
    """Return what waits for changes of the local store of a home directory; one object a store."""
    changes = _changes.get(database.path)
    if changes is None:

        async def end_lost() -> None:
            await apply_journal(database, home)  # what dead processes have recorded
            await database.write(leases.end_lost)
            await database.write(background_tasks.deliver_again)

        changes = _changes[database.path] = LocalChanges(
            database, database.path, _has_lost, end_lost, leases.count_waiting_processes
        )
    return changes


async def _has_lost(tx: Transaction) -> bool:
    return await leases.has_lost(tx) or await background_tasks.has_lost_claims(tx)


_changes: dict[Path, LocalChanges] = {}


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _read_request(
    operation: Operation, query: Mapping[str, Sequence[str]], headers: Mapping[str, str], body: bytes
) -> tuple[dict[str, Any], Any]:
    """Return the parameters of an operation that a request has besides its path, and its JSON body.

    Raises:
        InvalidRequest: The body is not JSON, or not an object where its fields are parameters.
    """
    params: dict[str, Any] = {}
    has_json = has_fields = False
    for parameter in list_parameters(operation):
        name = parameter.alias or parameter.name
        if parameter.location == "query":
            values = query.get(name)
            if values:
                params[name] = values[0] if len(values) == 1 else values
        elif parameter.location == "header":
            params[name] = headers.get(parameter.alias or name.replace("_", "-"))
        elif parameter.location == "raw":
            params[name] = body
        elif parameter.location != "path":
            has_json, has_fields = True, has_fields or parameter.location == "body"
    if not has_json or not body:
        return params, None
    try:
        values = json_codec.loads_foreign(body)
    except json_codec.JSONDecodeError as error:
        raise InvalidRequest(f"The body is not JSON: {error}.") from None
    if has_fields and not isinstance(values, dict | None):
        raise InvalidRequest("The body must be a JSON object.")
    return params, values
