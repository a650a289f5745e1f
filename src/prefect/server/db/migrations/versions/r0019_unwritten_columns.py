"""Columns of deployments that were never written are dropped."""

import sqlalchemy as sa
from alembic import op

from prefect.server.db.migrations import Int, Json

revision = "0019"
down_revision = "0018"

UNWRITTEN = (("concurrency_limit", Int), ("created_by", Json), ("updated_by", Json))


def upgrade() -> None:
    for column, _ in UNWRITTEN:
        op.drop_column("deployment", column)


def downgrade() -> None:
    for column, kind in UNWRITTEN:
        op.add_column("deployment", sa.Column(column, kind))
