"""The broker as the API and the workers see it: queue, events, cancel requests, heartbeats."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.errors import BadRequestError, NotFoundError, ServerError

from app.infra.broker import topology
from app.infra.broker.errors import BrokerError, BrokerUnavailableError
from app.infra.broker.events import EndWatch, Event, decode, encode, has_ended, read_events
from app.infra.broker.heartbeats import heartbeats
from app.infra.broker.messages import CancelWatch, Delivery, Forgotten
from app.infra.broker.stream_repair import StreamRepair
from app.infra.logs import NotAgain, reason
from app.redaction import redact

logger = logging.getLogger(__name__)
logger.addFilter(NotAgain())

_CONNECT_TIMEOUT = 10.0  # s
_REQUEST_TIMEOUT = 5.0  # s
_CLOSE_TIMEOUT = 3.0  # s
_RECONNECT_WAIT = 0.25  # s between attempts; they never end
_POLL = 1.0  # s between looks at the queue: redelivered jobs ring no bell
_ERRORS = (NatsError, TimeoutError, OSError)


class Broker:
    """One connection to NATS. It reconnects for ever; what a call could not do while the broker was away
    raises BrokerUnavailableError. Safe for concurrent tasks of one event loop."""

    def __init__(self, client: Client, *, replicas: int = 1) -> None:
        self._client = client
        self._js: JetStreamContext = client.jetstream(timeout=_REQUEST_TIMEOUT)
        self._stream_repair = StreamRepair(client, self._js, replicas=replicas)

    @classmethod
    async def connect(
        cls,
        url: str,
        *,
        token: str | None = None,
        name: str = "fewstroke",
        replicas: int = 1,
        within: float = _CONNECT_TIMEOUT,
    ) -> Broker:
        """Connect and make sure that the streams exist, with ``replicas`` copies each (1, 3 or 5); later
        they are made again should they be gone.

        ``url``: a server, or several of a cluster with commas between them; the others are learned from them.

        Raises BrokerUnavailableError when nothing answers ``within`` so many seconds, or at once when
        the token is refused or the streams are.
        """

        errors: list[Exception] = []

        async def on_error(error: Exception) -> None:
            errors[:] = [error]
            if not client.is_connected and "authorization violation" in str(error).lower():
                # Raised through the client's own loop, which would try for ever.
                raise BrokerUnavailableError(
                    f"the broker at {redact(url)} refuses the token: check FEWSTROKE_NATS_TOKEN"
                )
            logger.warning("broker: %s", reason(error))

        async def on_disconnect() -> None:
            if not client.is_closed:
                logger.warning("broker: connection lost, reconnecting")

        async def on_reconnect() -> None:
            logger.info("broker: connected again")
            broker._stream_repair.look()  # the server may have lost its disk

        client = Client()
        broker = cls(client, replicas=replicas)
        try:
            async with asyncio.timeout(within):
                await client.connect(
                    [one.strip() for one in url.split(",")],
                    name=name,
                    token=token,
                    max_reconnect_attempts=-1,
                    reconnect_time_wait=_RECONNECT_WAIT,  # type: ignore[arg-type]  # declared int, used as seconds
                    connect_timeout=2,
                    ping_interval=10,
                    max_outstanding_pings=2,
                    error_cb=on_error,
                    disconnected_cb=on_disconnect,
                    reconnected_cb=on_reconnect,
                )
                while True:
                    try:
                        await topology.ensure_topology(broker._js, replicas=replicas)
                        return broker
                    except topology.NotYetError as error:
                        errors[:] = [error]
                        logger.warning("broker: streams are not ready yet: %s", error)
                        await asyncio.sleep(_RECONNECT_WAIT)
        except BrokerUnavailableError:
            await broker.close()
            raise
        except _ERRORS as error:
            answers = broker.connected
            await broker.close()
            last = errors[0] if errors and isinstance(error, TimeoutError) else error
            if answers:
                raise BrokerUnavailableError(
                    f"the broker at {redact(url)} answers and does not make the streams: {reason(last)}; "
                    f"with FEWSTROKE_NATS_REPLICAS={replicas} it takes {_servers(replicas)} with room for it"
                ) from error
            raise BrokerUnavailableError(
                f"no broker answers at {redact(url)}: {reason(last)}; does it run? is the address right?"
            ) from error

    async def close(self) -> None:
        """Flush and close the connection."""
        await self._stream_repair.close()
        await _close(self._client)

    @property
    def connected(self) -> bool:
        """Whether the connection is up at this moment."""
        return bool(self._client.is_connected)

    # Queue ----------------------------------------------------------------------------------------

    async def publish_job(self, lane: str, ticket: str) -> None:
        """Put a ticket into a lane of the queue, durably: a job's id, or ``<id>.<generation>`` when the
        job got a new one. The same ticket twice within two minutes counts once; after a timeout it is
        therefore safe to publish again.

        Raises BrokerUnavailableError, ValueError for an unknown lane.
        """
        if lane not in topology.LANES:
            raise ValueError(f"unknown lane: {lane}")
        payload = {"job_id": ticket.partition(".")[0], "ticket": ticket}
        await self._publish(topology.job_subject(lane), json.dumps(payload).encode(), ticket)
        with suppress(NatsError):  # the job is stored; without the bell it is found a second later
            await self._client.publish(topology.BELL, b"")

    async def jobs_epoch(self) -> datetime:
        """When the JOBS stream was created: a job published earlier went to storage that is gone.

        Raises BrokerUnavailableError.
        """
        try:
            created = (await self._js.stream_info(topology.JOBS)).created
        except _ERRORS as error:
            raise self._unavailable("the queue cannot be looked at", error) from error
        if created is None:
            raise BrokerError("the queue does not say when it was created")
        return created

    async def next_job(
        self,
        kinds: Sequence[str],
        *,
        timeout: float,  # noqa: ASYNC109 - how long an empty queue is watched, not a limit on the work
    ) -> Delivery | None:
        """The next job of the first kind in ``kinds`` that has one; None after ``timeout`` seconds.

        Each look is a pull that does not linger on the server: a lingering pull of a worker that dies
        would swallow a job for ``ack_wait``. A bell says that there is something new; jobs of a dead
        worker come back without one, hence the look every second.
        """
        deadline = asyncio.get_running_loop().time() + timeout
        bell = asyncio.Event()

        async def ring(_message: Msg) -> None:
            bell.set()

        delivery = await self._look(kinds)
        if delivery is not None or timeout <= 0:
            return delivery
        try:
            subscription = await self._client.subscribe(topology.BELL, cb=ring)
        except _ERRORS as error:
            raise self._unavailable("the queue cannot be read", error) from error
        try:
            while True:
                delivery = await self._look(kinds)
                remaining = deadline - asyncio.get_running_loop().time()
                if delivery is not None or remaining <= 0:
                    return delivery
                with suppress(TimeoutError):
                    async with asyncio.timeout(min(_POLL, remaining)):
                        await bell.wait()
                bell.clear()
        finally:
            with suppress(NatsError):  # closed meanwhile
                await subscription.unsubscribe()

    async def _look(self, kinds: Sequence[str]) -> Delivery | None:
        for kind in kinds:
            request = f"$JS.API.CONSUMER.MSG.NEXT.{topology.JOBS}.{kind}"
            try:
                # Old style: its own inbox. JetStream delivers under the job's subject, by which the shared
                # inbox of new-style requests cannot tell whose answer it is.
                message = await self._client.request(
                    request, b'{"batch": 1, "no_wait": true}', timeout=_REQUEST_TIMEOUT, old_style=True
                )
            except _ERRORS as error:
                raise self._unavailable("the queue cannot be read", error) from error
            status = (message.headers or {}).get("Status")
            if status is None:
                payload = json.loads(message.data)
                ticket = payload.get("ticket", payload["job_id"])
                return Delivery(payload["job_id"], ticket, kind, message.metadata.num_delivered, message)
            if status != "404":  # 404: nothing waits
                raise BrokerError(f"the queue answered {status} {(message.headers or {}).get('Description')}")
        return None

    async def forgotten(self, most: int = 100) -> list[Forgotten]:
        """Messages that their lane counts as acknowledged and that are still there: nobody gets them now.

        A nats-server whose disk was full leaves such messages behind. Raises BrokerUnavailableError.
        """
        found: list[Forgotten] = []
        try:
            for lane in topology.LANES:
                floor = (await self._js.consumer_info(topology.JOBS, lane)).ack_floor
                seq = 1
                with suppress(NotFoundError):
                    while floor is not None and len(found) < most:
                        message = await self._js.get_msg(
                            topology.JOBS, seq=seq, subject=topology.job_subject(lane), next=True
                        )
                        if message.seq is None or message.seq > floor.stream_seq:
                            break
                        ticket = json.loads(message.data or b"{}").get("ticket", "")
                        found.append(Forgotten(message.seq, ticket))
                        seq = message.seq + 1
        except _ERRORS as error:
            raise self._unavailable("the queue cannot be looked through", error) from error
        return found

    async def drop(self, message: Forgotten) -> None:
        """Remove it, unless it has gone meanwhile. Raises BrokerUnavailableError."""
        try:
            with suppress(NotFoundError, BadRequestError, ServerError):
                await self._js.delete_msg(topology.JOBS, message.seq)
        except _ERRORS as error:
            raise BrokerUnavailableError(f"a message was not removed: {reason(error)}") from error

    # Events ---------------------------------------------------------------------------------------

    async def publish_event(self, job_id: str, event: str, data: dict[str, Any]) -> int:
        """Append an event to the job's stream and return its sequence number.

        A terminal ``state`` is stored once, however often it is published within two minutes.
        """
        last = Event(0, event, data).terminal
        message_id = f"{job_id}.{data['state']}" if last else None
        return await self._publish(topology.event_subject(job_id), encode(event, data), message_id)

    async def purge_events(self, job_id: str) -> None:
        """Delete the events of a job, and overwrite previews and texts, which show what was uploaded or
        made: a purge alone leaves their bytes in the files of the broker. Raises BrokerUnavailableError."""
        subject = topology.event_subject(job_id)
        try:
            with suppress(NotFoundError):
                seq = 1
                while True:
                    message = await self._js.get_msg(topology.EVENTS, seq=seq, subject=subject, next=True)
                    assert message.seq is not None
                    if decode(message.seq, message.data or b"").event in ("preview", "text"):
                        await self._js.delete_msg(topology.EVENTS, message.seq)
                    seq = message.seq + 1
            await self._js.purge_stream(topology.EVENTS, subject=subject)
        except _ERRORS as error:
            raise self._unavailable(f"the events of {job_id} were not deleted", error) from error

    def event_batches(self, job_id: str, *, after: int = 0) -> AsyncIterator[list[Event]]:
        """Events of a job after the sequence number ``after``: those of the last hour, then new ones as
        they come, each time all that are here. Ends after a terminal ``state``. Waits out a broker that is
        away.

        A job whose events have aged out never ends here: look at the ledger first.
        """
        return read_events(self._client, self._js, job_id, after)

    async def events(self, job_id: str, *, after: int = 0) -> AsyncIterator[Event]:
        """As ``event_batches``, one by one."""
        async for batch in self.event_batches(job_id, after=after):
            for event in batch:
                yield event

    async def has_ended(self, job_id: str, after: int) -> bool:
        """Whether a reader of a job's events who has seen that of number ``after`` has seen the last one.
        Raises BrokerUnavailableError."""
        return await has_ended(self._js, job_id, after)

    async def watch_end(self, job_id: str, *, within: float) -> EndWatch:
        """Listen for the end of a job; active when this returns, or when the connection is there again.
        Close it afterwards.

        Raises BrokerUnavailableError when the broker does not answer ``within`` so many seconds.
        """
        watch = EndWatch()
        await watch.open(self._client, job_id, within)
        return watch

    # Cancel ---------------------------------------------------------------------------------------

    async def request_cancel(self, job_id: str) -> None:
        """Tell the worker that runs the job to stop. Heard at once or not at all: the ledger holds the
        request, and workers look there too."""
        try:
            await self._client.publish(topology.cancel_subject(job_id), b"")
            await self._client.flush(timeout=2)
        except _ERRORS as error:
            raise BrokerUnavailableError(
                f"the cancel request did not get through: {reason(error)}"
            ) from error

    async def watch_cancel(self, job_id: str) -> CancelWatch:
        """Listen for cancel requests of a job; active when this returns (in a cluster, where other servers
        learn of it, a moment later). Close it after the run."""
        watch = CancelWatch()
        try:
            watch._subscription = await self._client.subscribe(
                topology.cancel_subject(job_id), cb=watch._on_message
            )
            await self._client.flush(timeout=2)
        except _ERRORS as error:
            await watch.close()
            raise BrokerUnavailableError(f"cancel requests cannot be heard: {reason(error)}") from error
        return watch

    # Heartbeats -----------------------------------------------------------------------------------

    async def beat(self, worker_id: str, info: dict[str, Any]) -> None:
        """Record that a worker lives; forgotten after 15 s unless repeated."""
        await self._publish(topology.worker_subject(worker_id), json.dumps(info).encode(), None)

    async def forget(self, worker_id: str) -> None:
        """Remove a worker's heartbeat, when it leaves in good order."""
        try:
            await self._js.publish(topology.worker_subject(worker_id), headers={"KV-Operation": "DEL"})
        except _ERRORS as error:
            raise BrokerUnavailableError(f"the worker's leave was not recorded: {reason(error)}") from error

    async def workers(self) -> list[dict[str, Any]]:
        """The latest heartbeat of each live worker: its ``info`` with ``worker_id``."""
        try:
            return await heartbeats(self._js)
        except _ERRORS as error:
            raise self._unavailable("the workers cannot be listed", error) from error

    async def _publish(self, subject: str, payload: bytes, message_id: str | None) -> int:
        headers = {"Nats-Msg-Id": message_id} if message_id else None
        try:
            return (await self._js.publish(subject, payload, headers=headers)).seq
        except _ERRORS as error:
            raise self._unavailable(f"{subject} was not published", error) from error

    def _unavailable(self, what: str, error: Exception) -> BrokerUnavailableError:
        self._stream_repair.notice(error)
        return BrokerUnavailableError(f"{what}: {reason(error)}")


def _servers(replicas: int) -> str:
    return "one server" if replicas == 1 else f"a cluster of {replicas} servers that all run,"


async def _close(client: Client) -> None:
    # Bounded: the client waits without a limit for the socket to drain and to close, and a process that
    # wants to end would wait with it.
    try:
        async with asyncio.timeout(_CLOSE_TIMEOUT):
            await client.close()
    except _ERRORS as error:
        logger.debug("broker: closing: %s", error)
