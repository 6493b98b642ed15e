"""Streams, consumers and subjects: the same in the embedded broker and in a cluster."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from nats.errors import NoRespondersError
from nats.js import JetStreamContext
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    DiscardPolicy,
    RetentionPolicy,
    StorageType,
    StreamConfig,
)
from nats.js.errors import BadRequestError, NotFoundError, ServiceUnavailableError

JOBS = "JOBS"
EVENTS = "EVENTS"
WORKERS = "WORKERS"
WORKERS_STREAM = f"KV_{WORKERS}"

BELL = "bell.jobs"
"""Core subject that rings after a job was stored or given back."""

LANES = ("stylize", "stylize_once", "generate", "adapt", "bulk", "batch")
"""Lanes of the queue (`app.jobs.lanes`), the most interactive first."""

ACK_WAIT = 5.0  # s; a job whose worker says nothing for so long is delivered to another one
DUPLICATE_WINDOW = 120.0  # s; a job id is published once within it
EVENTS_AGE = 3600.0  # s
WORKERS_TTL = 15.0  # s
MIB = 1024 * 1024

_STREAM_NAME_IN_USE = 10058  # nats-server error code: it exists, with another configuration
_NO_PEERS = 10005  # servers of the cluster that are to keep a copy are away


def job_subject(lane: str) -> str:
    """Subject of the JOBS stream for one lane."""
    return f"jobs.{lane}"


def event_subject(job_id: str) -> str:
    """Subject of the EVENTS stream for one job."""
    return f"events.{job_id}"


def cancel_subject(job_id: str) -> str:
    """Core subject (not stored) for cancel requests of one job."""
    return f"cancel.{job_id}"


def worker_subject(worker_id: str) -> str:
    """Subject of one worker's heartbeat in the key-value bucket WORKERS."""
    return f"$KV.{WORKERS}.{worker_id}"


def streams(replicas: int) -> list[StreamConfig]:
    """The three streams, all on disk and written before they are acknowledged.

    The embedded server also syncs each write (``sync_interval: always``), so that a job that was
    accepted survives a power cut. JetStream could persist EVENTS asynchronously instead; then a killed
    server forgets its latest events and gives their sequence numbers to others, and a reader that
    resumes after one of them misses what took its place.
    """
    return [
        StreamConfig(
            name=JOBS,
            subjects=["jobs.*"],
            retention=RetentionPolicy.WORK_QUEUE,
            storage=StorageType.FILE,
            discard=DiscardPolicy.NEW,
            max_bytes=256 * MIB,
            max_msg_size=16 * 1024,
            duplicate_window=DUPLICATE_WINDOW,
            num_replicas=replicas,
        ),
        StreamConfig(
            name=EVENTS,
            subjects=["events.*"],
            retention=RetentionPolicy.LIMITS,
            storage=StorageType.FILE,
            discard=DiscardPolicy.OLD,
            max_age=EVENTS_AGE,
            max_bytes=512 * MIB,
            max_msg_size=512 * 1024,
            duplicate_window=DUPLICATE_WINDOW,
            allow_direct=True,
            num_replicas=replicas,
        ),
        StreamConfig(  # the stream of a key-value bucket, with the settings that such a bucket has
            name=WORKERS_STREAM,
            subjects=[f"$KV.{WORKERS}.>"],
            storage=StorageType.FILE,
            discard=DiscardPolicy.NEW,
            max_age=WORKERS_TTL,
            max_msgs_per_subject=1,
            max_bytes=16 * MIB,
            max_msg_size=64 * 1024,
            duplicate_window=WORKERS_TTL,
            allow_rollup_hdrs=True,
            allow_direct=True,
            deny_delete=True,
            num_replicas=replicas,
        ),
    ]


def job_consumer(lane: str) -> ConsumerConfig:
    """The durable pull consumer that all workers share for one lane.

    ``max_deliver`` is unlimited: the ledger counts attempts before each run and ends a poison job.
    """
    return ConsumerConfig(
        name=lane,
        durable_name=lane,
        filter_subject=job_subject(lane),
        ack_policy=AckPolicy.EXPLICIT,
        ack_wait=ACK_WAIT,
        max_deliver=-1,
        max_ack_pending=10_000,
    )


class NotYetError(Exception):
    """A cluster that is being put together, or has just lost a server, cannot make the streams yet."""


async def ensure_topology(js: JetStreamContext, *, replicas: int) -> None:
    """Create or update the streams and consumers; safe to call from many processes at once.

    Raises NotYetError when the same call may go through a moment later, and what the client raises.
    """
    with _in_time():
        for config in streams(replicas):
            try:
                await js.add_stream(config)
            except BadRequestError as error:
                if error.err_code != _STREAM_NAME_IN_USE:
                    raise
                await js.update_stream(config)
        for lane in LANES:
            await js.add_consumer(JOBS, job_consumer(lane))


async def make_missing(js: JetStreamContext, *, replicas: int) -> list[str]:
    """Create the streams and consumers that are not there, and leave alone those that are: they may be of
    another version of the service. Returns the names of what was made. Raises as ``ensure_topology``.
    """
    made: list[str] = []
    with _in_time():
        for config in streams(replicas):
            assert config.name is not None
            try:
                await js.stream_info(config.name)
            except NotFoundError:
                await js.add_stream(config)
                made.append(config.name)
        for lane in LANES:
            try:
                await js.consumer_info(JOBS, lane)
            except NotFoundError:
                await js.add_consumer(JOBS, job_consumer(lane))
                made.append(f"{JOBS}/{lane}")
    return made


@contextmanager
def _in_time() -> Iterator[None]:
    """What may go through a moment later as NotYetError."""
    try:
        yield
    except (TimeoutError, NoRespondersError, ServiceUnavailableError) as error:
        raise NotYetError(error) from error
    except BadRequestError as error:
        if error.err_code != _NO_PEERS:
            raise
        raise NotYetError(error) from error
