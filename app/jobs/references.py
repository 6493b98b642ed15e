"""Which styles and images unfinished jobs need, so that they are not deleted."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.jobs.job import ACTIVE_STATES, Job, JobKind
from app.jobs.tables import JobRow


async def unfinished(session: AsyncSession, owner: str) -> list[Job]:
    """The owner's jobs that wait or run: no more than the queue may hold."""
    query = select(JobRow).where(JobRow.owner == owner, JobRow.state.in_(ACTIVE_STATES))
    return [row.to_job() for row in await session.scalars(query)]


def style_is_needed(jobs: Iterable[Job], style_id: str) -> bool:
    """Whether one of them uses the style; the job that makes it does not count."""
    users = (JobKind.STYLIZE, JobKind.GENERATE, JobKind.BATCH)
    return any(job.kind in users and style_id in styles_of(job.params) for job in jobs)


def image_is_needed(jobs: Iterable[Job], image_id: str) -> bool:
    """Whether one of them reads the image."""
    return any(image_id in images_of(job.params) for job in jobs)


def styles_of(params: dict[str, Any]) -> set[str]:
    """Styles that a job with these parameters reads."""
    parts = params.get("styles") or [{"id": params["style_id"]}]
    return {*(part["id"] for part in parts), *filter(None, [params.get("outside_style_id")])}


def inputs_of_style(job: Job) -> list[str]:
    """Uploads that go with the style that the job makes: of a retry too, whose uploads name the first try."""
    contents = job.params.get("contents", ()) if job.kind is JobKind.ADAPT else ()  # else the stylization's
    return [*job.params.get("examples", ()), *contents]


def files_of(params: dict[str, Any]) -> list[str]:
    """Files other than pictures that a job with these parameters reads."""
    return [*params.get("works", ()), *params.get("inputs", {}).values()]


def works_of_style(job: Job) -> list[str]:
    """Files other than pictures that go with the style that the job makes."""
    return list(job.params.get("works", ())) if job.kind is JobKind.ADAPT else []


def images_of(params: dict[str, Any]) -> Sequence[str]:
    """Uploads that a job with these parameters reads."""
    mask = params.get("mask")
    return [*params.get("examples", ()), *params.get("contents", ()), *([mask] if mask else [])]
