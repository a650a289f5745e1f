"""Operations on the API itself: its health, its version and its defaults."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING
from uuid import UUID

from prefect._lazy import lazy, lazy_from
from prefect.client.orchestration import base as _base

if TYPE_CHECKING:
    import httpx

    import prefect
    from prefect import settings
    from prefect.client import base
    from prefect.schemas import account
else:
    account, base, settings = lazy_from("prefect", "schemas.account", "client.base", "settings")
    prefect = lazy("prefect")

logger = logging.getLogger("prefect.client")

_checked: set[str] = set()
"""The addresses of the servers whose version was compared in this process."""


class AdminAsyncClient(_base.BaseAsyncClient):
    """Operations on the API itself."""

    async def api_healthcheck(self) -> Exception | None:
        """Return the error of a request to the API, or None if it succeeds."""
        try:
            await self._call("GET", "/health")
        except Exception as error:  # any error is returned
            return error
        return None

    async def hello(self) -> httpx.Response:
        """Return a greeting, if the API answers."""
        return await self._call_raw("GET", "/hello")

    async def api_version(self) -> str:
        """Return the release of the server."""
        return await self._call("GET", "/admin/version")

    async def raise_for_api_version_mismatch(self) -> None:
        """Compare the server's release with this package's, and warn when the server is older.

        Prefect Cloud is not checked, since it supports every client.

        Raises:
            RuntimeError: Their major versions differ, or the server does not respond.
        """
        if self.server_type is base.ServerType.CLOUD:
            return
        try:
            server_version = await self.api_version()
        except Exception as error:
            if "Unauthorized" in str(error):
                raise
            raise RuntimeError(f"The version of the server at {self._transport.url} is not known: {error}") from error
        client_version = prefect.__version__
        if server_version.split(".")[0] != client_version.split(".")[0]:
            raise RuntimeError(
                f"The server at {self._transport.url} has version {server_version}, this client {client_version}: "
                "their major versions must be the same."
            )
        if settings.get_current_settings().client.server_version_check_enabled and _parse_release(
            server_version
        ) < _parse_release(client_version):
            logger.warning(
                "The server at %s has version %s, older than this client's %s, and may not support all requests: "
                "upgrade it.",
                *(self._transport.url, server_version, client_version),
            )

    async def raise_for_api_version_mismatch_once(self) -> None:
        """Call `raise_for_api_version_mismatch` once for each server in a process."""
        if self._transport.url not in _checked:
            await self.raise_for_api_version_mismatch()
            _checked.add(self._transport.url)

    async def read_server_default_result_storage(self) -> account.ServerDefaultResultStorage:
        """Return the block that stores results by default."""
        return account.ServerDefaultResultStorage.model_validate(await self._call("GET", "/admin/storage"))

    async def update_server_default_result_storage(
        self, default_result_storage_block_id: UUID
    ) -> account.ServerDefaultResultStorage:
        """Set the block that stores results by default.

        Raises:
            ObjectNotFound: There is no such block.
        """
        body = {"default_result_storage_block_id": default_result_storage_block_id}
        return account.ServerDefaultResultStorage.model_validate(await self._call("PUT", "/admin/storage", body))

    async def clear_server_default_result_storage(self) -> None:
        """Clear the server's default block for results."""
        await self._call("DELETE", "/admin/storage")


def _parse_release(version: str) -> tuple[int, ...]:
    """Return the leading numbers of a release: (3, 8, 8) for "3.8.8.dev1"."""
    numbers: list[int] = []
    for part in version.split("+")[0].split(".")[:3]:
        digits = part[: len(part) - len(part.lstrip("0123456789"))]
        if not digits:
            break
        numbers.append(int(digits))
    return tuple(numbers)


class AdminClient(_base.BaseClient):
    """`AdminAsyncClient` for sync code."""

    api_healthcheck = _base.sync_method(AdminAsyncClient.api_healthcheck)
    api_version = _base.sync_method(AdminAsyncClient.api_version)
    clear_server_default_result_storage = _base.sync_method(AdminAsyncClient.clear_server_default_result_storage)
    hello = _base.sync_method(AdminAsyncClient.hello)
    raise_for_api_version_mismatch = _base.sync_method(AdminAsyncClient.raise_for_api_version_mismatch)
    raise_for_api_version_mismatch_once = _base.sync_method(AdminAsyncClient.raise_for_api_version_mismatch_once)
    read_server_default_result_storage = _base.sync_method(AdminAsyncClient.read_server_default_result_storage)
    update_server_default_result_storage = _base.sync_method(AdminAsyncClient.update_server_default_result_storage)
