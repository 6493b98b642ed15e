"""Read and write rows of webhooks and their messages."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import delete, func, select, update

from app.errors import DeliveryNotFoundError, TooManyWebhooksError, WebhookNotFoundError
from app.infra.db import Sessions, in_line, utcnow
from app.webhooks.tables import DeliveryRow, DeliveryState, WebhookRow


async def insert_webhook(sessions: Sessions, row: WebhookRow, *, limit: int) -> None:
    """Raises TooManyWebhooksError when the owner has ``limit`` of them."""
    async with sessions.begin() as session:
        await in_line(session, "webhooks")  # else two that insert at once each count without the other
        session.add(row)
        await session.flush()
        query = select(func.count()).select_from(WebhookRow).where(WebhookRow.owner == row.owner)
        if (await session.scalar(query) or 0) > limit:
            raise TooManyWebhooksError(f"There are {limit} webhooks already: delete one that is not needed.")


async def get_webhook(sessions: Sessions, owner: str, webhook_id: str) -> WebhookRow:
    """Raises WebhookNotFoundError, also for a webhook of somebody else."""
    async with sessions() as session:
        row = await session.scalar(
            select(WebhookRow).where(WebhookRow.id == webhook_id, WebhookRow.owner == owner)
        )
    if row is None:
        raise _unknown(webhook_id)
    return row


async def list_webhooks(
    sessions: Sessions, owner: str, *, limit: int, after: str | None
) -> Sequence[WebhookRow]:
    """The newest first, older than the id ``after``."""
    query = select(WebhookRow).where(WebhookRow.owner == owner).order_by(WebhookRow.id.desc()).limit(limit)
    if after is not None:
        query = query.where(WebhookRow.id < after)
    async with sessions() as session:
        return list(await session.scalars(query))


async def change_webhook(
    sessions: Sessions, owner: str, webhook_id: str, values: dict[str, Any]
) -> WebhookRow:
    """The webhook after the change. Raises WebhookNotFoundError."""
    if not values:
        return await get_webhook(sessions, owner, webhook_id)
    async with sessions.begin() as session:
        row = await session.scalar(
            update(WebhookRow)
            .where(WebhookRow.id == webhook_id, WebhookRow.owner == owner)
            .values(**values)
            .returning(WebhookRow)
            .execution_options(synchronize_session=False)
        )
    if row is None:
        raise _unknown(webhook_id)
    return row


async def delete_webhook(sessions: Sessions, owner: str, webhook_id: str) -> None:
    """With its messages. Raises WebhookNotFoundError."""
    async with sessions.begin() as session:
        gone = await session.scalar(
            delete(WebhookRow)
            .where(WebhookRow.id == webhook_id, WebhookRow.owner == owner)
            .returning(WebhookRow.id)
        )
    if gone is None:
        raise _unknown(webhook_id)


async def list_deliveries(
    sessions: Sessions, webhook_id: str, *, limit: int, after: str | None, state: DeliveryState | None
) -> Sequence[DeliveryRow]:
    """The newest messages first, older than the id ``after``."""
    query = (
        select(DeliveryRow)
        .where(DeliveryRow.webhook_id == webhook_id)
        .order_by(DeliveryRow.id.desc())
        .limit(limit)
    )
    if after is not None:
        query = query.where(DeliveryRow.id < after)
    if state is not None:
        query = query.where(DeliveryRow.state == state)
    async with sessions() as session:
        return list(await session.scalars(query))


async def redeliver(sessions: Sessions, webhook_id: str, delivery_id: str) -> DeliveryRow:
    """Due again, with all its attempts before it. Raises DeliveryNotFoundError."""
    async with sessions.begin() as session:
        row = await session.scalar(
            update(DeliveryRow)
            .where(DeliveryRow.id == delivery_id, DeliveryRow.webhook_id == webhook_id)
            .values(state=DeliveryState.PENDING, attempts=0, next_attempt_at=utcnow(), finished_at=None)
            .returning(DeliveryRow)
            .execution_options(synchronize_session=False)
        )
    if row is None:
        raise DeliveryNotFoundError(
            f"This webhook has no message {delivery_id}: list its messages with "
            f"GET /v1/webhooks/{webhook_id}/deliveries."
        )
    return row


def _unknown(webhook_id: str) -> WebhookNotFoundError:
    return WebhookNotFoundError(
        f"There is no webhook {webhook_id}: check the id, or list webhooks with GET /v1/webhooks."
    )


async def webhooks_of_key(sessions: Sessions, key_id: str, *, disable: bool = False) -> list[str]:
    """The ids of the enabled webhooks that a key has made."""
    made = (WebhookRow.key_id == key_id, WebhookRow.enabled.is_(True))
    if not disable:
        async with sessions() as session:
            return list(await session.scalars(select(WebhookRow.id).where(*made)))
    async with sessions.begin() as session:
        disabled = await session.scalars(
            update(WebhookRow)
            .where(*made)
            .values(enabled=False, disabled_reason="The key that made it was revoked.")
            .returning(WebhookRow.id)
            .execution_options(synchronize_session=False)
        )
        return list(disabled)
