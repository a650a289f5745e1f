"""Task runners: execute the submitted tasks of a flow.

`base` is the base class; `threads` (over `pool`) and `processes` are the two implementations of this package. A runner
starts task runs and resolves futures; a run itself is the engine's.
"""

from typing import TYPE_CHECKING

from prefect._lazy import exports

if TYPE_CHECKING:
    from prefect.task_runners.base import TaskRunner as TaskRunner
    from prefect.task_runners.current import current_task_runner as current_task_runner
    from prefect.task_runners.processes import ProcessPoolTaskRunner as ProcessPoolTaskRunner
    from prefect.task_runners.remote import PrefectTaskRunner as PrefectTaskRunner
    from prefect.task_runners.threads import ThreadPoolTaskRunner as ConcurrentTaskRunner  # noqa: F401
    from prefect.task_runners.threads import ThreadPoolTaskRunner as ThreadPoolTaskRunner

_EXPORTS = {
    "prefect.task_runners.base": "TaskRunner",
    "prefect.task_runners.current": "current_task_runner",
    "prefect.task_runners.processes": "ProcessPoolTaskRunner",
    "prefect.task_runners.remote": "PrefectTaskRunner",
    "prefect.task_runners.threads": "ConcurrentTaskRunner=ThreadPoolTaskRunner ThreadPoolTaskRunner",
}

__getattr__, __dir__ = exports(__name__, _EXPORTS)
