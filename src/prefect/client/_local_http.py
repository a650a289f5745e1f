"""httpx clients whose requests the local application answers in this process, without a socket.

Programs use them as `client._client`: what works with a server's httpx client works with the local store as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from prefect._io import drive
from prefect._lazy import lazy
from prefect.client import _encoding
from prefect.client._http import PrefectHttpxAsyncClient, PrefectHttpxSyncClient
from prefect.client._httpx import httpx
from prefect.client.transport import HttpClients, LocalTransport

if TYPE_CHECKING:
    from types import ModuleType

operation: ModuleType = lazy("prefect.server.routes.operation")
routes: ModuleType = lazy("prefect.server.routes")
db_errors: ModuleType = lazy("prefect.server.db.errors")
parameters: ModuleType = lazy("prefect.server.routes.parameters")
errors: ModuleType = lazy("prefect.server.services.core.errors")


def create_clients(transport: LocalTransport) -> HttpClients:
    """Return the httpx clients of a home directory's local store."""
    application = transport.application
    options: dict[str, Any] = {"base_url": transport.url, "transport": _LocalHttpTransport(application)}
    return HttpClients(
        lambda: PrefectHttpxSyncClient(**options),
        lambda keep_connections: PrefectHttpxAsyncClient(**options),
    )


class _LocalHttpTransport(httpx.AsyncBaseTransport, httpx.BaseTransport):
    """Turns HTTP requests into calls of the local application.

    Args:
        application: The local application.
    """

    def __init__(self, application: Any) -> None:
        self._application = application
        self._base_path = httpx.URL(LocalTransport.url).path.rstrip("/")

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return await self._respond(request, await request.aread())

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return drive(self._respond(request, request.read()))

    async def _respond(self, request: httpx.Request, body: bytes) -> httpx.Response:
        try:
            found, path_params = routes.match_path(request.method, request.url.path.removeprefix(self._base_path))
            params, values = _read_request(found, request, body)
            answer = await self._application.execute(found, {**params, **path_params}, values)
        except errors.ServiceError as refusal:
            return httpx.Response(refusal.status, headers=refusal.headers, json={refusal.key: str(refusal)})
        except (db_errors.Duplicate, db_errors.Unstorable) as error:
            return httpx.Response(409 if isinstance(error, db_errors.Duplicate) else 422, json={"detail": str(error)})
        return _create_response(answer, found.status)


def _read_request(found: Any, request: httpx.Request, body: bytes) -> tuple[dict[str, Any], Any]:
    """Return the parameters of an operation that are in the query, the headers and the raw body; and the JSON body.

    Raises:
        InvalidRequest: The body is not JSON, or not an object where its fields are parameters.
    """
    params: dict[str, Any] = {}
    json = fields = False
    for parameter in parameters.list_parameters(found):
        name = parameter.alias or parameter.name
        if parameter.location == "query":
            values = request.url.params.get_list(name)
            if values:
                params[name] = values[0] if len(values) == 1 else values
        elif parameter.location == "header":
            params[name] = request.headers.get(parameter.alias or name.replace("_", "-"))
        elif parameter.location == "raw":
            params[name] = body
        else:
            json, fields = True, fields or parameter.location == "body"
    if not json or not body:
        return params, None
    try:
        values = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise errors.InvalidRequest(f"The body is not JSON: {error}.") from None
    if fields and not isinstance(values, dict | None):
        raise errors.InvalidRequest("The body must be a JSON object.")
    return params, values


def _create_response(answer: Any, status: int) -> httpx.Response:
    if isinstance(answer, operation.StatusResponse):
        answer, status = answer.body, answer.code
    if isinstance(answer, operation.RawResponse):
        return httpx.Response(
            status, content=answer.body, headers={"content-type": answer.media_type, **answer.headers}
        )
    if status == 204:
        return httpx.Response(204)
    return httpx.Response(status, content=_encoding.encode(answer), headers={"content-type": "application/json"})
