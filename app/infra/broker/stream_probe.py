"""Probe whether the streams still take messages.

A nats-server whose disk was full once keeps on failing to write to the streams that it failed on, also when
there is room again, and says so nowhere but in its log: who publishes hears nothing. Only a restart helps.
"""

from __future__ import annotations

from contextlib import suppress

from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.errors import TimeoutError as NatsTimeoutError

from app.infra.broker import topology
from app.infra.broker.discovery import BrokerAddress

_PATIENCE = 5.0  # s for one message; a busy disk takes a hundredth
_PROBES = {
    # Nobody consumes this lane, and the message is gone at once.
    topology.JOBS: "jobs.probe",
    topology.EVENTS: topology.event_subject("probe"),
    # Without content, as that of a worker that has left; it expires by itself.
    topology.WORKERS_STREAM: topology.worker_subject("probe"),
}


async def unwritable_stream(address: BrokerAddress) -> str | None:
    """The name of a stream that does not answer to a message, or None.

    A stream that does not exist yet, or that refuses the message with a reason (it is full), is well.
    Raises what connecting raises: nats.errors.Error, OSError, TimeoutError.
    """
    client = Client()
    await client.connect(
        address.url, token=address.token, allow_reconnect=False, connect_timeout=2, error_cb=_ignore
    )
    try:
        js = client.jetstream(timeout=_PATIENCE)
        for stream, subject in _PROBES.items():
            try:
                await js.publish(subject, b"")
            except NatsTimeoutError:
                return stream
            except NatsError:
                continue
            if stream != topology.WORKERS_STREAM:
                with suppress(NatsError):
                    await js.purge_stream(stream, subject=subject)
        return None
    finally:
        await client.close()


async def _ignore(_error: Exception) -> None:
    """Whoever asked is told by the exception."""
