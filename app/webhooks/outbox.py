"""Write webhook messages in the transaction of the change that they tell about."""

import json
from collections.abc import Collection

from sqlalchemy import bindparam, delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.ids import new_id
from app.infra.db import table_of, utcnow
from app.jobs.job import Job
from app.jobs.schemas import JobOut
from app.webhooks.tables import EVENT_OF_STATE, DeliveryRow, DeliveryState, WebhookRow

_C = table_of(WebhookRow).c
_LISTENING = (
    select(_C.id, _C.events)
    .where(_C.owner == bindparam("owner"), _C.enabled.is_(True))
    .with_for_update(read=True, key_share=True)  # a webhook is deleted before this transaction, or after it
)


async def write_messages(session: AsyncSession, job: Job) -> None:
    """A message on the job's new state for each webhook of its owner that wants it."""
    event = EVENT_OF_STATE.get(job.state)
    if event is None:
        return
    now = utcnow()
    body = ""
    for webhook_id, events in await session.execute(_LISTENING, {"owner": job.owner}):
        if event not in events:
            continue
        body = body or json.dumps(
            {
                "type": event,
                "timestamp": now.isoformat().replace("+00:00", "Z"),
                "data": JobOut.of(job).model_dump(mode="json"),
            },
            separators=(",", ":"),
        )
        session.add(
            DeliveryRow(
                id=new_id("msg"),
                webhook_id=webhook_id,
                event=event,
                job_id=job.id,
                body=body,
                state=DeliveryState.PENDING,
                attempts=0,
                next_attempt_at=now,
                log=[],
                created_at=now,
            )
        )


async def forget_messages(session: AsyncSession, job_ids: Collection[str]) -> None:
    """Delete what webhooks were told of these jobs; a message that waits is still sent."""
    await session.execute(
        delete(DeliveryRow)
        .where(DeliveryRow.job_id.in_(job_ids), DeliveryRow.state != DeliveryState.PENDING)
        .execution_options(synchronize_session=False)
    )
