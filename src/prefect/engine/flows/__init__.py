"""Runs of flows: `flow_run` has the steps of one, `flow_states` how it enters states.

It knows nothing of task runs.
"""
