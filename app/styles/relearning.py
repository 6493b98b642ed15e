"""Learn an outdated style again from its own examples, under its id, with the current checkpoint."""

from datetime import timedelta

from fastapi import Request, Response
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import StyleNotRelearnableError
from app.files.repository import hold_files
from app.idempotency.keys import REPLAYED, fingerprint, idempotency_key
from app.ids import new_id
from app.images.canceled_uploads import keep
from app.images.repository import hold_images
from app.infra.db import utcnow
from app.jobs.job import Job, JobKind
from app.jobs.ledger import Effects, NewJob
from app.jobs.references import files_of, images_of, inputs_of_style
from app.styles.repository import StyleRecord, StyleStatus, get_own_style
from app.styles.tables import StyleRow
from app.submission.dependencies import SubmissionServices
from app.submission.submit import claimed
from model.modality import IMAGE


async def submit_relearning(
    request: Request, response: Response, services: SubmissionServices, owner: str, style_id: str
) -> Job:
    """The job that learns an outdated style again; of a repeated request, the job of the first.

    Raises StyleNotFoundError, StyleNotRelearnableError, QueueFullError, QuotaExceededError.
    """
    record = await get_own_style(services.sessions, owner, style_id)
    key = idempotency_key(request)
    async with services.idempotency.claim(owner, key, fingerprint(request)) as claim:
        if claim is not None and claim.made is not None:
            response.headers[REPLAYED] = "true"
            return await services.ledger.get(claim.made)
        maker = await services.ledger.get(_maker(record))
        days = services.settings.keep_uploads_days
        job = await services.jobs.create(claimed(_plan(record.row, maker, days), claim))
    await services.jobs.enqueue(job)
    return job


def _maker(record: StyleRecord) -> str:
    """The id of the job that made it. Raises StyleNotRelearnableError."""
    style_id, status = record.row.id, record.status
    if status is not StyleStatus.OUTDATED:
        raise StyleNotRelearnableError(
            f"Style {style_id} is {status}: only a style that is outdated is learned again."
        )
    if record.row.job_id is None:
        raise StyleNotRelearnableError(
            f"Style {style_id} was imported, and its examples are not here: send them with POST /v1/styles, "
            "or import a file that was learned with this checkpoint."
        )
    return record.row.job_id


def _plan(style: StyleRow, maker: Job, days: float) -> NewJob:
    """As the maker learned it. The examples are kept for so many days, as if uploaded now."""
    given = inputs_of_style(maker)
    examples = list(maker.params.get("examples", ()))
    params = {
        "examples": examples,
        "contents": given[len(examples) :],
        "style_id": style.id,
        "steps": maker.params.get("steps"),
        "seed": maker.params.get("seed"),
        "rights": style.rights,
        "licence": style.licence,
        "again": True,
    }
    if maker.modality != IMAGE:
        del params["examples"], params["contents"]
        params |= {name: maker.params[name] for name in ("works", "cost")}
    new_job_id = new_id("job")
    until = utcnow() + timedelta(days=days) if days else None

    async def take_over(session: AsyncSession) -> None:
        moved = await session.scalar(
            update(StyleRow)
            .where(StyleRow.id == style.id, StyleRow.job_id == maker.id)
            .values(job_id=new_job_id)
            .returning(StyleRow.id)
            .execution_options(synchronize_session=False)
        )
        if moved is None:
            raise StyleNotRelearnableError(
                f"Style {style.id} was deleted meanwhile, or is being learned again already: look at it with "
                f"GET /v1/styles/{style.id}."
            )
        held = await hold_images(session, images_of(params)) and await hold_files(session, files_of(params))
        if not held or not (images_of(params) or files_of(params)):
            raise StyleNotRelearnableError(
                f"The examples of style {style.id} were deleted or have expired: send them again with "
                "POST /v1/styles."
            )
        await keep(session, params, until)

    effects: list[Effects] = [take_over]
    return NewJob(
        id=new_job_id,
        kind=JobKind.ADAPT,
        modality=style.modality,
        owner=style.owner,
        style_id=style.id,
        params=params,
        effects=effects,
    )
