"""Take uploads in that are no pictures: have them read in another process, store what it wrote."""

import asyncio
import hashlib
import shutil
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import BinaryIO

from starlette.datastructures import UploadFile
from starlette.requests import ClientDisconnect

from app.files.tables import FileRole, FileRow
from app.ids import new_id
from app.imaging.decoder_pool import Decoder
from app.imaging.temp_dirs import temporary_folder
from app.infra.blob_keys import upload_key
from app.infra.blobs import Blobs
from app.infra.db import Base, utcnow

Gone = Callable[[], Awaitable[bool]]
_SMALL = 1 << 20  # bytes; larger uploads are on disk already (Starlette spools them)


class WorkBatch:
    """The uploads of one job. Rows are made here and written with the job.

    ``keys`` is told of each blob that is stored; ``gone`` is asked before each file: whether who sent them
    has left.
    """

    def __init__(
        self, job_id: str, owner: str, decoder: Decoder, blobs: Blobs, keys: list[str], gone: Gone
    ) -> None:
        self.job_id = job_id
        self.owner = owner
        self._gone = gone
        self._budget = decoder.budget()  # of all files together
        self._decoder = decoder
        self._blobs = blobs
        self._keys = keys  # of what is stored
        self.rows: list[Base] = []

    async def add_works(
        self, reader: str, field: str, files: Sequence[UploadFile], role: FileRole
    ) -> list[str]:
        """Take in files that are no pictures, by the reader of their medium; their file ids.

        Raises a WorkError that names the file.
        """
        return [await self._add_work(reader, field, i, file, role) for i, file in enumerate(files)]

    async def _add_work(
        self, reader: str, field: str, position: int, file: UploadFile, role: FileRole
    ) -> str:
        with temporary_folder() as folder:
            source, target = folder / "in", folder / "out"
            await spill(file, source)
            await self._still_wanted()
            done = await self._decoder.read(
                reader,
                source,
                target,
                name=_stem(file.filename),
                label=f"File {position + 1} of `{field}`",
                owner=self.owner,
                budget=self._budget,
            )
            key = upload_key(self.job_id, f"{field}-{position}.{done.extension}")
            self._keys.append(key)
            await self._blobs.put(key, target)
        row = FileRow(
            id=new_id("fil"),
            owner=self.owner,
            job_id=self.job_id,
            role=role,
            position=position,
            form=done.extension,
            blob_key=key,
            media_type=done.media_type,
            size_bytes=done.size_bytes,
            sha256=done.sha256,
            created_at=utcnow(),
        )
        self.rows.append(row)
        return row.id

    async def add_file(self, data: bytes | Path, form: str, media_type: str) -> str:
        """Store an input that is kept as it came; its file id. ``form``: its extension."""
        await self._still_wanted()
        key = upload_key(self.job_id, f"input-{len(self.rows)}.{form}")
        self._keys.append(key)
        await self._blobs.put(key, data)
        size, digest = await asyncio.to_thread(_measure, data)
        row = FileRow(
            id=new_id("fil"),
            owner=self.owner,
            job_id=self.job_id,
            role=FileRole.INPUT,
            position=len(self.rows),
            form=form,
            blob_key=key,
            media_type=media_type,
            size_bytes=size,
            sha256=digest,
            created_at=utcnow(),
        )
        self.rows.append(row)
        return row.id

    async def _still_wanted(self) -> None:
        if await self._gone():
            raise ClientDisconnect  # there is nobody to do it for


async def spill(file: UploadFile, target: Path) -> None:
    """Write an upload to a file."""
    if (file.size or 0) <= _SMALL:  # still in memory, and written faster than a thread wakes up
        _spill(file.file, target)
    else:
        await asyncio.to_thread(_spill, file.file, target)


def _stem(name: str | None) -> str:
    """A file's name without folders and extension, in letters that can be shown."""
    last = (name or "").replace("\\", "/").rpartition("/")[2]
    stem = last.rpartition(".")[0] or last
    return "".join(letter for letter in stem if letter.isprintable())[:100].strip()


def _measure(data: bytes | Path) -> tuple[int, str]:
    if isinstance(data, bytes):
        return len(data), hashlib.sha256(data).hexdigest()
    with data.open("rb") as file:
        return data.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest()


def _spill(file: BinaryIO, target: Path) -> None:
    file.seek(0)
    with target.open("wb") as out:
        shutil.copyfileobj(file, out, 1 << 20)
