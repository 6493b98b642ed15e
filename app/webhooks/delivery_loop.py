"""Deliver the messages of the outbox. Runs in every API process; a claim keeps two from sending one.

A claim moves ``next_attempt_at`` beyond the longest attempt: should its process die, the message is sent
again after that. A receiver may thus get a message twice, always under the same ``webhook-id``.
"""

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.infra.asyncio_utils import end
from app.infra.db import Sessions, utcnow
from app.infra.logs import NotAgain, reason
from app.infra.secrets_at_rest import Seal, SecretUnreadableError
from app.settings import Settings
from app.webhooks.http_post import GONE, Answer, Sender
from app.webhooks.tables import DeliveryRow, DeliveryState, WebhookRow

logger = logging.getLogger(__name__)
logger.addFilter(NotAgain())

_AT_ONCE = 32  # attempts of one process
_AT_ONCE_OWNER = 8  # for one owner, so that their slow receivers leave room for those of others
_AT_ONCE_EACH = 4  # to one webhook, so that a slow receiver leaves room for others
_LOOKED_AT = 256  # messages of one look: far more than can begin, so that there is a choice
_REST = 30.0  # s for which a webhook is left alone whose attempt could not begin, as if its name is not told
_FACTOR = 4.0
_LONGEST_DELAY = 12 * 3600.0  # s
_FORGOTTEN = 500  # messages a transaction
_LOG_LENGTH = 50  # attempts that a delivery remembers


@dataclass(frozen=True)
class Claim:
    """A message that this process is to send, and where."""

    delivery_id: str
    webhook_id: str
    attempt: int
    body: str
    url: str
    secret: str
    owner: str


def retry_delay(attempt: int, base: float, rng: random.Random | None = None) -> float:
    """Seconds after the failed attempt ``attempt`` (from 1): ``base``, four times as long each time, at
    most 12 hours, give or take a fifth."""
    delay = min(base * _FACTOR ** (attempt - 1), _LONGEST_DELAY)
    return delay * (rng or random).uniform(0.8, 1.2)


class Deliverer:
    """Sends what is due, and records what came of it."""

    def __init__(self, sessions: Sessions, sender: Sender, settings: Settings, seal: Seal) -> None:
        self._sessions = sessions
        self._seal = seal
        self._sender = sender
        self._settings = settings
        self._claim = timedelta(seconds=settings.webhook_timeout + 20)
        self._running: dict[asyncio.Task[None], Claim] = {}
        self._resting: dict[str, float] = {}  # webhooks, and until when

    async def run(self) -> None:
        """Deliver until canceled; a failing round is logged and tried again."""
        try:
            while True:
                try:
                    await self.start_due()
                except Exception as error:
                    logger.warning("webhook messages were not looked for, again soon: %s", reason(error))
                await self._pause()
        finally:
            for task in list(self._running):
                await end(task)
            await self._sender.close()

    async def _pause(self) -> None:
        """Until the next look is due, or there is room for another message."""
        poll = self._settings.webhook_poll
        if self._running:
            await asyncio.wait(self._running, timeout=poll, return_when=asyncio.FIRST_COMPLETED)
        else:
            await asyncio.sleep(poll)

    async def start_due(self) -> int:
        """Begin to send what is due and fits; how many messages that are."""
        claims = await self._claim_due()
        for claim in claims:
            task = asyncio.create_task(self._deliver(claim), name=f"deliver-{claim.delivery_id}")
            self._running[task] = claim
            task.add_done_callback(self._ended)
        return len(claims)

    async def deliver_due(self) -> int:
        """Send what is due and wait for the outcome; how many messages that were."""
        started = await self.start_due()
        if self._running:
            await asyncio.wait(self._running)
        return started

    def _ended(self, task: asyncio.Task[None]) -> None:
        del self._running[task]
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("a delivery could not be recorded: %s", reason(error))

    async def _claim_due(self) -> list[Claim]:
        claims: list[Claim] = []
        for row in self._fairly(await self._due()):
            taken = await self._take(row.id, row.next_attempt_at)
            if taken is not None:
                claims.append(
                    Claim(row.id, row.webhook_id, taken.attempts, taken.body, row.url, row.secret, row.owner)
                )
        return claims

    async def _due(self) -> list[Row[Any]]:
        """What is due, the oldest first: of each webhook only as many as it may get at once, so that no
        backlog hides the messages of others. Of those that cannot be tried nothing: their attempts would fail
        one after the other, and each is written down, in the line in which everybody's jobs wait."""
        busy = Counter(claim.webhook_id for claim in self._running.values())
        full = {webhook_id for webhook_id, count in busy.items() if count >= _AT_ONCE_EACH}
        now = asyncio.get_running_loop().time()
        self._resting = {webhook_id: until for webhook_id, until in self._resting.items() if until > now}
        oldest = (DeliveryRow.next_attempt_at, DeliveryRow.id)
        due = (
            select(
                DeliveryRow.id,
                DeliveryRow.next_attempt_at,
                DeliveryRow.webhook_id,
                WebhookRow.url,
                WebhookRow.secret,
                WebhookRow.owner,
                func.row_number().over(partition_by=DeliveryRow.webhook_id, order_by=oldest).label("place"),
            )
            .join(WebhookRow, WebhookRow.id == DeliveryRow.webhook_id)
            .where(
                DeliveryRow.state == DeliveryState.PENDING,
                DeliveryRow.next_attempt_at <= utcnow(),
                WebhookRow.enabled.is_(True),
                WebhookRow.id.not_in(full | self._resting.keys()),
            )
            .subquery()
        )
        query = (
            select(due)
            .where(due.c.place <= _AT_ONCE_EACH)
            .order_by(due.c.place, due.c.next_attempt_at)
            .limit(_LOOKED_AT)
        )
        async with self._sessions() as session:
            return list((await session.execute(query)).all())

    def _fairly(self, due: Iterable[Row[Any]]) -> Iterator[Row[Any]]:
        """As many as there is room for; whose owner, then whose webhook is told least at the moment first."""
        owners = Counter(claim.owner for claim in self._running.values())
        webhooks = Counter(claim.webhook_id for claim in self._running.values())
        left = list(due)
        for _ in range(_AT_ONCE - len(self._running)):
            left = [
                row
                for row in left
                if webhooks[row.webhook_id] < _AT_ONCE_EACH and owners[row.owner] < _AT_ONCE_OWNER
            ]
            if not left:
                return
            row = min(
                left, key=lambda row: (owners[row.owner], webhooks[row.webhook_id], row.next_attempt_at)
            )
            left.remove(row)
            owners[row.owner] += 1
            webhooks[row.webhook_id] += 1
            yield row

    async def _take(self, delivery_id: str, seen: datetime) -> DeliveryRow | None:
        """Claim the message as it was seen; None: another process was faster."""
        async with self._sessions.begin() as session:
            row: DeliveryRow | None = await session.scalar(
                update(DeliveryRow)
                .where(
                    DeliveryRow.id == delivery_id,
                    DeliveryRow.state == DeliveryState.PENDING,
                    DeliveryRow.next_attempt_at == seen,
                )
                .values(attempts=DeliveryRow.attempts + 1, next_attempt_at=utcnow() + self._claim)
                .returning(DeliveryRow)
                .execution_options(synchronize_session=False)
            )
            return row

    async def _deliver(self, claim: Claim) -> None:
        try:
            secret = self._seal.open(claim.secret)
        except SecretUnreadableError as error:
            logger.error("webhook %s: %s", claim.webhook_id, error)
            unsigned = "The webhook's secret cannot be read: roll it with POST /v1/webhooks/{id}/secret."
            await self._record(claim, Answer(None, unsigned, 0, ours=True))
            return
        answer = await self._sender.send(claim.url, secret, claim.delivery_id, claim.body, owner=claim.owner)
        if answer.ours:
            self._resting[claim.webhook_id] = asyncio.get_running_loop().time() + _REST
        await self._record(claim, answer)

    async def _record(self, claim: Claim, answer: Answer) -> None:
        now = utcnow()
        outcome: dict[str, Any] = {"state": DeliveryState.DELIVERED, "finished_at": now}
        if not answer.ok:
            if claim.attempt >= self._settings.webhook_attempts or answer.status == GONE:
                outcome["state"] = DeliveryState.FAILED
            else:
                delay = retry_delay(claim.attempt, self._settings.webhook_retry_after)
                delay = max(delay, min(answer.retry_after or 0.0, _LONGEST_DELAY))
                outcome = {"next_attempt_at": now + timedelta(seconds=delay)}
        async with self._sessions.begin() as session:
            row = await session.scalar(
                update(DeliveryRow)
                .where(
                    DeliveryRow.id == claim.delivery_id,
                    DeliveryRow.state == DeliveryState.PENDING,
                    DeliveryRow.attempts == claim.attempt,
                )
                .values(**outcome)
                .returning(DeliveryRow)
                .execution_options(synchronize_session=False)
            )
            if row is None:
                return  # claimed again, asked for again, or deleted meanwhile: the newer attempt counts
            entry = {
                "at": now.isoformat(),
                "status": answer.status,
                "error": answer.error,
                "milliseconds": answer.milliseconds,
            }
            await session.execute(
                update(DeliveryRow)
                .where(DeliveryRow.id == claim.delivery_id)
                .values(log=[*row.log, entry][-_LOG_LENGTH:])
                .execution_options(synchronize_session=False)
            )
            if not answer.ours:
                await self._count(session, claim.webhook_id, answer)
        logger.info(
            "webhook message %s: attempt %d: %s",
            claim.delivery_id,
            claim.attempt,
            answer.error or answer.status,
        )

    async def _count(self, session: AsyncSession, webhook_id: str, answer: Answer) -> None:
        """Count failures in a row; too many of them, or a 410, disable the webhook."""
        change = update(WebhookRow).where(WebhookRow.id == webhook_id)
        quiet = {"synchronize_session": False}
        if answer.ok:
            await session.execute(change.values(failures=0), execution_options=quiet)
            return
        failures = await session.scalar(
            change.values(failures=WebhookRow.failures + 1).returning(WebhookRow.failures),
            execution_options=quiet,
        )
        reason = None
        if answer.status == GONE:
            reason = "The receiver answered 410 (gone)."
        elif failures is not None and failures >= self._settings.webhook_disable_after:
            reason = f"{failures} attempts in a row failed; the last one: {answer.error or answer.status}."
        if reason is not None:
            await session.execute(
                change.where(WebhookRow.enabled.is_(True)).values(
                    enabled=False, disabled_reason=reason[:300]
                ),
                execution_options=quiet,
            )
            logger.warning("webhook %s is disabled: %s", webhook_id, reason)


def forget_deliveries(settings: Settings) -> Callable[[AsyncSession], Awaitable[tuple[int, list[str]]]]:
    """For the sweeper: delete messages that are old, whatever their state."""

    async def forget(session: AsyncSession) -> tuple[int, list[str]]:
        before = utcnow() - timedelta(days=settings.keep_deliveries_days)
        query = select(DeliveryRow.id).where(DeliveryRow.created_at < before).limit(_FORGOTTEN)
        ids = list(await session.scalars(query))
        await session.execute(delete(DeliveryRow).where(DeliveryRow.id.in_(ids)))
        return len(ids), []

    return forget
