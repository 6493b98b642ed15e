"""What a worker reads before it runs a job: pictures and style file, by the ids in ``params``."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO

from PIL import Image
from sqlalchemy import select

from app.errors import BlobMissingError
from app.images.tables import ImageRow
from app.infra.blobs import Blobs
from app.infra.db import Sessions
from app.jobs.model import Job, JobKind
from app.styles.tables import StyleRow


@dataclass(frozen=True)
class JobInputs:
    """Decoded inputs: examples in RGB, contents in RGB or RGBA; the style file for ``stylize`` jobs."""

    examples: list[Image.Image]
    contents: list[Image.Image]
    style: bytes | None


async def load_inputs(job: Job, sessions: Sessions, blobs: Blobs) -> JobInputs:
    """Read and decode (in a thread). Raises BlobMissingError when an input was deleted meanwhile."""
    style: bytes | None = None
    if job.kind is JobKind.STYLIZE:
        async with sessions() as session:
            key = await session.scalar(select(StyleRow.blob_key).where(StyleRow.id == job.params["style_id"]))
        if key is None:
            raise BlobMissingError("The style of this job was deleted: submit it again with another one.")
        style = await blobs.get(key)
    return JobInputs(
        examples=await _load(job.params.get("examples", ()), sessions, blobs),
        contents=await _load(job.params.get("contents", ()), sessions, blobs),
        style=style,
    )


async def _load(ids: Sequence[str], sessions: Sessions, blobs: Blobs) -> list[Image.Image]:
    async with sessions() as session:
        found = await session.execute(select(ImageRow.id, ImageRow.blob_key).where(ImageRow.id.in_(ids)))
        keys = {row.id: row.blob_key for row in found}
    images = []
    for image_id in ids:
        if image_id not in keys:
            raise BlobMissingError(f"Image {image_id} of this job was deleted: submit the pictures again.")
        images.append(await asyncio.to_thread(_decode, await blobs.get(keys[image_id])))
    return images


def _decode(data: bytes) -> Image.Image:
    # Stored images were normalised when they arrived: upright, sRGB, RGB or RGBA.
    with Image.open(BytesIO(data)) as image:
        image.load()
        return image.copy()
