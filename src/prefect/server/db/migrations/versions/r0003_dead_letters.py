"""The table `set_aside` is called `dead_letter`."""

from alembic import op

from prefect.server.db.migrations import index

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    _rename("set_aside", "dead_letter")


def downgrade() -> None:
    _rename("dead_letter", "set_aside")


def _rename(before: str, after: str) -> None:
    op.drop_index(f"{before}_by_run", before)
    op.rename_table(before, after)
    index(f"{after}_by_run", after, "run_id", "run_id IS NOT NULL")
    if op.get_context().dialect.name == "postgresql":
        op.execute(f"ALTER INDEX {before}_pkey RENAME TO {after}_pkey")
