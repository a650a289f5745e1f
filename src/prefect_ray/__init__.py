"""Run the tasks of flows on a Ray cluster.

`RayTaskRunner` submits task runs to a local or a running cluster, and `remote_options` passes Ray's options along.
This package uses public paths of `prefect` only.
"""

from prefect_ray.context import remote_options
from prefect_ray.task_runners import PrefectRayFuture, RayTaskRunner

__all__ = ["PrefectRayFuture", "RayTaskRunner", "remote_options"]
