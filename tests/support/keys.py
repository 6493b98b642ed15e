"""Keys for tests."""

from __future__ import annotations

from collections.abc import Iterable

from app.auth.principal import Scope
from app.auth.repository import create_key
from app.infra.db import Sessions


async def key_for(
    sessions: Sessions, owner: str, scopes: Iterable[Scope] = (Scope.READ, Scope.WRITE)
) -> dict[str, str]:
    """The header of a new key of ``owner``."""
    _, text = await create_key(sessions, owner=owner, name="test", scopes=scopes)
    return bearer(text)


def bearer(text: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {text}"}
