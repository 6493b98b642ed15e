"""Encrypt, at the start, the secrets that the database holds in clear from before there was a key."""

from sqlalchemy import select, update

from app.auth.tables import LinkSecretRow
from app.infra.db import Sessions
from app.infra.secrets_at_rest import Seal
from app.webhooks.tables import WebhookRow


async def seal_secrets(sessions: Sessions, seal: Seal) -> None:
    """All of them, in one transaction."""
    async with sessions() as session:
        found = {
            table: [
                row
                for row in await session.execute(select(table.id, table.secret))
                if seal.is_open(row.secret)
            ]
            for table in (LinkSecretRow, WebhookRow)
        }
    if not any(found.values()):
        return
    async with sessions.begin() as session:
        for table, rows in found.items():
            for row in rows:
                await session.execute(
                    update(table)
                    .where(table.id == row.id, table.secret == row.secret)
                    .values(secret=seal.seal(row.secret)),
                    execution_options={"synchronize_session": False},
                )
