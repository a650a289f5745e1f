"""`python -m prefect.engine [ID]`: run a flow run that was created before. Runners start it.

The id is the argument, or the environment variable `PREFECT__FLOW_RUN_ID`. `prefect.flow_engine` is imported by
name, because an entry point stands above all packages.
"""

from __future__ import annotations

import os
import sys
from types import ModuleType
from uuid import UUID

from prefect._lazy import lazy
from prefect.engine.signals import handle_engine_signals
from prefect.logging.loggers import flow_run_logger

flow_engine: ModuleType = lazy("prefect.flow_engine")


def main() -> None:
    """Run the flow run and exit with its status."""
    argument = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("PREFECT__FLOW_RUN_ID", "")
    try:
        flow_run_id = UUID(argument)
    except ValueError:
        sys.exit(f"{argument!r} is not the id of a flow run: pass one as an argument or in PREFECT__FLOW_RUN_ID.")
    with handle_engine_signals(flow_run_id):
        flow_run = flow_engine.load_flow_run(flow_run_id)
        try:
            flow = flow_engine.load_flow(flow_run)
        except Exception as error:
            flow_engine.crash_unloadable_run(flow_run, error)
            sys.exit(1)
        flow_engine.run_to_end(flow, flow_run=flow_run, error_logger=flow_run_logger(flow_run))


if __name__ == "__main__":
    main()
