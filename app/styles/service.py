"""Create, import, change and delete styles."""

import asyncio
import dataclasses
import math
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from fastapi import Request, Response
from starlette.datastructures import UploadFile

from app.errors import (
    JobNotCancelableError,
    StyleBaseMismatchError,
    StyleFileInvalidError,
)
from app.files.tables import FileRole
from app.http.forms import FileRule, invalid_values
from app.ids import new_id
from app.images.tables import ImageRole
from app.images.upload import UploadBatch
from app.infra.blob_keys import imported_style_key
from app.infra.db import utcnow
from app.jobs.forgetting import clear
from app.jobs.job import Job, JobKind
from app.jobs.ledger import NewJob
from app.medium import Media, Medium
from app.settings import Settings
from app.styles.checkpoint import medium_base
from app.styles.dependencies import StyleServices
from app.styles.header import check_header
from app.styles.media import medium_of
from app.styles.repository import (
    StyleRecord,
    delete_style,
    get_own_style,
    get_style,
    insert_style,
    refuse_if_rendered,
    update_style,
)
from app.styles.schemas import ImportOptions, RightsOptions, StyleChanges, StyleOptions
from app.styles.tables import StyleRow
from app.submission.submit import job_submission, read_submission
from model.errors import StyleFormatError
from model.formats import StyleHeader, read_style_header
from model.modality import IMAGE


def style_rules(settings: Settings, media: Media) -> dict[str, FileRule]:
    """The files of `POST /v1/styles`."""
    size = settings.max_upload_bytes
    works = "; or ".join(medium.works for medium in media.values())
    return {
        "examples": FileRule(
            1, settings.max_examples, size, works, address=True, fetched=bool(settings.input_hosts)
        ),
        "contents": FileRule(0, settings.max_contents, size, address=True),
    }


def import_rules(settings: Settings) -> dict[str, FileRule]:
    """The files of `POST /v1/styles/import`."""
    return {
        "file": FileRule(
            1, 1, settings.max_style_bytes, what="A style file (safetensors)", sample="style.safetensors"
        )
    }


def new_style_row(
    style_id: str, owner: str, job_id: str | None, labels: RightsOptions, modality: str = IMAGE
) -> StyleRow:
    """A style that has no file yet."""
    return StyleRow(
        id=style_id,
        owner=owner,
        modality=modality,
        name=labels.name,
        description=labels.description,
        rights=labels.rights,
        licence=labels.licence,
        job_id=job_id,
        created_at=utcnow(),
    )


def check_steps(steps: int | None, settings: Settings, at_most: int | None = None) -> None:
    """Raise ValidationError when a request asks for more inner steps than it may."""
    most = settings.max_steps if at_most is None else min(settings.max_steps, at_most)
    if steps is not None and steps > most:
        raise invalid_values([{"field": "steps", "detail": f"Input should be less than or equal to {most}"}])


async def create_style(request: Request, response: Response, services: StyleServices, owner: str) -> Job:
    """A style and the job that adapts it."""
    settings = services.settings

    async with job_submission(
        request, response, services, owner, style_rules(settings, services.media)
    ) as submission:
        if submission.job is not None:
            return submission.job
        batch, options = submission.batch, submission.form.options(StyleOptions)
        examples, contents = await submission.files("examples"), await submission.files("contents")
        medium = medium_of(services.media, examples)
        check_steps(options.steps, settings, medium.max_steps)
        style_id = new_id("sty")
        return await submission.create(
            NewJob(
                id=batch.job_id,
                kind=JobKind.ADAPT,
                modality=medium.name,
                owner=owner,
                style_id=style_id,
                params={
                    **await _examples(medium, examples, contents, batch, options),
                    "style_id": style_id,
                    "steps": options.steps,
                    "seed": options.seed,
                    "rights": options.rights,
                    "licence": options.licence,
                },
                rows=[new_style_row(style_id, owner, batch.job_id, options, medium.name), *batch.rows],
            )
        )


async def _examples(
    medium: Medium,
    examples: Sequence[UploadFile],
    contents: Sequence[UploadFile],
    batch: UploadBatch,
    options: StyleOptions,
) -> dict[str, Any]:
    """Take the examples in; the parameters of the job that name them."""
    if medium.reader is None:
        return {
            "examples": await batch.add("examples", examples, ImageRole.EXAMPLE),
            "contents": await batch.add("contents", contents, ImageRole.CONTENT),
        }
    if contents:
        raise invalid_values(
            [{"field": "contents", "detail": f"A style of {medium.name} is learned from examples alone"}]
        )
    works = await batch.add_works(medium.reader, "examples", examples, FileRole.EXAMPLE)
    return {"works": works, "cost": medium.cost(options.steps, len(works))}


async def change_style(
    services: StyleServices, owner: str, style_id: str, changes: StyleChanges
) -> StyleRecord:
    """Set what ``changes`` names. Raises StyleNotFoundError."""
    await update_style(services.sessions, owner, style_id, changes.model_dump(exclude_unset=True))
    return await get_style(services.sessions, owner, style_id)


async def remove_style(services: StyleServices, owner: str, style_id: str) -> None:
    """Cancel the job that makes it, if it still does, and delete style, file and examples.

    Raises StyleNotFoundError, ResourceInUseError (another job renders with it).
    """
    record = await get_own_style(services.sessions, owner, style_id)
    await refuse_if_rendered(services.sessions, owner, style_id)  # before anything is canceled
    if record.row.job_id is not None:
        with suppress(JobNotCancelableError):  # it is over
            await services.jobs.cancel(record.row.job_id)
    await clear(await delete_style(services.sessions, record.row), services.blobs, services.broker)


async def import_style(
    request: Request, response: Response, services: StyleServices, owner: str
) -> StyleRecord:
    """Take in a style file that was made on the same base.

    Raises StyleFileInvalidError, StyleBaseMismatchError.
    """
    rules = import_rules(services.settings)
    async with read_submission(request, response, services, owner, rules) as submission:
        if submission.made is not None:
            return await get_style(services.sessions, owner, submission.made)
        options = submission.form.options(ImportOptions)
        data = await submission.form.files["file"][0].read()
        header = await _check_style(data, services)
        row = new_style_row(new_id("sty"), owner, None, options, header.modality)
        row.blob_key = imported_style_key(row.id)
        row.size_bytes = len(data)
        row.base_hash = header.base_hash
        row.rights = options.rights or header.rights or None
        row.licence = options.licence or header.examples_licence or None
        row.header = dataclasses.asdict(header)
        row.ready_at = row.created_at
        async with services.blobs.provisional() as keys:
            keys.append(row.blob_key)
            await services.blobs.put(row.blob_key, data)
            check = partial(services.storage.check, request=request, owner=owner)
            await insert_style(services.sessions, row, submission.claim, check)
    return StyleRecord(row, None)


async def _check_style(data: bytes, services: StyleServices) -> StyleHeader:
    try:
        header = read_style_header(data)
        medium = services.media.get(header.modality)
        if medium is None:
            raise StyleFormatError(f"it is of {header.modality[:20]!r}, which this service does not know")
        base = await medium_base(medium, services.settings)
        checkpoint = medium.checkpoint(services.settings) if header.base_hash == base else None
        await asyncio.to_thread(medium.check_style, data, checkpoint)
        if not all(math.isfinite(value) for terms in header.losses.values() for value in terms.values()):
            raise StyleFormatError("its losses are no numbers")
        check_header(header)
    except StyleFormatError as error:
        raise StyleFileInvalidError(
            f"`file` is no style file ({str(error).rstrip('.')}): "
            "send one that GET /v1/styles/{id}/file or `fewstroke adapt` has written."
        ) from error
    if header.base_hash != base:
        raise StyleBaseMismatchError(
            f"The style was adapted on the base {header.base_hash[:12]}, this service runs {base[:12]}: "
            "learn it again here from its examples (POST /v1/styles), or use a service that runs its base.",
        )
    return header
