"""The current run as plain values: `prefect.runtime.flow_run.name`, `task_run.id`, `deployment.parameters`.

Outside of a run the values are None or empty. An environment variable `PREFECT__RUNTIME__FLOW_RUN__NAME` (and so on)
replaces a value, converted to its type, so that a program can be tested without a run.
"""

from prefect.runtime import deployment, flow_run, task_run

__all__ = ["deployment", "flow_run", "task_run"]
