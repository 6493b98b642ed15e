"""What every change of a job's state brings along, in the same transaction: webhook messages, tallies.

The ledger calls ``record`` for each change, so that no process can forget a part of it. Kept short: the
job's row is locked meanwhile, on SQLite the whole database.
"""

import logging
from collections.abc import Callable
from typing import Any

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncSession

from app.jobs.job import Job
from app.jobs.tracing import about_job, note_state
from app.metrics.counters import tally
from app.retention.canceled import shorten
from app.webhooks.outbox import write_messages

logger = logging.getLogger(__name__)


async def record(session: AsyncSession, job: Job) -> None:
    """``job`` as it is after the change."""
    await write_messages(session, job)
    await tally(session, job)
    await shorten(session, job)
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
