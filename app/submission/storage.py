"""Limit the bytes that each owner keeps, and keep room on the disk for results.

Counted where they are written, in the same transaction, from the rows themselves: a counter beside them could
drift. What a worker makes is never refused: its job was.
"""

import asyncio
import shutil
from collections.abc import Sequence
from time import monotonic
from typing import Any

from fastapi import Request
from sqlalchemy import CompoundSelect, bindparam, func, select, union_all
from sqlalchemy.ext.asyncio import AsyncSession

from app.auth.authenticator import key_of
from app.errors import ServiceUnavailableError, StorageExceededError
from app.infra.db import Base, Sessions, in_line, table_of
from app.settings import MIB, Settings

_EACH = 4096  # bytes that a file and its row take besides: a block of the disk each
_SHARE = 0.05  # of a small disk that is to stay free instead of what is configured
_LOOK_EVERY = 1.0  # s


class Storage:
    """Bounds of one service. ``kept``: the tables of what has an ``owner`` and ``size_bytes``."""

    def __init__(self, sessions: Sessions, settings: Settings, kept: Sequence[type[Base]]) -> None:
        self._kept = _bytes_of_owner(kept)
        self._sessions = sessions
        self._settings = settings
        self._folder = settings.blobs_folder  # None: a bucket, which has no end that we know
        self._looked = -_LOOK_EVERY
        self._full = False

    def limit(self, request: Request) -> int | None:
        """Bytes that who sends this may keep; None: no bound, as without keys: it is their disk."""
        return (self._settings.max_stored_bytes or None) if key_of(request) else None

    async def stored(self, owner: str) -> int:
        """Bytes that an owner keeps."""
        async with self._sessions() as session:
            return await self._stored(session, owner)

    async def ensure_room(self, request: Request, owner: str) -> None:
        """Before the costly part of a request. Raises StorageExceededError, and ServiceUnavailableError when
        the disk has only room left for results."""
        if await self._is_full():
            raise ServiceUnavailableError(
                "The service has no room left for uploads: try again later, or have its operator make room.",
                headers={"Retry-After": "60"},
            )
        limit = self.limit(request)
        if limit is not None:
            _refuse_beyond(await self.stored(owner), limit)

    async def check(self, session: AsyncSession, request: Request, owner: str) -> None:
        """In the transaction that has written rows. Raises StorageExceededError."""
        limit = self.limit(request)
        if limit is not None:
            await in_line(session, f"storage {owner}")
            _refuse_beyond(await self._stored(session, owner), limit)

    async def _stored(self, session: AsyncSession, owner: str) -> int:
        rows = await session.execute(self._kept, {"owner": owner})
        return sum(int(row.bytes) + _EACH * row.files for row in rows)

    async def _is_full(self) -> bool:
        now = monotonic()
        if self._folder is not None and now - self._looked >= _LOOK_EVERY:
            self._looked = now
            disk = await asyncio.to_thread(shutil.disk_usage, self._folder)
            self._full = disk.free < min(self._settings.min_free_bytes, disk.total * _SHARE)
        return self._full


def _bytes_of_owner(kept: Sequence[type[Base]]) -> CompoundSelect[Any]:
    """Files and bytes of one owner, a row for each table."""
    return union_all(
        *(
            select(
                func.count().label("files"), func.coalesce(func.sum(table.c.size_bytes), 0).label("bytes")
            ).where(table.c.owner == bindparam("owner"))
            for table in map(table_of, kept)
        )
    )


def _refuse_beyond(stored: int, limit: int) -> None:
    if stored > limit:
        raise StorageExceededError(
            f"Your pictures and styles take {stored / MIB:.0f} MiB of {limit / MIB:.0f} MiB: delete some "
            "(GET /v1/images lists pictures, GET /v1/styles styles), or wait until they expire."
        )
