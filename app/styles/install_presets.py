"""Store the presets where the service finds its styles: as rows and blobs like those of any other style."""

import asyncio
import dataclasses
import hashlib
import logging
from pathlib import Path

from sqlalchemy import insert, select, update

from app.infra.blob_keys import preset_key
from app.infra.blobs import Blobs
from app.infra.db import Sessions, in_line, table_of, utcnow
from app.presets.catalogue import FOLDER, Preset, presets
from app.styles.tables import PRESET_OWNER, StyleRow
from model.formats import StyleHeader, read_style_header

logger = logging.getLogger(__name__)

_STYLES = table_of(StyleRow)


async def install_presets(sessions: Sessions, blobs: Blobs, base: str, folder: Path | None = None) -> int:
    """Store what is new of the presets in ``folder`` (default: the packaged ones); how many can be used with
    the checkpoint ``base``.

    A file that was learned with another checkpoint is left out, and the log says so. Raises
    ``StyleFormatError`` for a file that is no style.
    """
    files = await asyncio.to_thread(_read, folder or FOLDER)
    usable = 0
    for preset, (data, header) in files.items():
        if header.base_hash == base:
            await _install(sessions, blobs, preset, data, header)
            usable += 1
    if usable < len(presets()):
        logger.info(
            "%d of %d presets are offered: there are no files of the others for the checkpoint %s; "
            "`python -m scripts.presets` learns them",
            usable,
            len(presets()),
            base[:12],
        )
    return usable


def _read(folder: Path) -> dict[Preset, tuple[bytes, StyleHeader]]:
    files = {}
    for preset in presets().values():
        path = folder / f"{preset.slug}.safetensors"
        if path.is_file():
            data = path.read_bytes()
            files[preset] = (data, read_style_header(data))
    return files


async def _install(
    sessions: Sessions, blobs: Blobs, preset: Preset, data: bytes, header: StyleHeader
) -> None:
    key = preset_key(preset.slug, hashlib.sha256(data).hexdigest())
    async with sessions() as session:
        known = await session.get(StyleRow, preset.style_id)
    wanted = {"name": preset.name, "description": preset.description, "blob_key": key}
    same = known is not None and all(getattr(known, column) == value for column, value in wanted.items())
    if same and await blobs.exists(key):
        return
    await blobs.put(key, data)
    now = utcnow()
    row = {
        **wanted,
        "id": preset.style_id,
        "owner": PRESET_OWNER,
        "size_bytes": len(data),
        "base_hash": header.base_hash,
        "header": dataclasses.asdict(header),
        "created_at": now,
        "ready_at": now,
    }
    async with sessions.begin() as session:
        await in_line(session, "presets")  # several processes may start at once
        if await session.scalar(select(_STYLES.c.id).where(_STYLES.c.id == preset.style_id)):
            await session.execute(update(_STYLES).where(_STYLES.c.id == preset.style_id).values(row))
        else:
            await session.execute(insert(_STYLES).values(row))
