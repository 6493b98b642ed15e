"""What every fault is tried on: a running stub service, a client that does not give up, and a judge."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import uuid4

import httpx
from nats import connect
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js.errors import NotFoundError
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from app.images.tables import ImageRole, ImageRow
from app.infra.blobs import Blobs
from app.infra.broker import Event, find_broker
from app.infra.broker.events import decode
from app.infra.broker.topology import EVENTS, JOBS, event_subject
from app.infra.db import create_sessions
from app.jobs.job import ACTIVE_STATES, JobState
from app.jobs.tables import JobRow
from app.settings import Settings
from app.styles.tables import StyleRow
from benchmarks.errors import BenchmarkError
from benchmarks.stub.service import Service, picture

_POLL = 0.1  # s

T = TypeVar("T")
_TRY_AGAIN = (409, 429, 500, 503, 507)  # 500 is no good answer either: it is counted and shown


class Patience:
    """Seconds from the fault to a terminal state; what takes longer counts as stuck."""

    seconds = 90.0


@dataclass(frozen=True)
class Sent:
    """A job that the service has acknowledged, and how it must end."""

    job_id: str
    expected: JobState = JobState.SUCCEEDED
    pictures: int = 0
    style: bool = True


@dataclass
class Verdict:
    """What became of jobs. Good: all but ``jobs`` and ``hits`` are 0 or empty."""

    jobs: int = 0
    hits: int = 0  # rounds in which the fault met a job in flight
    lost: int = 0  # acknowledged, and gone; or ended otherwise than it must; or its results are
    doubled: int = 0  # two jobs for one request, two sets of results, two terminal events
    stuck: int = 0  # not terminal within the patience, or left in the queue
    answers: Counter[str] = field(default_factory=Counter)  # to submissions: status codes, "no answer"
    remarks: list[str] = field(default_factory=list)

    def add(self, other: "Verdict") -> None:
        """Add the counts of ``other``."""
        for name in ("jobs", "hits", "lost", "doubled", "stuck"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.answers.update(other.answers)
        self.remarks += other.remarks


class Bench:
    """One service and what is needed to look into it."""

    def __init__(
        self, service: Service, settings: Settings, http: httpx.AsyncClient, engine: AsyncEngine
    ) -> None:
        self.service = service
        self.settings = settings
        self.http = http
        self.sessions = create_sessions(engine)
        self._engine = engine
        self.blobs = Blobs.open(settings)
        self.answers: Counter[str] = Counter()
        self.style_id = ""
        self.sent = 0

    # The client ------------------------------------------------------------------------------------

    async def adapt(self, *, steps: int, seed: int = 0, expected: str = JobState.SUCCEEDED) -> Sent:
        """Submit an adaptation, which must end in the state ``expected``."""
        files = [("examples", ("a.png", picture("navy")))]
        answer = await self._submit("/v1/styles", files, {"steps": steps, "seed": seed})
        return Sent(answer["job"]["id"], JobState(expected))

    async def stylize(self, pictures: int) -> Sent:
        """Submit a rendering of so many contents with the bench's style."""
        files = [("contents", (f"{n}.png", picture("teal"))) for n in range(pictures)]
        answer = await self._submit("/v1/stylizations", files, {"style_id": self.style_id})
        return Sent(answer["job"]["id"], pictures=pictures, style=False)

    async def make_style(self) -> None:
        """A style for ``stylize``."""
        sent = await self.adapt(steps=0)
        await self._finish([sent.job_id])
        async with self.sessions() as session:
            job = await session.get(JobRow, sent.job_id)
        assert job is not None
        self.style_id = str(job.style_id)

    async def _submit(self, path: str, files: Any, fields: dict[str, Any]) -> dict[str, Any]:
        """As a client should: one key a request, sent again until it is answered."""
        self.sent += 1
        headers = {"Idempotency-Key": uuid4().hex}
        async with asyncio.timeout(Patience.seconds):
            while True:
                try:
                    answer = await self.http.post(path, files=files, data=fields, headers=headers)
                except httpx.TransportError:
                    self.answers["no answer"] += 1
                else:
                    self.answers[str(answer.status_code)] += 1
                    if answer.status_code == httpx.codes.ACCEPTED:
                        body: dict[str, Any] = answer.json()
                        return body
                    if answer.status_code == httpx.codes.OK:  # repeated, and the job is over
                        body = answer.json()
                        return body
                    if answer.status_code not in _TRY_AGAIN:
                        raise BenchmarkError(f"{path} answered {answer.status_code}: {answer.text}")
                await asyncio.sleep(_POLL)

    async def job(self, job_id: str) -> dict[str, Any] | None:
        """The job over HTTP; None while the service does not answer well."""
        try:
            answer = await self.http.get(f"/v1/jobs/{job_id}")
        except httpx.TransportError:
            return None
        if answer.status_code == httpx.codes.NOT_FOUND:
            return {"state": "lost", "attempt": 0}
        if answer.status_code != httpx.codes.OK:
            return None
        body: dict[str, Any] = answer.json()
        return body

    async def _finish(self, job_ids: Sequence[str]) -> dict[str, str]:
        """The states of the jobs when all are terminal, or when patience ends."""
        states = dict.fromkeys(job_ids, "unknown")
        open_ids = list(job_ids)
        deadline = asyncio.get_running_loop().time() + Patience.seconds
        while open_ids and asyncio.get_running_loop().time() < deadline:
            for job_id in [*open_ids]:
                job = await self.job(job_id)
                if job is not None:
                    states[job_id] = job["state"]
                    if job["state"] not in ACTIVE_STATES:
                        open_ids.remove(job_id)
            await asyncio.sleep(_POLL)
        return states

    # For faults that aim ---------------------------------------------------------------------------

    async def row(self, job_id: str) -> JobRow | None:
        """The job as the database has it."""
        async with self.sessions() as session:
            return await session.get(JobRow, job_id)

    async def forget_database(self) -> None:
        """Close all connections: another file will stand in its place."""
        await self._engine.dispose()

    async def until_running(self, job_id: str) -> int:
        """The process id of the worker that has the job (of a job that is over: that had it)."""
        async with asyncio.timeout(Patience.seconds):
            while True:
                row = await self.row(job_id)
                if row is not None and row.worker_id and row.state != JobState.QUEUED:
                    return int(row.worker_id.rsplit("-", 2)[1])
                await asyncio.sleep(0.01)

    async def queue(self) -> Client:
        """A connection to the broker, which must be there within ten seconds: close it."""
        async with asyncio.timeout(10):
            while True:
                try:
                    address = find_broker(self.settings.data_dir)
                    return await connect(address.url, token=address.token, allow_reconnect=False)
                except (NatsError, OSError):
                    await asyncio.sleep(_POLL)

    # The judge -------------------------------------------------------------------------------------

    async def judge(self, sent: Sequence[Sent]) -> Verdict:
        """Wait for the jobs of a round, then look for what is lost, doubled or stuck."""
        verdict = Verdict(jobs=len(sent))
        states = await self._finish([item.job_id for item in sent])
        for item in sent:
            state = states[item.job_id]
            if state in ACTIVE_STATES or state == "unknown":
                verdict.stuck += 1
                verdict.remarks.append(f"{item.job_id} is {state} after {Patience.seconds:.0f} s")
            elif problem := await self._problem(item, state):
                verdict.lost += 1
                verdict.remarks.append(f"{item.job_id}: {problem}")
            elif problem := await self._doubled(item):
                verdict.doubled += 1
                verdict.remarks.append(f"{item.job_id}: {problem}")
        return verdict

    async def judge_all(self) -> Verdict:
        """At the end: as many jobs as requests, none unfinished, and nothing in the queue."""
        verdict = Verdict(answers=self.answers)
        async with self.sessions() as session:
            states = list(await session.scalars(select(JobRow.state)))
        if len(states) != self.sent:
            number = len(states) - self.sent
            verdict.doubled += max(number, 0)
            verdict.lost += max(-number, 0)
            verdict.remarks.append(f"{len(states)} jobs for {self.sent} requests")
        unfinished = sum(state in ACTIVE_STATES for state in states)
        left = await _patiently(self._messages_left)
        if unfinished or left:
            verdict.stuck += max(unfinished, left)
            messages = await _patiently(self._describe_queue)
            verdict.remarks.append(f"{unfinished} jobs unfinished; in the queue: {messages}")
        return verdict

    async def _problem(self, sent: Sent, state: str) -> str | None:
        """Why a job that is over counts as lost."""
        row = await self.row(sent.job_id)
        if row is None:
            return "not in the ledger"
        if state != sent.expected:
            return f"{state} instead of {sent.expected.value}: {row.error}"
        if sent.expected is not JobState.SUCCEEDED:
            return None
        pictures = await self._pictures(sent.job_id)
        if len(pictures) < sent.pictures:
            return f"{len(pictures)} pictures instead of {sent.pictures}"
        keys = [picture.blob_key for picture in pictures]
        if sent.style:
            async with self.sessions() as session:
                style = await session.get(StyleRow, row.style_id)
            if style is None or style.blob_key is None:
                return "the style has no file"
            keys.append(style.blob_key)
        missing = [key for key in keys if not await self.blobs.exists(key)]
        return f"blobs are missing: {missing}" if missing else None

    async def _doubled(self, sent: Sent) -> str | None:
        """What is there twice."""
        pictures = await self._pictures(sent.job_id)
        if len(pictures) > sent.pictures:
            return f"{len(pictures)} pictures instead of {sent.pictures}"
        events = await _patiently(lambda: self._events(sent.job_id))
        terminal = [event for event in events if event.terminal]
        return f"{len(terminal)} terminal events" if len(terminal) > 1 else None

    async def _pictures(self, job_id: str) -> list[ImageRow]:
        query = select(ImageRow).where(ImageRow.job_id == job_id, ImageRow.role == ImageRole.RESULT)
        async with self.sessions() as session:
            return list(await session.scalars(query))

    async def _events(self, job_id: str) -> list[Event]:
        """All that the stream holds of the job, also after a terminal event."""
        client = await self.queue()
        try:
            js, seq = client.jetstream(), 1
            events: list[Event] = []
            while True:
                try:
                    message = await js.get_msg(EVENTS, seq=seq, subject=event_subject(job_id), next=True)
                except NotFoundError:
                    return events
                assert message.seq is not None
                events.append(decode(message.seq, message.data or b""))
                seq = message.seq + 1
        finally:
            await client.close()

    async def _messages_left(self) -> int:
        """Tickets in the queue; those that a dead worker held may take ``ack_wait`` to go."""
        client = await self.queue()
        try:
            left = 0
            for _ in range(60):
                left = (await client.jetstream().stream_info(JOBS)).state.messages
                if left == 0:
                    break
                await asyncio.sleep(0.5)
            return int(left)
        finally:
            await client.close()

    async def _describe_queue(self) -> str:
        """The messages, and what the consumers know of them."""
        client = await self.queue()
        try:
            js, seq, found = client.jetstream(), 1, []
            with suppress(NotFoundError):
                while True:
                    message = await js.get_msg(JOBS, seq=seq, subject="jobs.>", next=True)
                    assert message.seq is not None
                    found.append(f"{message.seq} {message.subject} {(message.data or b'').decode()}")
                    seq = message.seq + 1
            found += [
                f"{consumer.name}: pending {consumer.num_pending}, unacknowledged "
                f"{consumer.num_ack_pending}, floor {consumer.ack_floor}"
                for consumer in await js.consumers_info(JOBS)
            ]
            return "; ".join(found)
        finally:
            await client.close()


async def _patiently(ask: Callable[[], Awaitable[T]]) -> T:
    """Ask a broker that may be about to restart until it answers."""
    async with asyncio.timeout(Patience.seconds):
        while True:
            try:
                return await ask()
            except (NatsError, OSError, TimeoutError):
                await asyncio.sleep(_POLL)
