"""${message}."""

from alembic import op

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}


def upgrade() -> None:
    raise NotImplementedError("Write what this revision changes, with the words of prefect.server.db.migrations.")


def downgrade() -> None:
    raise NotImplementedError("Write how that is taken back.")
