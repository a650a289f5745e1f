"""Each slot that a lease holds is a row, and how many slots of a limit are held is the number of rows."""

import sqlalchemy as sa
from alembic import op

from prefect.server.db.migrations import Duration, Int, Json, Time, Uuid, index, optional

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.create_table(
        "held_slot",
        sa.Column("limit_id", Uuid, nullable=False, primary_key=True),
        sa.Column("lease_id", Uuid, nullable=False, primary_key=True),
        sa.Column("slots", Int, nullable=False),
    )
    index("held_slot_by_lease", "held_slot", "lease_id")
    is_postgres = op.get_context().dialect.name == "postgresql"
    op.execute(f"INSERT INTO held_slot (limit_id, lease_id, slots) {_POSTGRES_SLOTS if is_postgres else _SQLITE_SLOTS}")
    # The counter keeps the slots that are taken without a lease.
    op.execute(_leased("-"))
    for column in (*optional(Time, "granted"), *optional(Duration, "duration"), *optional(Json, "process")):
        op.add_column("lease", column)
    op.execute("UPDATE lease SET granted = created")
    for name in ("slots", "limits"):
        op.drop_column("lease", name)


def downgrade() -> None:
    op.add_column("lease", sa.Column("slots", Int, nullable=False, server_default="1"))
    op.add_column("lease", sa.Column("limits", Json, nullable=False, server_default="[]"))
    op.execute("DELETE FROM lease WHERE granted IS NULL")
    is_postgres = op.get_context().dialect.name == "postgresql"
    limits = _POSTGRES_LIMITS if is_postgres else _SQLITE_LIMITS
    op.execute(f"UPDATE lease SET limits = {limits}, slots = coalesce(({_SLOTS_OF_LEASE}), 0)")
    op.execute(_leased("+"))
    for name in ("granted", "duration", "process"):
        op.drop_column("lease", name)
    op.drop_table("held_slot")


_SQLITE_SLOTS = """
    SELECT concurrency_limit.id, lease.id, lease.slots
    FROM lease, json_each(lease.limits) AS held JOIN concurrency_limit
        ON lower(hex(concurrency_limit.id)) = replace(held.value, '-', '')"""

_POSTGRES_SLOTS = """
    SELECT concurrency_limit.id, lease.id, lease.slots
    FROM lease CROSS JOIN json_array_elements_text(lease.limits) AS held JOIN concurrency_limit
        ON concurrency_limit.id::text = held"""


def _leased(sign: str) -> str:
    greatest = "greatest" if op.get_context().dialect.name == "postgresql" else "max"
    return f"""
        UPDATE concurrency_limit SET active_slots = {greatest}(0, active_slots {sign} coalesce(
            (SELECT sum(held_slot.slots) FROM held_slot WHERE held_slot.limit_id = concurrency_limit.id), 0))
        WHERE slot_decay_per_second = 0"""


_SLOTS_OF_LEASE = "SELECT max(held_slot.slots) FROM held_slot WHERE held_slot.lease_id = lease.id"

_HEX = "lower(hex(limit_id))"
_DASHED = " || '-' || ".join(f"substr({_HEX}, {start}, {length})" for start, length in
                             ((1, 8), (9, 4), (13, 4), (17, 4), (21, 12)))  # fmt: skip

_SQLITE_LIMITS = f"(SELECT json_group_array({_DASHED}) FROM held_slot WHERE lease_id = lease.id)"

_POSTGRES_LIMITS = "coalesce((SELECT json_agg(limit_id::text) FROM held_slot WHERE lease_id = lease.id), '[]'::json)"
