"""Columns that were written and never read are dropped."""

import sqlalchemy as sa
from alembic import op

from prefect.server.db.migrations import Json, Uuid

revision = "0005"
down_revision = "0004"

UNREAD = (("deployment", "version_id", Uuid), ("deployment", "version_info", Json), ("worker", "metadata", Json))


def upgrade() -> None:
    for table, column, _ in UNREAD:
        op.drop_column(table, column)


def downgrade() -> None:
    for table, column, kind in UNREAD:
        op.add_column(table, sa.Column(column, kind))
