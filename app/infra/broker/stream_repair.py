"""Make streams and consumers again when the broker lost its storage.

The jobs that were in them the ledger still has, and the reconciler publishes them again (decision 1).
"""

from __future__ import annotations

import asyncio
import logging

from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.errors import NoRespondersError
from nats.js import JetStreamContext
from nats.js.errors import NoStreamResponseError, NotFoundError

from app.infra.asyncio_utils import end
from app.infra.broker import topology
from app.infra.logs import NotAgain, reason

logger = logging.getLogger(__name__)
logger.addFilter(NotAgain())

_FIRST_WAIT = 0.25  # s between attempts; doubles
_LONGEST_WAIT = 5.0  # s


class StreamRepair:
    """Makes what is missing, in the background and one attempt at a time; every process has one, and any
    number of them may do it at once."""

    def __init__(self, client: Client, js: JetStreamContext, *, replicas: int) -> None:
        self._client = client
        self._js = js
        self._replicas = replicas
        self._task: asyncio.Task[None] | None = None

    def notice(self, error: Exception) -> None:
        """Look after the streams when this is how a call ends whose stream or consumer is not there."""
        if isinstance(error, NotFoundError | NoRespondersError | NoStreamResponseError):
            self.look()

    def look(self) -> None:
        """Make what is missing, unless that is under way."""
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._look(), name="broker-streams")

    async def close(self) -> None:
        """Stop looking."""
        if self._task is not None:
            await end(self._task)

    async def _look(self) -> None:
        wait = _FIRST_WAIT
        while self._client.is_connected:  # else there is another look when it is again
            try:
                made = await topology.make_missing(self._js, replicas=self._replicas)
            except (topology.NotYetError, NatsError, OSError) as error:
                logger.warning("broker: streams cannot be looked after: %s", reason(error))
                await asyncio.sleep(wait)
                wait = min(2 * wait, _LONGEST_WAIT)
                continue
            if made:
                logger.warning("broker: made again, because they were gone: %s", ", ".join(made))
            return
