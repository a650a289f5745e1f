"""A client of Prefect Cloud, for what a server of one's own does not have: accounts and workspaces."""

from __future__ import annotations

import logging
import re
from typing import Any, NoReturn, Self
from uuid import UUID

from prefect import settings
from prefect.client._encoding import decode_response, encode
from prefect.client._http import PrefectHttpxAsyncClient
from prefect.client._http_factory import HttpClientFactory
from prefect.client._httpx import httpx
from prefect.client.transport import build_path
from prefect.exceptions import ObjectNotFound, PrefectException, PrefectHTTPStatusError
from prefect.schemas.account import IPAllowlist, IPAllowlistMyAccessResponse, Workspace

__all__ = ["CloudClient", "CloudUnauthorizedError", "get_cloud_client"]

logger = logging.getLogger("prefect.client.cloud")

PARSE_API_URL_REGEX = re.compile(r"accounts/(.{36})/workspaces/(.{36})")
"""The ids of the account and of the workspace in an API's address."""


class CloudUnauthorizedError(PrefectException):
    """Prefect Cloud does not know the API key, or the key may not do this."""


def get_cloud_client(
    host: str | None = None,
    api_key: str | None = None,
    httpx_settings: dict[str, Any] | None = None,
    infer_cloud_url: bool = False,
) -> CloudClient:
    """Return a client of Prefect Cloud.

    Args:
        host: The address of its API; of the setting `cloud.api_url` if None.
        api_key: The API key; of the setting `api.key` if None.
        httpx_settings: Settings for the HTTP client.
        infer_cloud_url: Take the address from the setting `api.url`, without its account and workspace.

    Raises:
        CloudUnauthorizedError: There is no API key.
        ValueError: The address is to be taken from `api.url`, which is not set.
    """
    current = settings.get_current_settings()
    if infer_cloud_url:
        if not current.api.url:
            raise ValueError("The address of Prefect Cloud cannot be inferred: PREFECT_API_URL is not set.")
        host = PARSE_API_URL_REGEX.sub("", current.api.url).rstrip("/")
    key = api_key if api_key is not None or current.api.key is None else current.api.key.get_secret_value()
    if not key:
        raise CloudUnauthorizedError("There is no API key: set PREFECT_API_KEY.")
    return CloudClient(host or current.cloud.api_url, key, httpx_settings)


class CloudClient:
    """A client of Prefect Cloud, to be used in an `async with` block.

    Args:
        host: The address of its API.
        api_key: The API key.
        httpx_settings: Settings for the HTTP client.
    """

    account_id: str | None = None
    workspace_id: str | None = None

    def __init__(self, host: str, api_key: str, httpx_settings: dict[str, Any] | None = None) -> None:
        found = PARSE_API_URL_REGEX.search(settings.get_current_settings().api.url or "")
        if found is not None:
            self.account_id, self.workspace_id = found.groups()
        self._make = HttpClientFactory(
            host,
            api_key=api_key,
            httpx_settings={**(httpx_settings or {}), "enable_csrf_support": False, "raise_on_all_errors": False},
        )
        self._client: PrefectHttpxAsyncClient | None = None

    @property
    def account_base_url(self) -> str:
        """Return the path of the account below the API's address."""
        return f"accounts/{self.account_id}"

    @property
    def workspace_base_url(self) -> str:
        """Return the path of the workspace below the API's address."""
        return f"{self.account_base_url}/workspaces/{self.workspace_id}"

    async def __aenter__(self) -> Self:
        self._client = self._make.create_async_client(keep_connections=True)
        return self

    async def __aexit__(self, *error: object) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    def __enter__(self) -> NoReturn:
        raise RuntimeError("This client is for async code: write `async with get_cloud_client() as client`.")

    def __exit__(self, *_: object) -> NoReturn:
        raise RuntimeError("This client is for async code.")

    async def api_healthcheck(self) -> None:
        """Raise if Prefect Cloud does not answer, or does not know the key."""
        await self.read_workspaces()

    async def read_workspaces(self) -> list[Workspace]:
        """Return the workspaces that the key may use."""
        return Workspace.model_validate_list(await self.get("/me/workspaces"))

    async def read_current_workspace(self) -> Workspace:
        """Return the workspace that the setting `api.url` names.

        Raises:
            ValueError: It names none, or one that the key may not use.
        """
        for workspace in await self.read_workspaces():
            if self.workspace_id is not None and workspace.workspace_id == UUID(self.workspace_id):
                return workspace
        raise ValueError("PREFECT_API_URL names no workspace that this key may use.")

    async def read_worker_metadata(self) -> dict[str, Any]:
        """Return the metadata of the worker types, by package and type."""
        return await self.get(f"{self.workspace_base_url}/collections/work_pool_types")

    async def read_account_settings(self) -> dict[str, Any]:
        """Return the settings of the account."""
        return await self.get(f"{self.account_base_url}/settings")

    async def update_account_settings(self, settings: dict[str, Any]) -> None:
        """Change settings of the account."""
        await self.request("PATCH", f"{self.account_base_url}/settings", json=settings)

    async def read_account_ip_allowlist(self) -> IPAllowlist:
        """Return the networks that may reach the account."""
        return IPAllowlist.model_validate(await self.get(f"{self.account_base_url}/ip_allowlist"))

    async def update_account_ip_allowlist(self, updated_allowlist: IPAllowlist) -> None:
        """Replace the networks that may reach the account."""
        body = updated_allowlist.model_dump(mode="json")
        await self.request("PUT", f"{self.account_base_url}/ip_allowlist", json=body)

    async def check_ip_allowlist_access(self) -> IPAllowlistMyAccessResponse:
        """Return whether this client may reach the account."""
        answer = await self.get(f"{self.account_base_url}/ip_allowlist/my_access")
        return IPAllowlistMyAccessResponse.model_validate(answer)

    async def get(self, route: str, **kwargs: Any) -> Any:
        """Send a GET request and return the parsed body of the response."""
        return await self.request("GET", route, **kwargs)

    async def raw_request(
        self,
        method: str,
        path: str,
        params: dict[str, Any] | None = None,
        path_params: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> httpx.Response:
        """Send a request and return the response, also one with an error status.

        Args:
            method: The HTTP method.
            path: The route.
            params: The parameters of the query.
            path_params: Those of the path.
            kwargs: `json`, the body; and what httpx's `build_request` takes.
        """
        client = self._open()
        filled, query = build_path(path, {**(params or {}), **(path_params or {})})
        if "json" in kwargs:
            kwargs["content"] = encode(kwargs.pop("json"))
            kwargs["headers"] = {"content-type": "application/json", **(kwargs.get("headers") or {})}
        return await client.send(client.build_request(method, filled.lstrip("/"), params=query, **kwargs))

    async def request(self, method: str, route: str, **kwargs: Any) -> Any:
        """Send a request and return the parsed body of the response.

        Args:
            method: The HTTP method.
            route: The route.
            kwargs: As for `raw_request`.

        Raises:
            CloudUnauthorizedError: The key is not known, or may not do this.
            ObjectNotFound: There is no such thing.
            PrefectHTTPStatusError: The response has an error status.
        """
        response = await self.raw_request(method, route, **kwargs)
        try:
            response.raise_for_status()
        except ObjectNotFound:
            raise
        except PrefectHTTPStatusError as error:
            if response.status_code in (401, 403):
                raise CloudUnauthorizedError(
                    f"Prefect Cloud refuses this API key ({error}): set PREFECT_API_KEY to a valid one."
                ) from error
            raise
        return decode_response(response)

    def _open(self) -> PrefectHttpxAsyncClient:
        if self._client is None:
            raise RuntimeError("The client is not open: write `async with get_cloud_client() as client`.")
        return self._client
