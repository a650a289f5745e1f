"""The current run as plain values: `prefect.runtime.flow_run.name`, `task_run.id`, `deployment.parameters`.

Outside of a run the values are those of the flow run that `PREFECT__FLOW_RUN_ID` names, read from the API; without that
they are None or empty. An environment variable `PREFECT__RUNTIME__FLOW_RUN__NAME` (and so on) replaces a value,
converted to its type, so that a program can be tested without a run; one of another name adds an attribute.
"""

from prefect.runtime import deployment, flow_run, task_run

__all__ = ["deployment", "flow_run", "task_run"]
