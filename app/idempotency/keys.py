"""`Idempotency-Key`: a request that is sent again makes nothing again (Stripe's semantics).

A request claims its key before it works and records what it made in the transaction that makes it. So
there are three cases for a later request with the key: the first one is done, and is answered again with
what it made; it is in flight (409); or its process died. A process that died before the transaction has
made nothing: its claim runs out after seconds, and the later request takes it over. One that died after
it has made everything, and the later request finds that.
"""

import asyncio
import hashlib
import json
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import BinaryIO

from fastapi import Request
from sqlalchemy import ColumnElement, and_, delete, or_, update
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession
from ulid import ULID

from app.errors import IdempotencyKeyInUseError, IdempotencyKeyInvalidError, IdempotencyKeyReusedError
from app.idempotency.tables import IdempotencyKeyRow as Row
from app.infra.asyncio_utils import end
from app.infra.db import CLOCK_SKEW, Sessions, utcnow
from app.infra.logs import reason

logger = logging.getLogger(__name__)

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"

_KEPT = timedelta(hours=24)
_LEASE = timedelta(seconds=15)
_RENEW_EVERY = 4.0  # s
_ABANDONED = timedelta(hours=1)  # beyond any pause of a process that would still make something
_MAX_LENGTH = 255
_BLOCK = 1 << 20  # bytes
_NO_SYNC = {"synchronize_session": False}  # no row of this table is in these sessions


@dataclass(frozen=True)
class Claim:
    """One request's hold on a key. ``made``: what an earlier request with the key has made."""

    owner: str
    key: str
    token: str
    made: str | None = None

    async def record(self, session: AsyncSession, resource_id: str) -> None:
        """In the transaction that makes it. Raises IdempotencyKeyInUseError: another request took over."""
        recorded = await session.scalar(
            update(Row).where(*self._mine()).values(resource_id=resource_id).returning(Row.key),
            execution_options=_NO_SYNC,
        )
        if recorded is None:
            raise _in_use(self.key)

    def _mine(self) -> tuple[ColumnElement[bool], ...]:
        return (
            Row.owner == self.owner,
            Row.key == self.key,
            Row.claim == self.token,
            Row.resource_id.is_(None),
        )


class IdempotencyKeys:
    """The keys of all owners, in the database."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    async def made(self, owner: str, key: str | None) -> str | None:
        """What the first request with this key has made, when it is done."""
        if key is None:
            return None
        async with self._sessions() as session:
            row = await session.get(Row, (owner, key))
        return row.resource_id if row is not None and row.created_at > utcnow() - _KEPT else None

    @asynccontextmanager
    async def claim(self, owner: str, key: str | None, fingerprint: str) -> AsyncIterator[Claim | None]:
        """Hold the key while the block works; None without a key.

        What the block does not ``record`` it has not made: then the key is free again.
        Raises IdempotencyKeyReusedError (another request had this key), IdempotencyKeyInUseError.
        """
        if key is None:
            yield None
            return
        claim = await self._take(owner, key, fingerprint)
        if claim.made is not None:
            yield claim
            return
        renewing = asyncio.create_task(self._renew(claim), name="idempotency-lease")
        try:
            yield claim
        finally:
            await end(renewing)
            await self._release(claim)

    async def _take(self, owner: str, key: str, fingerprint: str) -> Claim:
        for _ in range(3):  # a second round when another request inserts the same key at the same time
            try:
                async with self._sessions.begin() as session:
                    return await _claim_in(session, owner, key, fingerprint)
            except IntegrityError:
                continue
        raise _in_use(key)

    async def _renew(self, claim: Claim) -> None:
        while True:
            await asyncio.sleep(_RENEW_EVERY)
            try:
                async with self._sessions.begin() as session:
                    await session.execute(
                        update(Row).where(*claim._mine()).values(claimed_until=utcnow() + _LEASE),
                        execution_options=_NO_SYNC,
                    )
            except SQLAlchemyError as error:
                logger.warning("the claim of an idempotency key was not renewed: %s", reason(error))

    async def _release(self, claim: Claim) -> None:
        try:
            async with self._sessions.begin() as session:
                await session.execute(delete(Row).where(*claim._mine()), execution_options=_NO_SYNC)
        except SQLAlchemyError as error:  # it runs out by itself
            logger.warning("the claim of an idempotency key was not released: %s", reason(error))


async def _claim_in(session: AsyncSession, owner: str, key: str, fingerprint: str) -> Claim:
    now = utcnow()
    # A write comes first: SQLite's requests then stand in a line, before they read.
    await session.execute(delete(Row).where(Row.created_at <= now - _KEPT))
    row = await session.get(Row, (owner, key), with_for_update=True)
    token = str(ULID())
    if row is None:
        session.add(
            Row(
                owner=owner,
                key=key,
                fingerprint=fingerprint,
                claim=token,
                claimed_until=now + _LEASE,
                created_at=now,
            )
        )
    elif row.fingerprint != fingerprint:
        raise IdempotencyKeyReusedError(
            f"The {HEADER} {key[:40]!r} came with another request within the last 24 hours: "
            "send a new key for a new request, or exactly the same request again."
        )
    elif row.resource_id is not None:
        return Claim(owner, key, row.claim, row.resource_id)
    elif now < row.claimed_until <= now + _LEASE + CLOCK_SKEW:
        raise _in_use(key)
    else:  # abandoned
        row.claim, row.claimed_until = token, now + _LEASE
    return Claim(owner, key, token)


async def forget_keys(session: AsyncSession) -> tuple[int, list[str]]:
    """A chore of the sweeper: keys past their time, and claims whose request died and made nothing."""
    now = utcnow()
    over = or_(
        Row.created_at <= now - _KEPT,
        and_(Row.resource_id.is_(None), Row.claimed_until <= now - _ABANDONED),
    )
    return len(list(await session.scalars(delete(Row).where(over).returning(Row.key)))), []


def idempotency_key(request: Request) -> str | None:
    """The request's key. Raises IdempotencyKeyInvalidError."""
    key = request.headers.get(HEADER)
    if key is None:
        return None
    if not (1 <= len(key) <= _MAX_LENGTH and key.isascii() and key.isprintable()):
        raise IdempotencyKeyInvalidError(
            f"{HEADER} must have 1 to {_MAX_LENGTH} printable ASCII characters: send a random UUID."
        )
    return key


def fingerprint(
    request: Request,
    values: Mapping[str, str | list[str]] | None = None,
    files: Mapping[str, list[BinaryIO]] | None = None,
) -> str:
    """SHA-256 (hex) over method, path, the form's values and the bytes of its files (read here: blocking).

    Names of files, the multipart boundary and headers do not count: a retry may differ in them.
    """
    digests = {field: [_digest(file) for file in items] for field, items in (files or {}).items()}
    parts = [request.method, request.url.path, dict(values or {}), digests]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _digest(file: BinaryIO) -> str:
    file.seek(0)
    digest = hashlib.sha256()
    while block := file.read(_BLOCK):
        digest.update(block)
    file.seek(0)  # for who reads it next
    return digest.hexdigest()


def _in_use(key: str) -> IdempotencyKeyInUseError:
    return IdempotencyKeyInUseError(
        f"The first request with the {HEADER} {key[:40]!r} is in flight: send it again in a moment.",
        headers={"Retry-After": "2"},
    )
