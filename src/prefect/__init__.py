"""Pluperfect: write flows and tasks in plain Python; their runs are recorded and can be inspected afterwards.

Every name is imported when it is first used, so that importing this package costs next to nothing. What stands here is
the interface of Prefect 3: programs written for it run unchanged. It must define nothing itself.
"""

import importlib
import os
from typing import TYPE_CHECKING

from prefect import _later
from prefect._lazy import exports, lazy
from prefect.schemas import providers

if TYPE_CHECKING:
    from prefect import (  # noqa: F401  # the modules that `import prefect` makes reachable
        artifacts,
        blocks,
        cache_policies,
        client,
        context,
        exceptions,
        filesystems,
        flows,
        futures,
        locking,
        logging,
        results,
        runtime,
        schedules,
        serializers,
        settings,
        states,
        task_runners,
        tasks,
        transactions,
        types,
        utilities,
    )
    from prefect._version import __module_path__, __pluperfect_version__, __version_info__  # noqa: F401
    from prefect.client import urls  # noqa: F401
    from prefect.client.orchestration import get_client
    from prefect.context import tags
    from prefect.deployments.deploying import deploy
    from prefect.flow_runs.pausing import (
        apause_flow_run,
        aresume_flow_run,
        asuspend_flow_run,
        pause_flow_run,
        resume_flow_run,
        suspend_flow_run,
    )
    from prefect.flows import Flow, aserve, flow, serve
    from prefect.logging.loggers import get_run_logger
    from prefect.schemas import outcomes  # noqa: F401
    from prefect.schemas.states import State
    from prefect.tasks import Task, task
    from prefect.transactions import Transaction
    from prefect.values.annotations import allow_failure, unmapped

__version__: str = "3.9.1"
"""The release of Prefect whose interface this is. That of this distribution is `__pluperfect_version__`."""

__all__ = [
    "__version__",
    "allow_failure",
    "apause_flow_run",
    "aresume_flow_run",
    "aserve",
    "asuspend_flow_run",
    "deploy",
    "flow",
    "Flow",
    "get_client",
    "get_run_logger",
    "pause_flow_run",
    "resume_flow_run",
    "serve",
    "State",
    "suspend_flow_run",
    "tags",
    "task",
    "Task",
    "Transaction",
    "unmapped",
]

# The original has imported most of these by the time a program runs, so programs use them without importing them.
_SUBMODULES = """
    artifacts assets automations blocks bundles cache_policies client concurrency context deployments docker engine
    events exceptions filesystems flow_runs flows futures infrastructure input locking logging main plugins results
    runner runtime schedules serializers settings states task_engine task_runners task_runs task_worker tasks
    testing transactions types utilities variables workers
"""

_EXPORTS = {
    "prefect._version": "__module_path__ __pluperfect_version__ __version_info__",
    "prefect.client.orchestration": "get_client",
    "prefect.context": "tags",
    "prefect.deployments.runner": "deploy",
    "prefect.flow_runs": (
        "apause_flow_run aresume_flow_run asuspend_flow_run pause_flow_run resume_flow_run suspend_flow_run"
    ),
    "prefect.flows": "Flow aserve flow serve",
    "prefect.logging.loggers": "get_run_logger",
    "prefect.schemas.states": "State",
    "prefect.tasks": "Task task",
    "prefect.transactions": "Transaction",
    "prefect.values.annotations": "allow_failure unmapped",
}

__getattr__, __dir__ = exports(__name__, _EXPORTS, submodules=_SUBMODULES)
_later.install()
providers.bind(
    outcomes=lazy("prefect.schemas.outcomes"),
    results=lazy("prefect.results"),
    settings=lazy("prefect.settings"),
    urls=lazy("prefect.client.urls"),
)

# Not the settings: reading them would cost every program more than importing this package.
if not {"PREFECT_PLUGINS_ENABLED", "PREFECT_EXPERIMENTS_PLUGINS_ENABLED"}.isdisjoint(os.environ):
    setattr(__spec__, "_initializing", False)  # noqa: B010  # it is complete: threads of hooks may import it
    importlib.import_module("prefect.plugins").start()
