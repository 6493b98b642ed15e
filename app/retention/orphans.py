"""Delete orphaned blobs: files whose database row was never written, or was deleted first.

A blob is an orphan when it is older than the grace time, no row names it, and the job in its name is
not unfinished. Why nothing that is needed is ever taken:

- a request writes its blobs before their rows, within the seconds in which it decodes its pictures: the
  grace time is hours;
- a worker writes its results before the commit of its job, which is unfinished until then, however long
  the worker was frozen;
- blobs are listed before the rows are read: a row that was committed in between is seen.
"""

import re
from collections.abc import Iterable
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.infra.blobs import Blobs
from app.infra.db import Base, Sessions, utcnow
from app.jobs.job import ACTIVE_STATES
from app.jobs.tables import JobRow

_JOB = re.compile(r"job_[0-9A-Z]{26}")
_CHUNK = 400  # keys a query: SQLite takes a limited number of parameters


async def orphans(sessions: Sessions, blobs: Blobs, candidates: Iterable[str]) -> list[str]:
    """Those of ``candidates`` (keys, all older than the grace time) that nothing needs."""
    keys = list(candidates)
    found: list[str] = []
    for start in range(0, len(keys), _CHUNK):
        chunk = keys[start : start + _CHUNK]
        async with sessions() as session:
            needed = await _named(session, chunk)
            active = await _active_jobs(session, chunk)
        found.extend(key for key in chunk if key not in needed and not _jobs_in(key) & active)
    return found


async def sweep_orphans(sessions: Sessions, blobs: Blobs, grace: timedelta) -> int:
    """Delete orphaned blobs; how many."""
    deleted = 0
    async for batch in blobs.older_than(utcnow() - grace):
        gone = await orphans(sessions, blobs, batch)
        await blobs.delete(gone)
        deleted += len(gone)
    return deleted


async def _named(session: AsyncSession, keys: list[str]) -> set[str]:
    named: set[str] = set()
    for table in Base.metadata.tables.values():
        for column in table.columns:
            if column.name.endswith("blob_key"):
                named.update(await session.scalars(select(column).where(column.in_(keys))))
    return named


async def _active_jobs(session: AsyncSession, keys: list[str]) -> set[str]:
    ids = {job_id for key in keys for job_id in _jobs_in(key)}
    query = select(JobRow.id).where(JobRow.id.in_(ids), JobRow.state.in_(ACTIVE_STATES))
    return set(await session.scalars(query))


def _jobs_in(key: str) -> set[str]:
    return set(_JOB.findall(key))
