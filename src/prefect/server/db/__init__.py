"""The database: its tables, its dialects, the port that statements go through, its creation and its migrations.

Nothing here knows what a run is; the layers above pass SQL text with `?` for values. SQL is written by hand
rather than with SQLAlchemy, whose import alone costs three times that of pydantic: every `prefect flow-run ls` would
wait for it. SQLAlchemy is imported by Alembic, when an older file must be migrated.
"""
