"""Sharing a result, ending that, and what a link shows."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select, update

from app.errors import ImageNotFoundError
from app.images.repository import get_image
from app.images.tables import ImageRole, ImageRow
from app.infra.db import Sessions
from app.styles.tables import PRESET_OWNER, StyleRow

_BYTES = 18  # of a token: nobody guesses it


@dataclass(frozen=True)
class Shared:
    """What somebody with the link may see. ``source`` None: the photo was deleted since."""

    image: ImageRow
    source: ImageRow | None
    names: Sequence[str]  # of the styles that are still there and have one
    preset: str | None  # the id of the style, when it is a preset alone


async def share_image(sessions: Sessions, owner: str, image_id: str) -> str:
    """The token of a result's link: the one that it has, or a new one.

    Raises ImageNotFoundError, also for an image that is no result.
    """
    row = await get_image(sessions, owner, image_id)
    if row.role != ImageRole.RESULT:
        raise ImageNotFoundError(f"Image {image_id} is no result: only results can be shared.")
    async with sessions.begin() as session:
        await session.execute(
            update(ImageRow)
            .where(ImageRow.id == image_id, ImageRow.share.is_(None))
            .values(share=secrets.token_urlsafe(_BYTES))
        )
        token = await session.scalar(select(ImageRow.share).where(ImageRow.id == image_id))
    if token is None:
        raise ImageNotFoundError(f"Image {image_id} was deleted meanwhile: render it again.")
    return token


async def end_share(sessions: Sessions, owner: str, image_id: str) -> None:
    """From now on the link shows nothing. Raises ImageNotFoundError."""
    await get_image(sessions, owner, image_id)
    async with sessions.begin() as session:
        await session.execute(
            update(ImageRow).where(ImageRow.id == image_id, ImageRow.owner == owner).values(share=None)
        )


async def get_shared(sessions: Sessions, token: str) -> Shared:
    """What the link with ``token`` shows. Raises ImageNotFoundError when there is no such link (any more)."""
    async with sessions() as session:
        image = await session.scalar(select(ImageRow).where(ImageRow.share == token))
        if image is None:
            raise ImageNotFoundError(
                "This link shows nothing any more: whoever shared it has ended it, or the result has expired."
            )
        source = await session.get(ImageRow, image.source_id) if image.source_id else None
        ids = [style["id"] for style in (image.provenance or {}).get("styles", ())]
        found = {row.id: row for row in await session.scalars(select(StyleRow).where(StyleRow.id.in_(ids)))}
    styles = [found[style_id] for style_id in ids if style_id in found]
    alone = styles[0] if len(ids) == len(styles) == 1 else None
    return Shared(
        image=image,
        source=source,
        names=[row.name for row in styles if row.name],
        preset=alone.id if alone is not None and alone.owner == PRESET_OWNER else None,
    )
