"""Lanes, tickets and turns; secrets of image links; rates."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    with op.batch_alter_table("jobs", schema=None) as batch_op:
        batch_op.add_column(sa.Column("lane", sa.String(length=16), nullable=True))
        batch_op.add_column(sa.Column("ticket", sa.String(length=60), nullable=True))
    op.execute(
        "UPDATE jobs SET lane = kind, "
        "ticket = CASE WHEN generation = 0 THEN id ELSE id || '.' || generation END"
    )
    with op.batch_alter_table("jobs", schema=None) as batch_op:
        batch_op.alter_column("lane", existing_type=sa.String(length=16), nullable=False)
        batch_op.alter_column("ticket", existing_type=sa.String(length=60), nullable=False)
        batch_op.create_index(batch_op.f("ix_jobs_ticket"), ["ticket"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_jobs_state_lane_owner_id"), ["state", "lane", "owner", "id"], unique=False
        )
    op.create_table(
        "turns",
        sa.Column("owner", sa.String(length=64), nullable=False),
        sa.Column("paid_until", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("owner", name=op.f("pk_turns")),
    )
    op.create_table(
        "link_secrets",
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("secret", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_link_secrets")),
    )
    op.create_table(
        "rates",
        sa.Column("key_id", sa.String(length=40), nullable=False),
        sa.Column("full_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("key_id", name=op.f("pk_rates")),
    )


def downgrade() -> None:
    op.drop_table("rates")
    op.drop_table("link_secrets")
    op.drop_table("turns")
    with op.batch_alter_table("jobs", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_jobs_state_lane_owner_id"))
        batch_op.drop_index(batch_op.f("ix_jobs_ticket"))
        batch_op.drop_column("ticket")
        batch_op.drop_column("lane")
