"""httpx clients of one API, shared by threads and event loops."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from prefect._io import is_driven, running_loop

if TYPE_CHECKING:
    from prefect.client import _http


LOCAL_URL = "http://ephemeral-prefect/api/"
"""The address of an API in this process, which cannot be connected to."""


class HttpClients:
    """httpx clients of one API: one for sync code, shared by all threads, and one for each event loop.

    Args:
        create_sync: Creates a sync client.
        create_async: Creates an async client; `keep_connections` says whether it keeps them between requests.
    """

    def __init__(
        self,
        create_sync: Callable[[], _http.PrefectHttpxSyncClient],
        create_async: Callable[..., _http.PrefectHttpxAsyncClient],
    ) -> None:
        self._create_sync = create_sync
        self._create_async = create_async
        self._keep_connections = False
        self._reset()

    def _reset(self) -> None:
        """Start without connections: after a fork the parent's are not for this process to use."""
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._sync: _http.PrefectHttpxSyncClient | None = None
        self._by_loop: weakref.WeakKeyDictionary[Any, _http.PrefectHttpxAsyncClient] = weakref.WeakKeyDictionary()

    def get(self) -> _http.PrefectHttpxAsyncClient | _http.PrefectHttpxSyncClient:
        """Return the client for the calling code: the sync client while driven, else the client of its event loop."""
        return self.get_sync() if is_driven() else self.get_async()

    def get_sync(self) -> _http.PrefectHttpxSyncClient:
        """Return the client for sync code."""
        if self._pid != os.getpid():
            self._reset()
        with self._lock:
            if self._sync is None:
                self._sync = self._create_sync()
                weakref.finalize(self, self._sync.close)
            return self._sync

    def get_async(self) -> _http.PrefectHttpxAsyncClient:
        """Return the client of the running event loop; outside of a loop, one that keeps no connections."""
        if self._pid != os.getpid():
            self._reset()
        loop = running_loop()
        if loop is None:
            return self._create_async(keep_connections=False)
        with self._lock:
            client = self._by_loop.get(loop)
            if client is None:
                client = self._by_loop[loop] = self._create_async(keep_connections=self._keep_connections)
            return client

    async def open(self) -> None:
        """Keep connections until `close`; without this call they are not kept, since nothing would close them."""
        self._keep_connections = True
        if not is_driven():
            self._by_loop.pop(running_loop(), None)  # it keeps no connections

    async def close(self) -> None:
        """Close the client of the calling code."""
        self._keep_connections = False
        if self._pid != os.getpid():
            return
        if is_driven():
            client, self._sync = self._sync, None
            if client is not None:
                client.close()
            return
        client = self._by_loop.pop(running_loop(), None)
        if client is not None:
            await client.aclose()
