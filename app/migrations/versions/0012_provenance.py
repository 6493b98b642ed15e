"""What uploads say of their origin; rights and licence of styles."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.add_column("images", sa.Column("marks", sa.JSON(none_as_null=True), nullable=True))
    op.add_column("images", sa.Column("manifest", sa.LargeBinary(), nullable=True))
    op.add_column("styles", sa.Column("rights", sa.String(length=500), nullable=True))
    op.add_column("styles", sa.Column("licence", sa.String(length=200), nullable=True))


def downgrade() -> None:
    op.drop_column("styles", "licence")
    op.drop_column("styles", "rights")
    op.drop_column("images", "manifest")
    op.drop_column("images", "marks")
