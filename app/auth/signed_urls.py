"""Signed URLs: links that work without a key until they expire, for ``<img src>`` and to pass on.

A link is the path with ``expires`` (seconds since 1970) and ``signature``, an HMAC-SHA256 of path and time
under a secret of the service. The secrets are rows of the database, so all replicas know them; the newest
signs, the older ones still count until they are thrown away (`fewstroke keys rotate-links`).
"""

import asyncio
import base64
import hashlib
import hmac
import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from time import monotonic
from typing import NoReturn

from sqlalchemy import delete, select

from app.auth.tables import LinkSecretRow
from app.errors import LinkInvalidError
from app.infra.db import Sessions, utcnow
from app.infra.logs import NotAgain
from app.infra.secrets_at_rest import Seal, SecretUnreadableError

logger = logging.getLogger(__name__)
logger.addFilter(NotAgain())

_OPEN = Seal(None)
_FRESH = 10.0  # s for which a process trusts the secrets that it has read
_LOOK_EVERY = 1.0  # s between two looks for a secret that it does not know
_ROUND = (
    300  # s: links that are made shortly after one another are the same, so browsers can keep the picture
)
_BY_AGE = select(LinkSecretRow).order_by(LinkSecretRow.created_at, LinkSecretRow.id)


@dataclass(frozen=True)
class Link:
    """A signed address, relative to the service."""

    url: str
    expires_at: datetime


class Links:
    """Signs and checks. ``lifetime`` in seconds, at least; links live up to five minutes longer."""

    def __init__(
        self,
        sessions: Sessions,
        *,
        lifetime: int,
        seal: Seal = _OPEN,
        now: Callable[[], datetime] = utcnow,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._sessions = sessions
        self._lifetime = lifetime
        self._seal = seal
        self._now = now
        self._clock = clock
        self._secrets: dict[str, bytes] = {}  # the newest last
        self._read_at = -_FRESH
        self._looked_at = -_LOOK_EVERY
        self._looking = asyncio.Lock()

    async def sign(self, path: str) -> Link:
        """A link to ``path``."""
        if not await self._known():
            await rotate(self._sessions, seal=self._seal)
            await self._read()
        name = next(reversed(self._secrets))
        ends = int(self._now().timestamp()) + self._lifetime
        ends += -ends % _ROUND
        signature = f"{name}.{_mac(self._secrets[name], path, ends)}"
        return Link(f"{path}?expires={ends}&signature={signature}", datetime.fromtimestamp(ends, UTC))

    async def check(self, path: str, expires: int, signature: str) -> None:
        """Raise LinkInvalidError unless ``sign`` made this link and it has not expired."""
        name, _, mac = signature.partition(".")
        secret = (await self._known()).get(name) or await self._look_for(name)
        if secret is None:
            _invalid("The link's signature is wrong or no longer counts")
        if not hmac.compare_digest(mac.encode(), _mac(secret, path, expires).encode()):
            _invalid("The link's signature is wrong or no longer counts")
        if self._now().timestamp() >= expires:
            _invalid("The link has expired")

    async def _known(self) -> dict[str, bytes]:
        if self._clock() - self._read_at >= _FRESH or not self._secrets:
            await self._read()
        return self._secrets

    async def _look_for(self, name: str) -> bytes | None:
        """A secret that another process has made since we read: links signed with it are about already."""
        async with self._looking:  # what asks meanwhile gets the answer to the same look
            if name not in self._secrets and self._clock() - self._looked_at >= _LOOK_EVERY:
                self._looked_at = self._clock()
                await self._read()
        return self._secrets.get(name)

    async def _read(self) -> None:
        async with self._sessions() as session:
            rows = list(await session.scalars(_BY_AGE))
        known = {}
        for row in rows:
            try:
                known[row.id] = bytes.fromhex(self._seal.open(row.secret))
            except SecretUnreadableError as error:  # links that it signed do not count; a new one is made
                logger.warning("%s", error)
        self._secrets = known
        self._read_at = self._clock()


async def rotate(sessions: Sessions, *, forget: timedelta | None = None, seal: Seal = _OPEN) -> None:
    """Sign with a new secret from now on; secrets that have not signed for ``forget`` count no longer.

    A secret signs until the next one is made: the one that signed last is kept unless ``forget`` is 0.
    """
    now = utcnow()
    async with sessions.begin() as session:
        sealed = seal.seal(secrets.token_hex(32))
        session.add(LinkSecretRow(id=secrets.token_hex(4), secret=sealed, created_at=now))
        await session.flush()
        if forget is None:
            return
        rows = await session.scalars(_BY_AGE)
        done = [row.id for row, successor in pairwise(rows) if successor.created_at <= now - forget]
        await session.execute(delete(LinkSecretRow).where(LinkSecretRow.id.in_(done)))


def _mac(secret: bytes, path: str, expires: int) -> str:
    mac = hmac.new(secret, f"{path}\n{expires}".encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(mac).rstrip(b"=").decode()


def _invalid(what: str) -> NoReturn:
    raise LinkInvalidError(f"{what}: get a new one from GET /v1/images/{{id}}.")
