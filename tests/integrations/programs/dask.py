"""A flow on a Dask cluster with the published `prefect-dask`, in the place of the one of this package."""

import prefect_dask
from prefect import flow, task


@task
def add(number: int) -> int:
    return number + 1


kwargs = {"n_workers": 1, "threads_per_worker": 1, "processes": False, "dashboard_address": None}


@flow(task_runner=prefect_dask.DaskTaskRunner(cluster_kwargs=kwargs))
def program() -> int:
    return add.submit(add.submit(1)).result()


if __name__ == "__main__":
    assert "site-packages" in prefect_dask.__file__, prefect_dask.__file__
    assert program() == 3
