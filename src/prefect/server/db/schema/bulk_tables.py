"""The tables of bulk jobs: an action on many runs, and its outcome for each of them."""

from __future__ import annotations

from prefect.server.db.schema.declaration import RECORD_COLUMNS, Index, Table, columns

BULK_JOB = Table(
    "bulk_job",
    (
        *RECORD_COLUMNS,
        *columns("text", "action! status! query!"),
        *columns("text", "message"),  # why it failed
        *columns("json", "ids"),  # the chosen runs; those of the query if null
        *columns("object", "options"),
        *columns("int", "total! done! left_!"),  # `left_` are those that stayed as they were
        *columns("uuid", "after"),  # the last run of the batch before
    ),
    indexes=(Index("bulk_job_by_created", ("created",)),),  # the latest, and those that are old
)
"""Jobs that act on many flow runs. Those whose status is `running` are continued by any server."""

BULK_RESULT = Table(
    "bulk_result",
    (
        *columns("uuid", "job_id! run_id!"),
        *columns("text", "name! outcome!"),
        *columns("text", "reason"),
        *columns("array", "tags"),  # those that the run was given, or lost
    ),
    key="job_id",
    clustered=("job_id", "run_id"),
)
"""The outcome of a job for each run: `done`, or `left` with the reason."""
