"""The numbers of results in their watermarks; what examples of styles are known by."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.add_column("images", sa.Column("watermark", sa.BigInteger(), nullable=True))
    op.add_column("styles", sa.Column("fingerprints", sa.LargeBinary(), nullable=True))
    op.create_index("ix_images_owner_watermark", "images", ["owner", "watermark"])


def downgrade() -> None:
    op.drop_column("styles", "fingerprints")
    op.drop_index("ix_images_owner_watermark", "images")
    op.drop_column("images", "watermark")
