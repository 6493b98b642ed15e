"""Results that everybody who has the link may see."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.add_column("images", sa.Column("share", sa.String(length=40), nullable=True))
    op.create_index(op.f("ix_images_share"), "images", ["share"], unique=True)


def downgrade() -> None:
    op.drop_index(op.f("ix_images_share"), "images")
    op.drop_column("images", "share")
