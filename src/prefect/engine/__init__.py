"""The engine: one run of a task or a flow, from its creation to its final state.

`flows` and `tasks` hold the steps of each kind of run, and `core` what both share. `orchestration` decides about the
states of a flow run, in this process or by a server. `dataflow` has the values that go into a run and come out of it,
`interruption` what ends it early. Only `shells` call user code, which is sync, async, a generator or an async
generator, and never inside `drive`. The engine knows tasks and flows by `protocols`, and must not import their
classes. `python -m prefect.engine` runs a flow run that was created before; `warm_start` waits for one.
"""

from typing import TYPE_CHECKING

from prefect._lazy import exports

if TYPE_CHECKING:
    from prefect.engine.interruption.signals import handle_engine_signals as handle_engine_signals

_EXPORTS = {
    "prefect.engine.interruption.signals": "handle_engine_signals",
}

__getattr__, __dir__ = exports(__name__, _EXPORTS)
