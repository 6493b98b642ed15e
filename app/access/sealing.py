"""Secrets that stand in the database in clear, from before there was a key, are sealed at the start."""

from sqlalchemy import select

from app.access.tables import LinkSecretRow
from app.infra.db import Sessions
from app.infra.secrecy import Seal
from app.webhooks.tables import WebhookRow


async def seal_secrets(sessions: Sessions, seal: Seal) -> None:
    """All of them, in one transaction."""
    async with sessions() as session:
        stored = [
            secret
            for column in (LinkSecretRow.secret, WebhookRow.secret)
            for secret in await session.scalars(select(column))
        ]
    if not any(map(seal.is_open, stored)):
        return
    async with sessions.begin() as session:
        for table in (LinkSecretRow, WebhookRow):
            for row in await session.scalars(select(table)):
                if seal.is_open(row.secret):
                    row.secret = seal.seal(row.secret)
