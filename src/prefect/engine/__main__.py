"""`python -m prefect.engine`: run the flow run whose id is given, or is in `PREFECT__FLOW_RUN_ID`, in this process.

What runners start. Public code is named by name here, because this is an entry and stands above all rooms.
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
    """Run it."""
    given = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("PREFECT__FLOW_RUN_ID", "")
    try:
        flow_run_id = UUID(given)
    except ValueError:
        sys.exit(f"{given!r} is no id of a flow run: give one, or set PREFECT__FLOW_RUN_ID.")
    with handle_engine_signals(flow_run_id):
        flow_run, flow = flow_engine.load_flow_and_flow_run(flow_run_id)
        flow_engine.run_to_end(flow, flow_run=flow_run, error_logger=flow_run_logger(flow_run))


if __name__ == "__main__":
    main()
