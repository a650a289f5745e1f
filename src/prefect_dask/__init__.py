"""Run the tasks of flows on a Dask cluster.

`DaskTaskRunner` submits task runs to a temporary or an existing cluster; `get_dask_client` gives flows and tasks a
client of that cluster, for Dask collections. This package uses public paths of `prefect` only.
"""

try:
    import distributed as _distributed  # noqa: F401
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        f"prefect_dask needs Dask ({error}): pip install 'pluperfect[dask]'", name=error.name
    ) from None

from prefect_dask.client import PrefectDaskClient
from prefect_dask.task_runners import DaskTaskRunner, PrefectDaskFuture
from prefect_dask.utils import get_async_dask_client, get_dask_client

__all__ = ["DaskTaskRunner", "PrefectDaskClient", "PrefectDaskFuture", "get_async_dask_client", "get_dask_client"]
