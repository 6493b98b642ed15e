"""When rows expire, and leases for chores that one replica does."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

_EXPIRING = ("images", "styles", "stylizations")


def upgrade() -> None:
    op.create_table(
        "leases",
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("holder", sa.String(length=64), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_leases")),
    )
    for table in _EXPIRING:
        # Rows from before have none: they are kept until somebody deletes them.
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.add_column(sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True))
            batch_op.create_index(batch_op.f(f"ix_{table}_expires_at"), ["expires_at"], unique=False)


def downgrade() -> None:
    for table in _EXPIRING:
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.drop_index(batch_op.f(f"ix_{table}_expires_at"))
            batch_op.drop_column("expires_at")
    op.drop_table("leases")
