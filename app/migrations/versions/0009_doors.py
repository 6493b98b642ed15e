"""Indexes for bytes by owner, room for sealed secrets, who made a webhook, cancel times, facts, audit log."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

_STORED = ("images", "styles")
_SECRETS = {"webhooks": 100, "link_secrets": 64}


def upgrade() -> None:
    for table in _STORED:
        op.create_index(op.f(f"ix_{table}_owner_size_bytes"), table, ["owner", "size_bytes"])
    for table, length in _SECRETS.items():
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.alter_column(
                "secret",
                existing_type=sa.String(length=length),
                type_=sa.String(length=300),
                existing_nullable=False,
            )
    op.add_column("webhooks", sa.Column("key_id", sa.String(length=40), nullable=True))
    op.add_column("jobs", sa.Column("cancel_asked_at", sa.DateTime(timezone=True), nullable=True))
    op.create_table(
        "facts",
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("value", sa.String(length=200), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_facts")),
    )
    op.create_table(
        "audit_entries",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("owner", sa.String(length=64), nullable=False),
        sa.Column("key_id", sa.String(length=40), nullable=True),
        sa.Column("action", sa.String(length=40), nullable=False),
        sa.Column("subject", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_entries")),
    )
    op.create_index(op.f("ix_audit_entries_owner_id"), "audit_entries", ["owner", "id"])


def downgrade() -> None:
    op.drop_index(op.f("ix_audit_entries_owner_id"), "audit_entries")
    op.drop_table("audit_entries")
    op.drop_table("facts")
    op.drop_column("jobs", "cancel_asked_at")
    op.drop_column("webhooks", "key_id")
    for table, length in _SECRETS.items():
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.alter_column(
                "secret",
                existing_type=sa.String(length=300),
                type_=sa.String(length=length),
                existing_nullable=False,
            )
    for table in _STORED:
        op.drop_index(op.f(f"ix_{table}_owner_size_bytes"), table)
