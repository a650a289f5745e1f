"""Runs of tasks: `task_run` has the steps of one, `task_states` how it enters states.

`deferral` leaves a run to a task worker. It knows nothing of flow runs.
"""
