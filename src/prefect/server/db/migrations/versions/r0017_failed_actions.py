"""The actions of automations that failed, without reading all events of a day."""

from alembic import op

from prefect.server.db.migrations import index

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    index("event_action_failed", "event", "occurred", "event = 'prefect.automation.action.failed'")


def downgrade() -> None:
    op.drop_index("event_action_failed", "event")
