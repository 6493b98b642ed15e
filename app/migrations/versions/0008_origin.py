"""Jobs know the request that made them."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.add_column("jobs", sa.Column("origin", sa.JSON(), nullable=True))


def downgrade() -> None:
    op.drop_column("jobs", "origin")
