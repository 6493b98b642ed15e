"""Create batches: from a ZIP of photos to a durable job."""

import asyncio

from fastapi import Request, Response
from starlette.datastructures import UploadFile

from app.batches.archive import photos_in
from app.batches.renderings import MAX_LINE_BYTES, PhotoRendering, all_photos, read_renderings, to_lines
from app.batches.schemas import BatchOptions
from app.batches.tables import BatchRow
from app.files.intake import spill
from app.http.forms import FileRule
from app.ids import new_id
from app.imaging.formats import OutputFormat
from app.imaging.temp_dirs import temporary_folder
from app.infra.db import utcnow
from app.jobs.job import Job, JobKind
from app.jobs.ledger import NewJob
from app.settings import MIB, Settings
from app.styles.repository import get_usable_style, hold_styles
from app.stylizations.service import check_rendering, rendering_params
from app.submission.dependencies import SubmissionServices
from app.submission.submit import job_submission

REPEATED = frozenset({"style_id", "weight"})
_OTHER_FIELDS = MIB  # bytes of a request besides its files


def batch_rules(settings: Settings) -> dict[str, FileRule]:
    """The files of `POST /v1/batches`."""
    lines = MAX_LINE_BYTES * settings.max_archive_photos
    what = "A JSON object a line: `photo`, its name in the ZIP, and `custom_id` and dials of its own, if any"
    return {
        "photos": FileRule(1, 1, settings.max_archive_bytes, what="ZIP of photos", sample="photos.zip"),
        "renderings": FileRule(0, 1, lines, what=what, sample="renderings.jsonl"),
    }


async def create_batch(request: Request, response: Response, services: SubmissionServices, owner: str) -> Job:
    """A batch and its job. Photos are not looked at here: those that cannot be used are told with the others'
    pictures."""
    settings = services.settings
    rules = batch_rules(settings)
    most = sum(rule.max_bytes for rule in rules.values()) + _OTHER_FIELDS
    async with (
        services.archives.turn(owner),
        job_submission(
            request, response, services, owner, rules, repeated=REPEATED, max_bytes=most
        ) as submission,
    ):
        if submission.job is not None:
            return submission.job
        form, batch = submission.form, submission.batch
        options = form.options(BatchOptions)
        output = options.format or OutputFormat.JPEG
        check_rendering(options, output, settings)
        styles = options.shares()
        for style_id in sorted(options.style_id):
            await get_usable_style(services.sessions, owner, style_id)
        main = str(max(styles, key=lambda share: share["weight"])["id"])
        with temporary_folder() as folder:
            archive = folder / "photos.zip"
            await spill(form.files["photos"][0], archive)
            photos = await asyncio.to_thread(photos_in, archive, settings.max_archive_photos)
            renderings = await _renderings(form.files["renderings"], photos, settings)
            inputs = {
                "photos": await batch.add_file(archive, "zip", "application/zip"),
                "renderings": await batch.add_file(
                    await asyncio.to_thread(to_lines, renderings), "jsonl", "application/jsonl"
                ),
            }
        row = BatchRow(
            id=new_id("bat"),
            owner=owner,
            job_id=batch.job_id,
            style_id=main,
            photos=len(renderings),
            created_at=utcnow(),
        )
        return await submission.create(
            NewJob(
                id=batch.job_id,
                kind=JobKind.BATCH,
                owner=owner,
                style_id=main,
                params={
                    "batch": row.id,
                    "style_id": main,
                    "styles": styles,
                    "inputs": inputs,
                    "cost": 0,
                    **rendering_params(options, settings),
                    "format": output,
                },
                rows=[row, *batch.rows],
                effects=[lambda session: hold_styles(session, owner, options.style_id)],
            )
        )


async def _renderings(files: list[UploadFile], photos: list[str], settings: Settings) -> list[PhotoRendering]:
    if not files:
        return all_photos(photos)
    data = await files[0].read()
    return await asyncio.to_thread(read_renderings, data, photos, settings)
