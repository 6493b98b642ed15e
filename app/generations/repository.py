"""Read and delete rows of generations."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Select, bindparam, delete, select

from app.errors import GenerationNotFoundError, ResourceInUseError
from app.files.repository import delete_files
from app.files.tables import FileRole, FileRow
from app.generations.tables import GenerationRow
from app.infra.db import Sessions, table_of
from app.jobs.forgetting import Leftovers, with_tries
from app.jobs.job import Job, JobState
from app.jobs.repository import last_retry
from app.jobs.tables import JobRow
from app.medium import Resource
from app.webhooks.outbox import forget_messages

_C = table_of(GenerationRow).c
_OF_JOB = select(*_C).where(_C.job_id == bindparam("job"))


async def get_generation(
    sessions: Sessions, owner: str, modality: str, resource: Resource, generation_id: str
) -> tuple[GenerationRow, Job]:
    """The generation and its job. Raises GenerationNotFoundError."""
    query = _query(owner, modality).where(GenerationRow.id == generation_id)
    async with sessions() as session:
        found = (await session.execute(query)).first()
    if found is None:
        raise _unknown(resource, generation_id)
    return found[0], found[1].to_job()


async def get_generation_of_job(
    sessions: Sessions, owner: str, resource: Resource, job: Job
) -> tuple[GenerationRow, Job]:
    """What the job was to make, and the job that it has now: a retry, maybe.

    Raises GenerationNotFoundError: it was deleted.
    """
    found = await sessions.row(_OF_JOB, job=job.id)
    if found is None and (retry := await last_retry(sessions, job)) != job:  # since somebody looked
        return await get_generation_of_job(sessions, owner, resource, retry)
    if found is None or found.owner != owner:
        raise GenerationNotFoundError(
            f"The {resource.noun} of job {job.id} was deleted: send the request again."
        )
    return GenerationRow(**found._mapping), job


async def list_generations(
    sessions: Sessions,
    owner: str,
    modality: str,
    *,
    limit: int,
    after: str | None,
    states: Sequence[JobState] = (),
    style_id: str | None = None,
) -> list[tuple[GenerationRow, Job]]:
    """The newest first, older than the id ``after``; by the states of their jobs and by their style."""
    query = _query(owner, modality).order_by(GenerationRow.id.desc()).limit(limit)
    if after is not None:
        query = query.where(GenerationRow.id < after)
    if states:
        query = query.where(JobRow.state.in_(states))
    if style_id is not None:
        query = query.where(GenerationRow.style_id == style_id)
    async with sessions() as session:
        return [(row, job.to_job()) for row, job in await session.execute(query)]


async def delete_generation(
    sessions: Sessions, owner: str, modality: str, resource: Resource, generation_id: str
) -> Leftovers:
    """Delete it with its inputs and its results.

    Raises GenerationNotFoundError, ResourceInUseError (its job waits or runs).
    """
    async with sessions.begin() as session:
        job_id = await session.scalar(
            delete(GenerationRow)
            .where(
                GenerationRow.id == generation_id,
                GenerationRow.owner == owner,
                GenerationRow.modality == modality,
            )
            .returning(GenerationRow.job_id)
        )
        if job_id is None:
            raise _unknown(resource, generation_id)
        job = (await session.get_one(JobRow, job_id)).to_job()
        if not job.state.terminal:
            raise ResourceInUseError(
                f"Job {job.id} of this {resource.noun} is {job.state}: cancel it or wait for it, then delete."
            )
        results = select(FileRow.id).where(FileRow.job_id == job_id, FileRow.role == FileRole.RESULT)
        inputs = job.params.get("inputs", {}).values()
        keys = await delete_files(session, [*await session.scalars(results), *inputs])
        jobs = await with_tries(session, [job.id])
        await forget_messages(session, jobs)
    return Leftovers(keys, jobs)


def _unknown(resource: Resource, generation_id: str) -> GenerationNotFoundError:
    return GenerationNotFoundError(
        f"There is no {resource.noun} {generation_id}: check the id, or list them with "
        f"GET /v1/{resource.path}."
    )


def _query(owner: str, modality: str) -> Select[GenerationRow, JobRow]:
    return (
        select(GenerationRow, JobRow)
        .join(JobRow, JobRow.id == GenerationRow.job_id)
        .where(GenerationRow.owner == owner, GenerationRow.modality == modality)
    )
