"""States of runs: `transitions` applies the verdicts of `prefect.rules`, `run_states` keeps states in a run's row.

It must not decide about a transition by rules of its own.
"""
