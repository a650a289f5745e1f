"""A Dask client that also submits tasks of Prefect."""

from __future__ import annotations

from typing import Any

from distributed import Client

from prefect import Task


class PrefectDaskClient(Client):
    """A Dask client whose `submit` and `map` take tasks as well: each call is then a task run on a worker.

    The future of a task run gives the value that the task returns.
    """

    def submit(self, func: Any, *args: Any, **kwargs: Any) -> Any:
        """Submit a function or a task; see `distributed.Client.submit`."""
        if isinstance(func, Task):
            kwargs.setdefault("pure", False)
        return super().submit(func, *args, **kwargs)

    def map(self, func: Any, *iterables: Any, **kwargs: Any) -> Any:
        """Map a function or a task over iterables; see `distributed.Client.map`."""
        if isinstance(func, Task):
            kwargs.setdefault("pure", False)
        return super().map(func, *iterables, **kwargs)
