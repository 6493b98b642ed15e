"""Take uploads in: decode and normalise them in another process, store them, undo it on failure."""

import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.datastructures import UploadFile
from starlette.requests import ClientDisconnect

from app.errors import ExampleReservedError, ImageError, ImageTooLargeError
from app.files.intake import Gone, WorkBatch, spill
from app.ids import new_id
from app.images.tables import ImageRole, ImageRow
from app.imaging.decoder_pool import Decoder
from app.imaging.limits import Ground, Limits, Normalized, manifest_beside
from app.imaging.temp_dirs import temporary_folder
from app.infra.blob_keys import upload_key
from app.infra.blobs import Blobs
from app.infra.db import utcnow
from app.provenance.reserved_examples import refusal
from app.settings import Settings

logger = logging.getLogger(__name__)

_GROUNDS = {  # a mask is white inside, so what it does not show is outside
    ImageRole.CONTENT: Ground.KEPT,
    ImageRole.EXAMPLE: Ground.WHITE,
    ImageRole.MASK: Ground.BLACK,
}

PLAIN_SIDE = 2048
"""Longer side of a picture that is only looked at, in pixels."""


async def _nobody_left() -> bool:
    return False


class UploadBatch(WorkBatch):
    """The uploads of one job, pictures among them. Rows are made here and written with the job."""

    def __init__(
        self,
        job_id: str,
        owner: str,
        decoder: Decoder,
        blobs: Blobs,
        settings: Settings,
        keys: list[str],
        gone: Gone,
    ) -> None:
        super().__init__(job_id, owner, decoder, blobs, keys, gone)
        self._settings = settings
        self._content_pixels = 0
        self.clips: dict[str, int] = {}  # moving pictures: frames by image id
        self.manifests: list[str] = []  # contents that came with a manifest of their own
        self.pixels: dict[str, int] = {}  # of contents, by image id: what they cost

    async def add(
        self,
        field: str,
        files: Sequence[UploadFile],
        role: ImageRole,
        *,
        size: int | None = None,
        exact: bool = False,
        ground: Ground | None = None,
    ) -> list[str]:
        """Take in the files of a form field, one after the other; their image ids.

        ``size``: longer side in pixels that the result is to have; contents and masks are not kept larger.
        ``exact``: parts of them stay as they are, so nothing is lost in keeping them.
        ``ground``: what transparent parts become; None: as the role has it.
        Raises an ImageError that names the file.
        """
        limits = self._limits(role, size, exact, ground=ground)
        return [
            await self._add_one(field, position, file, role, limits) for position, file in enumerate(files)
        ]

    async def add_each(
        self,
        field: str,
        files: Sequence[UploadFile],
        role: ImageRole,
        *,
        size: int | None = None,
        exact: bool = False,
        clips: bool = False,
    ) -> list[str | ImageError]:
        """As ``add``, but a refused file costs only itself: its error stands in place of its id.

        ``clips``: files may move; those that do are in ``self.clips``.
        """
        limits = self._limits(role, size, exact, clips)
        added: list[str | ImageError] = []
        for position, file in enumerate(files):
            try:
                added.append(await self._add_one(field, position, file, role, limits))
            except ImageError as error:
                added.append(error)
        return added

    async def _add_one(
        self,
        field: str,
        position: int,
        file: UploadFile,
        role: ImageRole,
        limits: Limits,
    ) -> str:
        with temporary_folder() as folder:
            source, target = folder / "in", folder / "out"
            await spill(file, source)
            label = f"File {position + 1} of `{field}`"
            done = await self._normalize(source, target, limits, label)
            manifest = None
            if role is ImageRole.EXAMPLE:
                self._refuse_reserved(done, label)
            else:
                self._count(done.width * done.height, label)
            if role is ImageRole.CONTENT and (beside := manifest_beside(target)).exists():
                manifest = beside.read_bytes()
            key = upload_key(self.job_id, f"{role}-{position}.{done.extension}")
            self._keys.append(key)
            await self._blobs.put(key, target)
        row = ImageRow(
            id=new_id("img"),
            owner=self.owner,
            job_id=self.job_id,
            role=role,
            position=position,
            blob_key=key,
            media_type=done.media_type,
            width=done.width,
            height=done.height,
            size_bytes=done.size_bytes,
            sha256=done.sha256,
            marks=done.marks,
            manifest=manifest,
            created_at=utcnow(),
        )
        self.rows.append(row)
        if manifest is not None:
            self.manifests.append(row.id)
        if role is ImageRole.CONTENT:
            self.pixels[row.id] = done.width * done.height
        if done.frames > 1:
            self.clips[row.id] = done.frames
        return row.id

    async def _normalize(self, source: Path, target: Path, limits: Limits, label: str) -> Normalized:
        await self._still_wanted()
        return await self._decoder.normalize(
            source, target, limits, label=label, owner=self.owner, budget=self._budget
        )

    def _refuse_reserved(self, example: Normalized, label: str) -> None:
        why = refusal(label, (example.marks or {}).get("reserved") or (), self._settings)
        if why is not None:
            raise ExampleReservedError(f"{why}: send another one, whose owner permits it.")

    def _count(self, pixels: int, label: str) -> None:
        limit = self._settings.max_request_pixels
        if self._content_pixels + pixels > limit:
            raise ImageTooLargeError(
                f"{label} does not fit: contents and mask of one request have at most {limit / 1e6:g} "
                "megapixels together, at the size that is asked for. Send it in a request of its own, or ask "
                "for a smaller `size`."
            )
        self._content_pixels += pixels

    def _limits(
        self,
        role: ImageRole,
        size: int | None,
        exact: bool,
        clips: bool = False,
        ground: Ground | None = None,
    ) -> Limits:
        largest = min(size or self._settings.default_output_side, self._settings.max_output_side)
        rendered = role in (ImageRole.CONTENT, ImageRole.MASK)  # an example is only looked at
        return Limits(
            min_side=self._settings.min_side,
            max_side=self._settings.max_side,
            max_pixels=self._settings.max_pixels,
            target_side=largest if rendered else self._settings.example_side,
            ground=ground or _GROUNDS[role],
            exact=exact,
            frames=self._settings.max_clip_frames if clips else 0,
            seconds=self._settings.max_clip_seconds,
            clip_side=self._settings.max_clip_side,
        )


class ImageIntake:
    """Makes batches."""

    def __init__(self, decoder: Decoder, blobs: Blobs, settings: Settings) -> None:
        self._decoder = decoder
        self._blobs = blobs
        self._settings = settings

    @asynccontextmanager
    async def plain(
        self,
        file: UploadFile,
        owner: str,
        label: str,
        *,
        size: int = PLAIN_SIDE,
        gone: Gone = _nobody_left,
        detect: bool = False,
    ) -> AsyncIterator[tuple[Path, Normalized]]:
        """A content as it would be kept, at most ``size`` pixels; the file goes at the end of the block.

        ``detect``: see ``Limits``.
        Raises ClientDisconnect when there is nobody to do it for, and an ImageError about ``label``.
        """
        settings = self._settings
        side = min(size, settings.max_output_side)
        limits = Limits(
            settings.min_side, settings.max_side, settings.max_pixels, side, Ground.KEPT, detect=detect
        )
        with temporary_folder() as folder:
            source, target = folder / "in", folder / "out"
            await spill(file, source)
            if await gone():
                raise ClientDisconnect
            yield target, await self._decoder.normalize(source, target, limits, label=label, owner=owner)

    @asynccontextmanager
    async def batch(self, job_id: str, owner: str, gone: Gone = _nobody_left) -> AsyncIterator[UploadBatch]:
        """A batch for the job that is created inside the block; when no job came of it, its blobs go.

        ``gone`` is asked before each picture: whether who sent them has left.
        """
        async with self._blobs.provisional() as keys:
            yield UploadBatch(job_id, owner, self._decoder, self._blobs, self._settings, keys, gone)
