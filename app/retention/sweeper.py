"""Delete expired rows and what crashes left behind; one replica at a time does it.

Every step is safe to repeat and to break off anywhere: rows go in transactions, blobs after their rows.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from uuid import uuid4

from sqlalchemy.ext.asyncio import AsyncSession

from app.imaging.temp_dirs import delete_left_behind
from app.infra.blobs import Blobs
from app.infra.db import Sessions, utcnow
from app.infra.facts import RESTORED, read_fact
from app.infra.leader_lock import drop_lease, renew_lease, take_lease
from app.infra.logs import NotAgain, reason
from app.retention.expiry import (
    expire_batches,
    expire_files,
    expire_generations,
    expire_images,
    expire_styles,
    expire_stylizations,
    forget_jobs,
)
from app.retention.orphans import sweep_orphans
from app.settings import Settings

logger = logging.getLogger(__name__)
logger.addFilter(NotAgain())

_LEASE = "sweeper"
_LEASE_TTL = timedelta(minutes=10)  # renewed with every batch
_SETTLE = 30.0  # s before the first round: a service that starts has better things to do


Chore = Callable[[AsyncSession], Awaitable[tuple[int, list[str]]]]
"""Deletes a batch of rows in a transaction: how many, and the keys of blobs that nothing names now."""


class Sweeper:
    """``chores`` are the deletions of other domains; each is repeated until it finds nothing."""

    def __init__(
        self,
        sessions: Sessions,
        blobs: Blobs,
        settings: Settings,
        *,
        chores: Mapping[str, Chore] | None = None,
    ) -> None:
        self._sessions = sessions
        self._blobs = blobs
        self._settings = settings
        self._chores = dict(chores or {})
        self._id = uuid4().hex

    async def run(self) -> None:
        """Sweep every ``sweep_every`` seconds until canceled; a failing round is logged and tried again."""
        pause = min(_SETTLE, self._settings.sweep_every)
        try:
            while True:
                await asyncio.sleep(pause)
                pause = self._settings.sweep_every
                try:
                    await self.sweep()
                    await self.tidy()
                except Exception as error:
                    logger.warning("sweeping failed and will be tried again: %s", reason(error))
        finally:
            try:  # another replica need not wait until it runs out
                await drop_lease(self._sessions, _LEASE, self._id)
            except Exception as error:
                logger.debug("the sweeper's lease runs out by itself: %s", reason(error))

    async def sweep(self) -> dict[str, int] | None:
        """One round: how much of what it took away; None when another replica is at it."""
        if not await take_lease(self._sessions, _LEASE, self._id, _LEASE_TTL):
            return None
        swept = {name: await self._repeat(chore) for name, chore in self._steps().items()}
        grace = timedelta(seconds=self._settings.orphan_grace)
        if (restored := await read_fact(self._sessions, RESTORED)) is not None:
            logger.warning(
                "the database was restored (%s): files that it does not name are kept until "
                "`fewstroke restore --release`",
                restored,
            )
        else:
            swept["orphaned blobs"] = await sweep_orphans(self._sessions, self._blobs, grace)
        swept["unfinished blobs"] = await self._blobs.delete_unfinished(utcnow() - grace)
        await self._sessions.empty_log()
        if any(swept.values()):
            logger.info("swept %s", ", ".join(f"{count} {name}" for name, count in swept.items() if count))
        return swept

    async def tidy(self) -> int:
        """Take away what killed processes left on this machine, every replica on its own; how much."""
        before = utcnow() - timedelta(seconds=self._settings.orphan_grace)
        return await asyncio.to_thread(delete_left_behind, before.timestamp())

    def _steps(self) -> dict[str, Chore]:
        now = utcnow()
        steps: dict[str, Chore] = {
            "images": lambda session: expire_images(session, now),
            "files": lambda session: expire_files(session, now),
            "generations": lambda session: expire_generations(session, now),
            "stylizations": lambda session: expire_stylizations(session, now),
            "batches": lambda session: expire_batches(session, now),
            "styles": lambda session: expire_styles(session, now),
            **self._chores,
        }
        if self._settings.keep_jobs_days:
            before = now - timedelta(days=self._settings.keep_jobs_days)
            steps["jobs"] = lambda session: forget_jobs(session, before)
        return steps

    async def _repeat(self, chore: Chore) -> int:
        """Batch by batch, as long as the lease is ours."""
        total = 0
        while True:
            async with self._sessions.begin() as session:
                if not await renew_lease(session, _LEASE, self._id, _LEASE_TTL):
                    return total
                count, keys = await chore(session)
            await self._blobs.delete(keys)
            if not count:
                return total
            total += count
