"""Delete copies of deleted things: names in the params of jobs, previews and texts in the events of jobs.

docs/deletion.md lists them all; here are names of files in the parameters of jobs, and what is shown by a
job's events, which are the broker's. Messages of webhooks are forgotten by :mod:`app.webhooks.outbox`.
"""

import logging
from collections.abc import Collection
from dataclasses import dataclass, field

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.infra.blobs import Blobs
from app.infra.broker import Broker, BrokerUnavailableError
from app.infra.logs import NotAgain
from app.jobs.tables import JobRow

logger = logging.getLogger(__name__)
logger.addFilter(NotAgain())


@dataclass
class Leftovers:
    """What is to go after a commit: blobs by their keys, events by their jobs."""

    keys: list[str] = field(default_factory=list)
    jobs: list[str] = field(default_factory=list)


async def clear(leftovers: Leftovers, blobs: Blobs, broker: Broker) -> None:
    """Let them go. A process that dies before leaves blobs to the sweeper and events to their age."""
    await blobs.delete(leftovers.keys)
    await forget_events(broker, leftovers.jobs)


async def with_tries(session: AsyncSession, job_ids: Collection[str | None]) -> list[str]:
    """These jobs and those that they try again: all have the same inputs."""
    found: list[str] = []
    left = {job_id for job_id in job_ids if job_id is not None}
    while left:
        found += left
        before = await session.scalars(select(JobRow.retry_of).where(JobRow.id.in_(left)))
        left = {job_id for job_id in before if job_id is not None} - set(found)
    return found


async def tries_of(session: AsyncSession, job_id: str) -> list[str]:
    """A job, those that it tries again, and those that try it again: uploads name the first of them."""
    found = await with_tries(session, [job_id])
    while True:
        later = await session.scalars(
            select(JobRow.id).where(JobRow.retry_of.in_(found), JobRow.id.not_in(found))
        )
        more = list(later)
        if not more:
            return found
        found += more


async def forget_names(
    session: AsyncSession, job_ids: Collection[str], *, of_image: str | None = None
) -> None:
    """Forget the names that uploads had on the sender's machine (of one image only)."""
    for job in await session.scalars(select(JobRow).where(JobRow.id.in_(job_ids))):
        items = job.params.get("items")
        if not items:
            continue
        gone = [
            {**item, "name": None} if of_image in (None, item.get("content_id")) else item for item in items
        ]
        if gone != items:
            job.params = {**job.params, "items": gone}


async def forget_events(broker: Broker, job_ids: Collection[str]) -> None:
    """Previews show what was uploaded, texts what was made. Without a broker they stay out their hour."""
    for job_id in job_ids:
        try:
            await broker.purge_events(job_id)
        except BrokerUnavailableError as error:
            logger.warning("events of %s are left to age: %s", job_id, error.detail)
