"""Limit the requests of a key by a token bucket that all replicas share.

The bucket is a row: the time at which it would be full again (the generic cell rate algorithm, ATM Forum
1996), moved by one conditional UPDATE. A process takes a twentieth of the bucket at a time and spends
it by itself, so most requests cost no write. What it has taken and not spent is the only inexactness.

A key's next share is taken by one request for all, and beside it while something is left of the last: those
that only read would else stand in the line of the writers, all at the same moment.
"""

import asyncio
import logging
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from time import time

from sqlalchemy import and_, case, delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from app.auth.tables import RateRow
from app.errors import RateLimitedError
from app.infra.db import CLOCK_SKEW, Sessions
from app.infra.logs import reason

logger = logging.getLogger(__name__)

_WINDOW = 60.0  # s
_AGING = (
    2 / 3 * _WINDOW
)  # s; then the next share is taken beside the request, and the rest of this one lapses
_SKEW = CLOCK_SKEW.total_seconds()
_LEASES = 20  # to the bucket
_PAUSE = 1.0  # s for which a key that was refused is not looked at again: Retry-After has whole seconds
_REMEMBERED = 4096  # keys


@dataclass
class _Lease:
    tokens: int
    full_at: float  # s since 1970
    taken_at: float
    blocked_until: float = 0.0


@dataclass(frozen=True)
class Standing:
    """What a key has left: ``remaining`` of ``quota`` requests, all of them again after ``reset`` seconds."""

    quota: int
    remaining: int
    reset: int

    def headers(self) -> dict[str, str]:
        """As draft-ietf-httpapi-ratelimit-headers has them."""
        return {
            "RateLimit-Policy": f'"key";q={self.quota};w={_WINDOW:.0f}',
            "RateLimit": f'"key";r={self.remaining};t={self.reset}',
        }


class RateLimiter:
    """``now`` gives seconds since 1970; the clocks of replicas should agree to a second or two."""

    def __init__(self, sessions: Sessions, *, now: Callable[[], float] = time) -> None:
        self._sessions = sessions
        self._now = now
        self._leases: dict[str, _Lease] = {}
        self._taking: dict[str, asyncio.Task[None]] = {}

    async def close(self) -> None:
        """Wait for what is still being written."""
        await asyncio.gather(*self._taking.values(), return_exceptions=True)

    async def spend(self, key_id: str, quota: int) -> Standing:
        """Count a request of a key that may send ``quota`` of them a minute. Raises RateLimitedError."""
        now = self._now()
        lease = self._lease(key_id, now)
        while lease is None or (lease.tokens == 0 and now >= lease.blocked_until):
            await asyncio.shield(self._taken(key_id, quota, now))
            lease = self._lease(key_id, now)
        if lease.tokens and (lease.tokens <= quota // _LEASES // 4 or now - lease.taken_at > _AGING):
            self._taken(key_id, quota, now).add_done_callback(_report)
        reset = max(0.0, lease.full_at - now)
        if lease.tokens == 0:
            wait = math.ceil(max(_PAUSE, lease.blocked_until - now))
            standing = Standing(quota, 0, math.ceil(reset))
            raise RateLimitedError(
                f"The key may send {quota} requests a minute: send the next one in {wait} s.",
                headers={"Retry-After": str(wait), **standing.headers()},
            )
        lease.tokens -= 1
        left = int((_WINDOW - reset) * quota / _WINDOW) + lease.tokens
        return Standing(quota, max(0, min(quota, left)), math.ceil(reset))

    def _lease(self, key_id: str, now: float) -> _Lease | None:
        """This process's unexpired lease on the key's bucket, or None. Leases older than a window, or from
        the future after the clock was set back, are ignored."""
        lease = self._leases.get(key_id)
        return lease if lease is not None and -_SKEW <= now - lease.taken_at <= _WINDOW else None

    def _taken(self, key_id: str, quota: int, now: float) -> asyncio.Task[None]:
        """The task that takes the next share of a key, begun now or already."""
        task = self._taking.get(key_id)
        if task is None or task.done():  # awaiting one that is done lets nothing else run: no loop would end
            task = asyncio.create_task(self._renew(key_id, quota, now), name=f"rate-{key_id}")
            self._taking[key_id] = task
            task.add_done_callback(partial(self._forget, key_id))
        return task

    def _forget(self, key_id: str, task: asyncio.Task[None]) -> None:
        if self._taking.get(key_id) is task:
            del self._taking[key_id]

    async def _renew(self, key_id: str, quota: int, now: float) -> None:
        lease = await self._take(key_id, quota, now)
        rest = self._lease(key_id, now)
        if rest is not None and rest.tokens and now - rest.taken_at <= _AGING:
            if lease.tokens == 0:
                return  # the bucket is empty: the rest is spent first
            lease.tokens += rest.tokens
        if len(self._leases) >= _REMEMBERED:
            self._leases.pop(next(iter(self._leases)))
        self._leases[key_id] = lease

    async def _take(self, key_id: str, quota: int, now: float) -> _Lease:
        interval = _WINDOW / quota
        async with self._sessions.begin() as session:
            for tokens in sorted({1, quota // _LEASES, int(quota * _PAUSE / _WINDOW)} - {0}, reverse=True):
                full_at = await _move(session, key_id, now, tokens * interval)
                if full_at is not None:
                    return _Lease(tokens, full_at, now)
            full_at = await session.scalar(select(RateRow.full_at).where(RateRow.key_id == key_id)) or now
        return _Lease(0, full_at, now, blocked_until=max(full_at + interval - _WINDOW, now + _PAUSE))


def _report(task: asyncio.Task[None]) -> None:
    """What went wrong beside a request is no concern of it: the next one that must have a share is told."""
    if not task.cancelled() and (error := task.exception()) is not None:
        logger.warning("no requests were counted ahead: %s", reason(error))


async def forget_rates(session: AsyncSession) -> tuple[int, list[str]]:
    """A chore of the sweeper: full buckets, of keys that rest, have expired or were revoked.

    A bucket without a row is a full one.
    """
    full = RateRow.full_at <= time() - _WINDOW
    return len(list(await session.scalars(delete(RateRow).where(full).returning(RateRow.key_id)))), []


async def _move(session: AsyncSession, key_id: str, now: float, by: float) -> float | None:
    """When the bucket is full again after taking out ``by`` seconds' worth; None: it holds less."""
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    # A bucket is never further from full than a window: else its clock was ahead, and has gone back.
    sound = and_(RateRow.full_at > now, RateRow.full_at <= now + _WINDOW + _SKEW)
    full_at = case((sound, RateRow.full_at), else_=now) + by
    statement = (
        insert(RateRow)
        .values(key_id=key_id, full_at=now + by)
        .on_conflict_do_update(
            index_elements=[RateRow.key_id],
            set_={"full_at": full_at},
            where=full_at <= now + _WINDOW,
        )
        .returning(RateRow.full_at)
    )
    moved = (await session.execute(statement)).scalar_one_or_none()
    return None if moved is None else float(moved)
