"""Run a flow run that was created before, in this process."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from prefect._lazy import lazy

if TYPE_CHECKING:
    from prefect import flow_engine, flows
    from prefect.engine import signals
    from prefect.schemas.runs import FlowRun
else:
    flow_engine = lazy("prefect.flow_engine")
    flows = lazy("prefect.flows")
    signals = lazy("prefect.engine.signals")


def execute_flow_run(run: FlowRun, entrypoint: str | None = None) -> None:
    """Run a flow run here; the process ends with status 1 when it fails.

    Args:
        run: The run.
        entrypoint: Where its flow is; if None, that of `PREFECT__FLOW_ENTRYPOINT` or of its deployment.
    """
    sys.path.insert(0, os.getcwd())  # as `python file.py` does: the command itself is elsewhere
    if entrypoint:
        flow = flows.load_flow_from_entrypoint(entrypoint, use_placeholder_flow=False)
    else:
        flow = flow_engine.load_flow(run)
    with signals.handle_engine_signals(run.id):
        flow_engine.run_to_end(flow, flow_run=run)
