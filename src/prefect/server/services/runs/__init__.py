"""Flow and task runs.

`lifecycle` creates, changes and deletes them, `states` takes them from state to state, `ingestion` applies the records
of their journals, `liveness` finds those whose process is gone, `reports` computes what is shown of them, `logs` keeps
their logs. `background_tasks` hands task runs to task workers, `inputs` keeps what is sent to flow runs.
"""
