"""Run one attempt at a batch of photos: one after the other, each kept as soon as it is done.

What is done stays done: a later attempt, or a retry, draws only what is missing.
"""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Awaitable, Sequence
from concurrent.futures import BrokenExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.batches.archive import extract
from app.batches.renderings import PhotoRendering, from_lines
from app.batches.tables import BatchItemRow
from app.errors import AppError, BlobMissingError, ErrorCode, ServiceUnavailableError
from app.files.repository import get_file
from app.images.tables import ImageRow
from app.imaging.decoder_pool import Decoder
from app.imaging.limits import Ground, Limits, manifest_beside
from app.imaging.temp_dirs import temporary_folder
from app.infra.asyncio_utils import end
from app.infra.blobs import Blobs
from app.infra.broker import Delivery
from app.infra.db import insert_row
from app.jobs.job import Job
from app.settings import Settings
from app.styles.outdated import outdated
from app.validators import shortened
from app.worker.failures import explain
from app.worker.inputs import StyleInput, load_inputs
from app.worker.job_attempt import Attempt, Resources
from app.worker.photo_process import Drawn, NotDrawn, Photo, PhotoProcess, died, with_dials
from app.worker.progress import ProgressReporter
from app.worker.results import Outcome
from app.worker.spare_time import SpareTime
from app.worker.work_item import JobStopped, Step

_LOOK_EVERY = 0.5  # s between two looks whether the batch is to stop
_TRIES = 2  # of a photo whose process ended

T = TypeVar("T")


@dataclass(frozen=True)
class PhotoWork:
    """What attempts at batches need besides the resources of all attempts."""

    settings: Settings
    base_hash: str
    process: PhotoProcess
    decoder: Decoder
    spare_time: SpareTime


@dataclass(frozen=True)
class _Inputs:
    archive: Path
    renderings: Sequence[PhotoRendering]
    styles: Sequence[StyleInput]


class BatchAttempt(Attempt):
    """The run of a batch, beside everything else that its worker does."""

    def __init__(self, job: Job, delivery: Delivery, resources: Resources, work: PhotoWork) -> None:
        super().__init__(job, delivery, resources, None)
        self._w = work
        self._id: str = job.params["batch"]

    async def _compute(self) -> Outcome | None:
        started = time.perf_counter()
        reporter = ProgressReporter(self._r.broker, self.job.id)
        try:
            with temporary_folder() as folder:
                inputs = await self._until_stopped(self._read_inputs(folder))
                await self._draw_all(folder, inputs, reporter)
            await reporter.close()
            await self._end(time.perf_counter() - started)
        except JobStopped:
            await reporter.close()
            await self._stopped()
        except ServiceUnavailableError as error:
            await self._retry_later("read its photos", error)
        except AppError as error:
            await reporter.close()
            await self._fail(*explain(error))
        except Exception as error:
            await self._retry_later("draw its photos", error)
        finally:
            await reporter.close()
            self._w.process.end()
            await self._w.decoder.close()
        return None

    async def _read_inputs(self, folder: Path) -> _Inputs:
        files = self.job.params["inputs"]
        styles = (await load_inputs(self.job, self._r.sessions, self._r.blobs)).styles
        for style in styles:
            if style.header.get("base_hash", self._w.base_hash) != self._w.base_hash:
                raise outdated(style.id)
        try:
            archive, lines = [
                await get_file(self._r.sessions, None, files[n]) for n in ("photos", "renderings")
            ]
        except AppError as error:
            raise BlobMissingError("The photos of this batch were deleted: send the request anew.") from error
        path = folder / "photos.zip"
        await asyncio.to_thread(_fetch, self._r.blobs, archive.blob_key, path)
        return _Inputs(path, from_lines(await self._r.blobs.get(lines.blob_key)), styles)

    async def _draw_all(self, folder: Path, inputs: _Inputs, reporter: ProgressReporter) -> None:
        total = len(inputs.renderings)
        async with self._r.sessions() as session:
            query = select(BatchItemRow.position).where(BatchItemRow.batch_id == self._id)
            done = set(await session.scalars(query))
        missing = [position for position in range(total) if position not in done]
        ahead: asyncio.Task[Photo | NotDrawn] | None = None
        try:
            for at, position in enumerate(missing):
                await self._turn()
                photo = await self._until_stopped(ahead or self._decode(folder, inputs, position))
                ahead = None
                if at + 1 < len(missing):  # decoded while this one is drawn
                    ahead = asyncio.create_task(self._decode(folder, inputs, missing[at + 1]))
                rendering = inputs.renderings[position]
                result = photo if isinstance(photo, NotDrawn) else await self._draw(photo, rendering.photo)
                await self._keep(position, rendering, result)
                shutil.rmtree(folder / str(position))
                reporter.on_step(Step("stylize", total - len(missing) + at + 1, total))
        finally:
            if ahead is not None:
                await end(ahead)

    async def _turn(self) -> None:
        """Until nobody wants anything else. Raises JobStopped."""
        while True:
            if self._is_to_stop():
                raise JobStopped
            if await self._w.spare_time.wait(_LOOK_EVERY):
                return

    async def _until_stopped(self, work: Awaitable[T]) -> T:
        """The result of ``work``. Raises JobStopped."""
        task = asyncio.ensure_future(work)
        try:
            while not task.done():
                if self._is_to_stop():
                    raise JobStopped
                await asyncio.wait({task}, timeout=_LOOK_EVERY)
            return task.result()
        finally:
            await end(task)

    async def _decode(self, folder: Path, inputs: _Inputs, position: int) -> Photo | NotDrawn:
        """Raises ServiceUnavailableError."""
        settings, rendering = self._w.settings, inputs.renderings[position]
        job = with_dials(self.job, rendering.dials)
        side = job.params.get("size") or settings.default_output_side
        limits = Limits(
            settings.min_side,
            settings.max_side,
            settings.max_pixels,
            min(side, settings.max_output_side),
            Ground.KEPT,
        )
        place = folder / str(position)
        source, target = place / "in", place / "out"
        place.mkdir()
        try:
            await asyncio.to_thread(
                extract, inputs.archive, rendering.photo, source, settings.max_upload_bytes
            )
            await self._w.decoder.normalize(source, target, limits, label=shortened(rendering.photo, 100))
        except ServiceUnavailableError:
            raise
        except AppError as error:
            return NotDrawn(error.code, error.detail)
        finally:
            source.unlink(missing_ok=True)
        beside = manifest_beside(target)
        manifest = await asyncio.to_thread(beside.read_bytes) if beside.exists() else None
        return Photo(job, position, target, inputs.styles, manifest)

    async def _draw(self, photo: Photo, name: str) -> Drawn | NotDrawn:
        """Raises BrokenExecutor when the process does not even start."""
        for _ in range(_TRIES):
            try:
                return await self._until_stopped(self._w.process.draw(photo))
            except BrokenExecutor:
                began = self._w.process.began
                self._w.process.end()
                if not began:
                    raise
        return died(shortened(name, 100))

    async def _keep(self, position: int, rendering: PhotoRendering, result: Drawn | NotDrawn) -> None:
        """Raises JobStopped when this attempt counts no longer."""
        picture = ImageRow(**result.row) if isinstance(result, Drawn) else None
        item = BatchItemRow(
            batch_id=self._id,
            position=position,
            owner=self.job.owner,
            custom_id=rendering.custom_id,
            photo=rendering.photo,
            image_id=picture.id if picture is not None else None,
            code=str(result.code) if isinstance(result, NotDrawn) else None,
            detail=shortened(result.detail, 2000) if isinstance(result, NotDrawn) else None,
        )

        async def effects(session: AsyncSession) -> None:
            if picture is not None:
                await insert_row(session, picture)
            await insert_row(session, item)

        async with self._r.blobs.provisional() as written:
            if picture is not None:
                assert isinstance(result, Drawn)
                written.append(picture.blob_key)
                await self._r.blobs.put(picture.blob_key, result.data)
            kept = await self._r.ledger.note(self.job.id, self.job.attempt, effects)
        if not kept:
            await self._r.blobs.delete(written)
            raise JobStopped

    async def _end(self, seconds: float) -> None:
        async with self._r.sessions() as session:
            made = await session.scalar(
                select(func.count()).where(BatchItemRow.batch_id == self._id, BatchItemRow.code.is_(None))
            )
        if not made:
            await self._fail(
                ErrorCode.JOB_FAILED,
                "None of the photos became a picture: the batch's `errors` say why of each; send others.",
            )
            return
        result = {"style_id": self.job.style_id, "seconds": round(seconds, 3), "batch": 1}
        done = await self._r.ledger.succeed(self.job.id, self.job.attempt, result)
        if done or await self._r.ledger.confirm_canceled(self.job.id, self.job.attempt):
            await self._settle()
        else:
            self._log_fenced()


def _fetch(blobs: Blobs, key: str, target: Path) -> None:
    with target.open("wb") as out:
        for chunk in blobs.chunks(key):
            out.write(chunk)
