"""The engine: one run of a task or a flow, from its creation to its final state.

`task_run` and `flow_run` hold the steps of each kind of run, and `core` what both share. `orchestration` is the seam to
what decides about the states of a flow run: `local` in this process, `remote` by a server. `parameters` finds and
resolves what a run depends on. Only `shells` call user code, which is sync, async, a generator or an async generator,
and never inside `drive`. The engine knows tasks and flows by `protocols`, and must not import their
classes. `python -m prefect.engine` runs a flow run that was created before.
"""

from typing import TYPE_CHECKING

from prefect._lazy import exports

if TYPE_CHECKING:
    from prefect.engine.signals import handle_engine_signals as handle_engine_signals

_EXPORTS = {
    "prefect.engine.signals": "handle_engine_signals",
}

__getattr__, __dir__ = exports(__name__, _EXPORTS)
