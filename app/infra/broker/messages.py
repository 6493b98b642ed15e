"""A delivered message of the queue, and the watch for its job's cancel request."""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType

from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError

from app.infra.broker.errors import BrokerUnavailableError
from app.infra.broker.topology import BELL

_ACK_TIMEOUT = 5.0  # s, as for any request: on a busy machine the disk behind an answer may be slow


@dataclass(frozen=True)
class Forgotten:
    """A message of the queue that no worker gets any more."""

    seq: int
    ticket: str


@dataclass(frozen=True)
class Delivery:
    """One delivery of one job. Unless ``in_progress`` is called at least every few seconds
    (``topology.ACK_WAIT``), the broker gives the job to another worker."""

    job_id: str
    """The job that the ticket was published for; others of the lane may have swapped with it."""
    ticket: str
    kind: str
    """The lane."""
    count: int
    """How often the broker has delivered this message, from 1."""
    _message: Msg

    async def ack(self) -> None:
        """Remove the job from the queue, and wait until the broker has done so.

        Raises BrokerUnavailableError; the job then comes again, and the ledger knows that it is done.
        """
        try:
            await self._message.ack_sync(timeout=_ACK_TIMEOUT)
        except (NatsError, TimeoutError, OSError) as error:
            raise BrokerUnavailableError(f"the end of {self.job_id} was not acknowledged: {error}") from error

    async def nak(self, *, delay: float = 0.0) -> None:
        """Give the job back: another worker gets it, at once or after ``delay`` seconds."""
        try:
            await self._message.nak(delay=delay or None)
            await self._message._client.publish(BELL, b"")
            await self._message._client.flush()  # it must have left when the process ends right after
        except (NatsError, TimeoutError, OSError) as error:
            raise BrokerUnavailableError(f"{self.job_id} was not given back: {error}") from error

    async def in_progress(self) -> None:
        """Tell the broker that this worker still runs the job. Does not wait for an answer."""
        try:
            await self._message.in_progress()
        except (NatsError, OSError) as error:
            raise BrokerUnavailableError(f"no sign of life for {self.job_id}: {error}") from error


class CancelWatch:
    """Hears the cancel requests of one job; ``requested`` may be asked from any thread."""

    def __init__(self) -> None:
        self._flag = threading.Event()
        self._subscription: Subscription | None = None

    def requested(self) -> bool:
        """Whether somebody asked to cancel the job since the watch began."""
        return self._flag.is_set()

    async def close(self) -> None:
        """Stop listening. Safe to call twice, and when the connection is gone."""
        subscription, self._subscription = self._subscription, None
        if subscription is None:
            return
        with suppress(NatsError):  # the connection is closed: nothing is listening any more
            await subscription.unsubscribe()

    async def __aenter__(self) -> CancelWatch:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _on_message(self, _message: Msg) -> None:
        self._flag.set()
