"""Task workers: processes that execute the task runs that `delay` and `apply_async` submit.

`TaskWorker` takes the runs of its tasks, a few at a time, and runs each in a thread or on the event loop. Which run is
next is decided by the API; a run whose worker dies is delivered again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect._lazy import exports

if TYPE_CHECKING:
    from prefect.results.deferred import read_parameters as read_parameters
    from prefect.results.deferred import store_parameters as store_parameters
    from prefect.task_worker.serving import aserve as aserve
    from prefect.task_worker.serving import serve as serve
    from prefect.task_worker.status import create_status_server as create_status_server
    from prefect.task_worker.worker import StopTaskWorker as StopTaskWorker
    from prefect.task_worker.worker import TaskWorker as TaskWorker
    from prefect.task_worker.worker import should_try_to_read_parameters as should_try_to_read_parameters

_EXPORTS = {
    "prefect.results.deferred": "read_parameters store_parameters",
    "prefect.task_worker.serving": "aserve serve",
    "prefect.task_worker.status": "create_status_server",
    "prefect.task_worker.worker": "StopTaskWorker TaskWorker should_try_to_read_parameters",
}

__getattr__, __dir__ = exports(__name__, _EXPORTS)
