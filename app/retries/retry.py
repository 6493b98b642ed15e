"""Retry a job: make a new one with the same inputs that takes over the style or the stylization.

A terminal state is final, so a retry is a new job with the parameters of the old one and attempts of its
own; the style or the stylization that waits for a result is given to it in the same transaction. A job
is retried once: who wants more retries the retry.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from fastapi import Request, Response
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app.batches.tables import BatchRow
from app.errors import JobNotRetryableError, StyleNotFoundError
from app.files.repository import hold_files
from app.generations.tables import GenerationRow
from app.idempotency.keys import REPLAYED, fingerprint, idempotency_key
from app.ids import new_id
from app.images.canceled_uploads import keep
from app.images.repository import hold_images
from app.infra.db import Sessions, utcnow
from app.jobs.job import RETRYABLE_STATES, Job, JobKind
from app.jobs.ledger import Effects, NewJob
from app.jobs.references import files_of, images_of, styles_of
from app.jobs.service import JobService
from app.jobs.tables import JobRow
from app.styles.repository import hold_styles
from app.styles.tables import StyleRow
from app.stylizations.tables import StylizationRow
from app.submission.dependencies import SubmissionServices
from app.submission.submit import claimed


async def submit_retry(
    request: Request, response: Response, services: SubmissionServices, owner: str, job: Job
) -> Job:
    """The job that tries ``job`` again. Raises JobNotRetryableError, QueueFullError, QuotaExceededError."""
    key = idempotency_key(request)
    async with services.idempotency.claim(owner, key, fingerprint(request)) as claim:
        if claim is not None and claim.made is not None:
            response.headers[REPLAYED] = "true"
            return await services.ledger.get(claim.made)
        days = services.settings.keep_uploads_days
        until = utcnow() + timedelta(days=days) if days else None
        new = claimed(plan_retry(job, until), claim)
        retried = await create_retry(services.sessions, services.jobs, new)
    await services.jobs.enqueue(retried)
    return retried


def plan_retry(job: Job, uploads_until: datetime | None) -> NewJob:
    """The job that tries ``job`` again; its uploads are kept until then. Raises JobNotRetryableError."""
    if job.state not in RETRYABLE_STATES:
        raise JobNotRetryableError(
            f"Job {job.id} is {job.state}: only a failed, canceled or expired job can be retried."
        )
    new = NewJob(
        id=new_id("job"),
        kind=job.kind,
        modality=job.modality,
        params=job.params,
        style_id=job.style_id,
        owner=job.owner,
        retry_of=job.id,
    )
    return replace(new, effects=(_take_over(job, new.id, uploads_until),))


async def create_retry(sessions: Sessions, jobs: JobService, new: NewJob) -> Job:
    """Make it durable. Raises JobNotRetryableError (inputs deleted, retried before), QueueFullError."""
    try:
        return await jobs.create(new)
    except IntegrityError as error:
        async with sessions() as session:
            other = await session.scalar(select(JobRow.id).where(JobRow.retry_of == new.retry_of))
        if other is None:
            raise
        raise JobNotRetryableError(
            f"Job {new.retry_of} was retried before, as {other}: look at that one, or retry that one."
        ) from error


def _take_over(old: Job, new_id: str, uploads_until: datetime | None) -> Effects:
    async def effect(session: AsyncSession) -> None:
        tables: dict[JobKind, list[type[StyleRow | StylizationRow | GenerationRow | BatchRow]]] = {
            JobKind.ADAPT: [StyleRow],
            JobKind.STYLIZE: [StylizationRow],
            JobKind.STYLIZE_ONCE: [StyleRow, StylizationRow],
            JobKind.GENERATE: [GenerationRow],
            JobKind.BATCH: [BatchRow],
        }
        for table in tables[old.kind]:
            moved = await session.scalar(
                update(table)
                .where(table.job_id == old.id)
                .values(job_id=new_id)
                .returning(table.id)
                .execution_options(synchronize_session=False)
            )
            if moved is None:
                raise _gone(old)
        images, files = images_of(old.params), files_of(old.params)
        if not (await hold_images(session, images) and await hold_files(session, files)):
            raise _gone(old)
        await keep(session, old.params, uploads_until)
        if old.kind in (JobKind.STYLIZE, JobKind.GENERATE, JobKind.BATCH):
            try:
                await hold_styles(session, old.owner, styles_of(old.params))
            except StyleNotFoundError as error:
                raise _gone(old) from error

    return effect


def _gone(job: Job) -> JobNotRetryableError:
    return JobNotRetryableError(
        f"What job {job.id} was to make, or what it needs, was deleted: send the original request again."
    )
