"""Reading and writing API keys."""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import bindparam, or_, select, update

from app.auth.api_keys import new_secret
from app.auth.principal import Scope
from app.auth.tables import ApiKeyRow
from app.errors import KeyNotFoundError, ValidationError
from app.ids import new_id
from app.infra.db import Sessions, utcnow

_BY_PUBLIC = select(ApiKeyRow.__table__).where(ApiKeyRow.public == bindparam("public"))
_OWNER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")


async def create_key(
    sessions: Sessions,
    *,
    owner: str,
    name: str,
    scopes: Iterable[Scope],
    expires_at: datetime | None = None,
    requests_per_minute: int | None = None,
) -> tuple[ApiKeyRow, str]:
    """Store a new key; the row, and the key itself, which is kept nowhere. Raises ValidationError."""
    if not _OWNER.fullmatch(owner):
        raise ValidationError(
            f"{owner!r} cannot be an owner: use 1 to 64 letters, digits and . _ @ -, no sign first."
        )
    if not (granted := set(scopes)):
        raise ValidationError("A key without scopes can do nothing: give it read, write or admin.")
    if expires_at is not None and expires_at <= utcnow():
        raise ValidationError("The key would have expired already: choose a later time.")
    secret = new_secret()
    row = ApiKeyRow(
        id=new_id("key"),
        public=secret.public,
        digest=secret.digest,
        owner=owner,
        name=name,
        scopes=" ".join(scope for scope in Scope if scope in granted),
        requests_per_minute=requests_per_minute,
        created_at=utcnow(),
        expires_at=expires_at,
    )
    async with sessions.begin() as session:
        session.add(row)
    return row, secret.text


async def list_keys(sessions: Sessions, owner: str | None = None) -> Sequence[ApiKeyRow]:
    """All keys, or an owner's, the oldest first."""
    query = select(ApiKeyRow).order_by(ApiKeyRow.id)
    if owner is not None:
        query = query.where(ApiKeyRow.owner == owner)
    async with sessions() as session:
        return list(await session.scalars(query))


async def revoke_key(sessions: Sessions, key: str) -> ApiKeyRow:
    """Revoke by id, or by the public part of the key. Again: stays as it was. Raises KeyNotFoundError."""
    public = key.split("_")[1] if key.startswith("fsk_") and key.count("_") >= 1 else key
    async with sessions.begin() as session:
        which = or_(ApiKeyRow.id == key, ApiKeyRow.public == public)
        await session.execute(
            update(ApiKeyRow).where(which, ApiKeyRow.revoked_at.is_(None)).values(revoked_at=utcnow())
        )
        row = await session.scalar(select(ApiKeyRow).where(which))
    if row is None:
        raise KeyNotFoundError(f"There is no key {key}: see `fewstroke keys list`.")
    return row


async def find_key(sessions: Sessions, public: str) -> ApiKeyRow | None:
    """The row that a key's public part names."""
    row = await sessions.row(_BY_PUBLIC, public=public)
    return None if row is None else ApiKeyRow(**row._mapping)


async def any_key(sessions: Sessions) -> bool:
    """Whether there ever was a key."""
    async with sessions() as session:
        return await session.scalar(select(ApiKeyRow.id).limit(1)) is not None


async def record_use(sessions: Sessions, key_id: str, at: datetime, *, at_least: timedelta) -> None:
    """Remember when a key was used, unless less than ``at_least`` has passed since it was remembered."""
    async with sessions.begin() as session:
        await session.execute(
            update(ApiKeyRow)
            .where(
                ApiKeyRow.id == key_id,
                or_(ApiKeyRow.last_used_at.is_(None), ApiKeyRow.last_used_at < at - at_least),
            )
            .values(last_used_at=at)
        )
