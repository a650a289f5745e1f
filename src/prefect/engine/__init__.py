"""The engine: one run from its creation to its final state.

`parameters` finds and resolves what a run depends on; `core` is what task runs and flow runs share; `task_run` and
`flow_run` know the life of each, `served` what a server has to do with a flow run; `shells` puts them around user code,
which is sync, async, a generator or an async generator. User code is called by the shells alone and never inside
`drive`. `python -m prefect.engine` runs a flow run that was created before.
"""

from typing import TYPE_CHECKING

from prefect._lazy import exports

if TYPE_CHECKING:
    from prefect.engine.signals import handle_engine_signals as handle_engine_signals

_EXPORTS = {
    "prefect.engine.signals": "handle_engine_signals",
}

__getattr__, __dir__ = exports(__name__, _EXPORTS)
