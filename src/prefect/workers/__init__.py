"""Workers: processes that poll a work pool and start its flow runs where they should run.

`base` is what every worker inherits, `job_configuration` fills the job template of a pool, `polling` finds runs and
`channel` receives notifications of them, `runs` is the path of one, `process` runs them as processes of this machine,
`leftovers` stops the infrastructure that other workers left. A worker decides nothing about states: it proposes them to
the API.
"""

from typing import TYPE_CHECKING

from prefect._lazy import exports

if TYPE_CHECKING:
    from prefect.workers.process import ProcessWorker as ProcessWorker

_EXPORTS = {
    "prefect.workers.process": "ProcessWorker",
}

__getattr__, __dir__ = exports(__name__, _EXPORTS)

__all__ = ["ProcessWorker"]
