"""Authenticate a request by its API key, and take it out of the rate of the key."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime, timedelta
from time import monotonic

from starlette.requests import Request

from app.auth.api_keys import matches, public_part
from app.auth.open_mode import OpenMode
from app.auth.principal import ALL_SCOPES, LOCAL_OWNER, Principal, Scope
from app.auth.rate_limit import RateLimiter, Standing
from app.auth.repository import any_key, find_key, record_use
from app.auth.tables import ApiKeyRow
from app.errors import ScopeMissingError, UnauthenticatedError
from app.infra.db import Sessions, utcnow
from app.infra.logs import reason
from app.settings import Settings

logger = logging.getLogger(__name__)

_FRESH = 2.0  # s; a revoked key is refused this late at most, by every process
_REMEMBERED = 4096  # keys whose rows a process keeps
_USE = timedelta(minutes=1)  # how exactly the time of the last use is kept

_CHALLENGE = 'Bearer realm="fewstroke"'


class Authenticator:
    """The door of one API process. ``clock`` gives seconds that only grow."""

    def __init__(
        self, sessions: Sessions, settings: Settings, *, clock: Callable[[], float] = monotonic
    ) -> None:
        self._sessions = sessions
        self._open_mode = OpenMode(settings)
        self._rates = RateLimiter(sessions)
        self._requests_per_minute = settings.requests_per_minute
        self._clock = clock
        self._rows: OrderedDict[str, tuple[float, ApiKeyRow]] = OrderedDict()
        self._used: dict[str, datetime] = {}
        self._locked = False  # a key exists; there is no way back
        self._looked = -_FRESH
        self._background: set[asyncio.Task[None]] = set()
        if (warning := self._open_mode.warning()) is not None:
            logger.warning("%s", warning)

    async def close(self) -> None:
        """Wait for what is still being written."""
        await asyncio.gather(*self._background, return_exceptions=True)
        await self._rates.close()

    async def authenticate(self, request: Request) -> Principal:
        """Who sends the request. Raises UnauthenticatedError."""
        scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
        if not scheme:
            await self._admit_without_key(request)
            return Principal(LOCAL_OWNER, ALL_SCOPES)
        text = credentials.strip()
        public = public_part(text) if scheme.lower() == "bearer" else None
        if public is None:
            raise _refused("The Authorization header holds no key: send `Authorization: Bearer fsk_...`.")
        row = await self._row(public)
        if not matches(text, row.digest if row else None) or row is None:
            raise _refused("There is no such key: check it, or make one with `fewstroke keys create`.")
        now = utcnow()
        if row.revoked_at is not None:
            raise _refused("The key was revoked: ask for another one.")
        if row.expires_at is not None and row.expires_at <= now:
            raise _refused("The key has expired: ask for another one.")
        self._note_use(row.id, now)
        return Principal(
            owner=row.owner,
            scopes=frozenset(Scope(scope) for scope in row.scopes.split()),
            key_id=row.id,
            requests_per_minute=row.requests_per_minute,
        )

    def known_owner(self, authorization: str) -> str | None:
        """Whose key this header of a request holds, if it was shown before: from memory, without a look at
        whether it is still valid."""
        text = authorization.partition(" ")[2].strip()
        _, row = self._rows.get(public_part(text) or "", (0.0, None))
        return row.owner if row is not None and matches(text, row.digest) else None

    async def spend(self, principal: Principal) -> Standing | None:
        """Count a request; None: nobody counts. Raises RateLimitedError."""
        quota = principal.requests_per_minute
        if quota is None:
            quota = self._requests_per_minute
        if principal.key_id is None or quota == 0:
            return None
        return await self._rates.spend(principal.key_id, quota)

    async def _admit_without_key(self, request: Request) -> None:
        if self._open_mode.depends_on_keys and not self._locked and self._clock() - self._looked >= _FRESH:
            self._locked = await any_key(self._sessions)
            self._looked = self._clock()
        refusal = self._open_mode.refusal(request, keys_exist=self._locked)
        if refusal is not None:
            raise UnauthenticatedError(
                f"This service asks for a key, as `Authorization: Bearer fsk_...`: {refusal}.",
                headers={"WWW-Authenticate": _CHALLENGE},
            )

    async def _row(self, public: str) -> ApiKeyRow | None:
        at, row = self._rows.get(public, (0.0, None))
        if row is not None and self._clock() - at < _FRESH:
            return row
        row = await find_key(self._sessions, public)
        self._rows.pop(public, None)
        if row is not None:  # a guess is not remembered
            self._rows[public] = (self._clock(), row)
            if len(self._rows) > _REMEMBERED:
                self._rows.popitem(last=False)
        return row

    def _note_use(self, key_id: str, now: datetime) -> None:
        """Once a minute and key, beside the request."""
        if now - self._used.get(key_id, now - 2 * _USE) < _USE:
            return
        self._used[key_id] = now
        task = asyncio.create_task(self._record_use(key_id, now))
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def _record_use(self, key_id: str, now: datetime) -> None:
        try:
            await record_use(self._sessions, key_id, now, at_least=_USE)
        except Exception as error:  # the request goes on without it
            logger.warning("the use of %s was not recorded: %s", key_id, reason(error))


def key_of(request: Request) -> str | None:
    """The id of the key that a request was let in with; None without one."""
    key_id: str | None = getattr(request.state, "key_id", None)
    return key_id


def require(principal: Principal, scope: Scope) -> None:
    """Raise ScopeMissingError when the key lacks a scope."""
    if scope not in principal.scopes:
        raise ScopeMissingError(
            f"The key lacks the scope `{scope}`: use one that was made with `--scopes {scope}`.",
            headers={"WWW-Authenticate": f'{_CHALLENGE}, error="insufficient_scope", scope="{scope}"'},
        )


def _refused(detail: str) -> UnauthenticatedError:
    return UnauthenticatedError(detail, headers={"WWW-Authenticate": f'{_CHALLENGE}, error="invalid_token"'})
