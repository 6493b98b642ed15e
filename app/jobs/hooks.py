"""Run the hooks of a job's state change in its transaction, and log the change after the commit.

The hooks themselves are listed in :mod:`app.job_hooks`; a ledger cannot be made without them.
"""

import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncSession

from app.jobs.job import Job
from app.jobs.tracing import about_job, note_state

logger = logging.getLogger(__name__)


Hook = Callable[[AsyncSession, Job], Awaitable[None]]
"""Called in the transaction of a change, with the job as it is after it; raising undoes the change."""


async def record(session: AsyncSession, job: Job, hooks: Iterable[Hook]) -> None:
    """Call the hooks with ``job`` as it is after the change, and log it after the commit."""
    for hook in hooks:
        await hook(session, job)
    _after_commit(session, lambda: _tell(job))


def _tell(job: Job) -> None:
    with about_job(job):
        logger.info("%s is %s", job.id, job.state.value, extra=_facts(job))
    note_state(job)


def _facts(job: Job) -> dict[str, Any]:
    """Fields of the log line besides its text."""
    facts = {
        "kind": job.kind.value,
        "state": job.state.value,
        "attempt": job.attempt,
        "owner": job.owner,
    }
    if job.error is not None:
        facts["code"] = job.error["code"]
    return facts


def _after_commit(session: AsyncSession, act: Callable[[], None]) -> None:
    """Not before: what is rolled back did not happen."""
    event.listen(session.sync_session, "after_commit", lambda _: act(), once=True)
