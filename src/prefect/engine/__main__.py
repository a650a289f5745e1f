"""`python -m prefect.engine [ID]`: run a flow run that was created before. Runners and workers start it.

The id is the argument, or the environment variable `PREFECT__FLOW_RUN_ID`. `prefect.flow_engine` is imported by
name, because an entry point stands above all packages.
"""

from __future__ import annotations

import os
import sys
import traceback
from types import ModuleType
from typing import TYPE_CHECKING, Any
from uuid import UUID

from prefect import outbox
from prefect._lazy import lazy
from prefect.engine import warm_start
from prefect.engine.interruption.signals import HOOKS_ONLY_VARIABLE, handle_engine_signals
from prefect.logging.configuration import ensure_logging_setup
from prefect.logging.loggers import flow_run_logger
from prefect.schemas.states import State, StateType

if TYPE_CHECKING:
    from prefect.client import orchestration
    from prefect.schemas.runs import FlowRun
else:
    orchestration = lazy("prefect.client.orchestration")

flow_engine: ModuleType = lazy("prefect.flow_engine")


def main() -> None:
    """Run the flow run and exit with its status."""
    if pipe := os.environ.get(warm_start.WARM_START_VARIABLE):
        _run_when_handed_over(pipe)
        return
    argument = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("PREFECT__FLOW_RUN_ID", "")
    try:
        flow_run_id = UUID(argument)
    except ValueError:
        sys.exit(f"{argument!r} is not the id of a flow run: pass one as an argument or in PREFECT__FLOW_RUN_ID.")
    with handle_engine_signals(flow_run_id):
        flow_run: FlowRun = flow_engine.load_flow_run(flow_run_id)
        if os.environ.get(HOOKS_ONLY_VARIABLE):
            flow_engine.call_end_hooks(flow_engine.load_flow(flow_run), flow_run)
            return
        flow: Any = _load_flow(flow_run)
        flow_engine.run_to_end(flow, flow_run=flow_run, error_logger=flow_run_logger(flow_run))


def _run_when_handed_over(pipe: str) -> None:
    """Load the flow of a deployment, wait for a run of it, and run that."""
    flow: Any = flow_engine.load_deployed_flow(UUID(os.environ["PREFECT__DEPLOYMENT_ID"]))
    outbox.prepare_connection()
    ensure_logging_setup()
    flow_run = warm_start.wait_for_run(pipe, warm_start.read_file_times())
    with handle_engine_signals(flow_run.id):
        flow_engine.run_to_end(flow, flow_run=flow_run, error_logger=flow_run_logger(flow_run))


def _load_flow(flow_run: FlowRun) -> Any:
    """Return the flow of a run; if it cannot be loaded, the run crashes, and exit."""
    try:
        return flow_engine.load_flow(flow_run)
    except Exception as error:  # the user's code may raise anything
        outbox.use_journal()  # for the log: the run itself has not begun
        flow_run_logger(flow_run).error("The flow could not be loaded.", exc_info=True)
        message = f"The flow could not be loaded:\n{''.join(traceback.format_exception(error)).strip()}"
        with orchestration.get_client(sync_client=True) as client:
            client.set_flow_run_state(flow_run.id, State(type=StateType.CRASHED, message=message))
        sys.exit(1)


if __name__ == "__main__":
    main()
