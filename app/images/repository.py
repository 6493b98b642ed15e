"""Reading images."""

from sqlalchemy import select

from app.errors import ImageNotFoundError
from app.images.tables import ImageRow
from app.infra.db import Sessions


async def get_image(sessions: Sessions, owner: str, image_id: str) -> ImageRow:
    """Raises ImageNotFoundError, also for an image of somebody else."""
    async with sessions() as session:
        row = await session.scalar(select(ImageRow).where(ImageRow.id == image_id, ImageRow.owner == owner))
    if row is None:
        raise ImageNotFoundError(f"There is no image {image_id}: take its id from the job that made it.")
    return row
