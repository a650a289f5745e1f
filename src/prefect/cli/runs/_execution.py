"""Execute an existing flow run in this process."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from prefect._lazy import lazy, lazy_from

if TYPE_CHECKING:
    from prefect import flow_engine, flows
    from prefect.engine.interruption import signals
    from prefect.schemas.runs import FlowRun
else:
    flow_engine, flows = lazy_from("prefect", "flow_engine", "flows")
    signals = lazy("prefect.engine.interruption.signals")


def execute_flow_run(run: FlowRun, entrypoint: str | None = None) -> None:
    """Execute a flow run; the process exits with status 1 if it fails.

    Args:
        run: The flow run.
        entrypoint: Entrypoint of its flow; that of `PREFECT__FLOW_ENTRYPOINT` or of its deployment if None.
    """
    sys.path.insert(0, os.getcwd())  # modules in the working directory can be imported, as with `python file.py`
    if entrypoint:
        flow = flows.load_flow_from_entrypoint(entrypoint, use_placeholder_flow=False)
    else:
        flow = flow_engine.load_flow(run)
    with signals.handle_engine_signals(run.id):
        flow_engine.run_to_end(flow, flow_run=run)
