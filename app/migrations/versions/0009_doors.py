"""Bytes by owner are counted from indexes."""

from alembic import op

revision = "0009"
down_revision = "0008"

_STORED = ("images", "styles")


def upgrade() -> None:
    for table in _STORED:
        op.create_index(op.f(f"ix_{table}_owner_size_bytes"), table, ["owner", "size_bytes"])


def downgrade() -> None:
    for table in _STORED:
        op.drop_index(op.f(f"ix_{table}_owner_size_bytes"), table)
