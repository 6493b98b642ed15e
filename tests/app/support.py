"""Pictures, style files, a fake worker, a real server: what the tests of the service share."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from functools import cache
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import numpy as np
import pytest
import uvicorn
from fastapi import FastAPI
from PIL import Image
from safetensors.numpy import save
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from app.api.openapi_example_data import PIECE, TALE, VERSES
from app.api.services import Container
from app.http.connections import KEPT_SECONDS, bounded
from app.infra.asyncio_utils import end
from app.infra.broker import LANES, Delivery
from app.jobs.job import Job, JobKind
from app.migrations.tables import Base
from app.provenance.signer import Signer
from app.settings import Settings
from app.styles.checkpoint import medium_base
from app.worker.inputs import load_inputs
from app.worker.provenance import describe
from app.worker.results import ImageOutcome, Outcome, StyleOutcome, succeed_with
from model.formats import METADATA_KEY, StyleHeader
from model.modality import IMAGE, Piece, ResultFile
from tests.app.waiting import eventually

MIDI = ResultFile("mid", "audio/midi", b"MThd")
_ABOUT = {"poems": VERSES["about"], "stories": TALE["about"]}
DEADLINE = 20.0  # s; far beyond what anything here takes


def picture(width: int = 64, height: int = 48, *, mode: str = "RGB", seed: int = 0) -> Image.Image:
    """A picture of coarse random blocks, which survive JPEG."""
    random = np.random.default_rng(seed)
    channels = {"L": 1, "RGB": 3, "RGBA": 4, "CMYK": 4}[mode]
    blocks = random.integers(0, 256, (4, 4, channels), dtype=np.uint8)
    small = (
        Image.fromarray(blocks.squeeze(), mode="L")
        if channels == 1
        else Image.frombytes(mode, (4, 4), blocks.tobytes())
    )
    return small.resize((width, height), Image.Resampling.NEAREST)


def encoded(image: Image.Image, format: str = "PNG", **options: Any) -> bytes:
    """The file's bytes."""
    buffer = BytesIO()
    image.save(buffer, format=format, **options)
    return buffer.getvalue()


def png(width: int = 64, height: int = 48, *, seed: int = 0) -> bytes:
    return encoded(picture(width, height, seed=seed))


def files(**fields: bytes | list[bytes]) -> list[tuple[str, tuple[str, bytes, str]]]:
    """Multipart files: ``files(examples=[a, b], content=c)``. Names and types say nothing true."""
    return [
        (field, (f"{index}.jpg", data, "image/jpeg"))
        for field, items in fields.items()
        for index, data in enumerate([items] if isinstance(items, bytes) else items)
    ]


@cache
def signer() -> Signer:
    """One that signs, with a certificate of its own."""
    with TemporaryDirectory() as folder:
        return Signer.of(Settings(data_dir=Path(folder)))


def style_bytes(
    base_hash: str,
    *,
    k: int = 1,
    steps: int = 3,
    losses: Mapping[str, Any] | None = None,
    modality: str = IMAGE,
) -> bytes:
    """A style file with one small tensor."""
    header = StyleHeader(
        base_hash=base_hash,
        k=k,
        steps=steps,
        seed=0,
        losses=dict(losses or {"start": {"total": 1.0}}),
        modality=modality,
    )
    return save({"gamma": np.zeros(8, dtype=np.float16)}, metadata={METADATA_KEY: header.to_json()})


def _inverted(image: Image.Image) -> Image.Image:
    return image.convert("RGB").point(lambda value: 255 - value)


class FakeWorker:
    """What a worker does, one step at a time, through the same code."""

    def __init__(self, services: Container) -> None:
        self._services = services
        self._signer = Signer.of(services.settings)

    async def take(self) -> tuple[Job, Delivery]:
        """The next job, begun."""
        delivery = await self._services.broker.next_job(LANES, timeout=DEADLINE)
        assert delivery is not None, "nothing is in the queue"
        job = await self._services.ledger.begin(delivery.job_id, "fake worker")
        assert job is not None, "the job in the queue is over"
        await self._services.broker.publish_event(job.id, "state", {"state": "running"})
        return job, delivery

    async def progress(self, job: Job, step: int) -> int:
        return await self._services.broker.publish_event(
            job.id,
            "progress",
            {"step": step, "steps": 3, "losses": {"total": 1.0 / (step + 1)}, "phase": "adapt"},
        )

    async def outcome(self, job: Job) -> Outcome:
        """A finished run's outcome: a style file, and the contents inverted."""
        inputs = await load_inputs(job, self._services.sessions, self._services.blobs)
        if job.modality != IMAGE:
            return await self._outcome_of_works(job)
        base = await self._services.checkpoint.base_hash()
        style = None
        if job.kind is not JobKind.STYLIZE:
            data = style_bytes(base, k=len(inputs.examples))
            style = StyleOutcome(data, {"base_hash": base, "k": len(inputs.examples), "steps": 3})
        images = [
            ImageOutcome(_inverted(content), content_id, manifest=inputs.manifests.get(content_id))
            for content, content_id in zip(inputs.contents, job.params.get("contents", ()), strict=True)
        ]
        return Outcome(
            provenance=describe(job, inputs, base, style.header if style else None),
            steps=3,
            seconds=0.5,
            losses={"start": {"total": 1.0}, "end": {"total": 0.5}},
            style=style,
            images=images if job.kind is not JobKind.ADAPT else (),
        )

    async def _outcome_of_works(self, job: Job) -> Outcome:
        """Of another modality: a style file, or one result with one file."""
        if job.kind is JobKind.GENERATE:
            return Outcome(
                steps=0, seconds=0.5, pieces=[Piece([MIDI], _ABOUT.get(job.modality, PIECE["about"]))]
            )
        medium, settings = self._services.media[job.modality], self._services.settings
        if medium.made_on_use:
            medium.checkpoint(settings).parent.mkdir(exist_ok=True)
            medium.checkpoint(settings).write_bytes(b"a language model")
        base = await medium_base(medium, settings)
        data = style_bytes(base, modality=job.modality)
        style = StyleOutcome(data, {"base_hash": base, "k": 1, "steps": 3, "modality": job.modality})
        return Outcome(steps=3, seconds=0.5, style=style)

    async def finish(self, job: Job, delivery: Delivery) -> None:
        """Succeed, tell it, acknowledge."""
        assert await succeed_with(
            self._services.ledger, self._services.blobs, self._signer, job, await self.outcome(job)
        )
        await self._services.broker.publish_event(job.id, "state", {"state": "succeeded"})
        await delivery.ack()

    async def do_one(self) -> Job:
        """Take the next job and finish it; the job as the ledger has it then."""
        job, delivery = await self.take()
        await self.finish(job, delivery)
        return await self._services.ledger.get(job.id)

    @asynccontextmanager
    async def busy(self) -> AsyncIterator[None]:
        """Finish whatever comes, in the background."""

        async def work() -> None:
            while True:
                await self.do_one()

        task = asyncio.create_task(work())
        try:
            yield
        finally:
            await end(task)


async def ready_style(client: httpx.AsyncClient, fake_worker: FakeWorker) -> str:
    """A style that can be applied; its id."""
    answer = await client.post("/v1/styles", files=files(examples=png()))
    assert answer.status_code == 202, answer.text
    await fake_worker.do_one()
    style_id = answer.json()["style"]["id"]
    assert isinstance(style_id, str)
    return style_id


@contextmanager
def answers_lost(engine: AsyncEngine, error: BaseException) -> Iterator[None]:
    """Every transaction commits, but nobody hears of it: ``error`` comes instead of the answer."""
    dialect = engine.dialect
    commit = dialect.do_commit

    def lost(connection: Any) -> None:
        commit(connection)
        raise error

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dialect, "do_commit", lost)
        yield


async def nothing_stored(services: Container) -> bool:
    """Whether no row and no blob exists, but for what every service writes when it starts."""
    async with services.sessions() as session:
        for table in Base.metadata.sorted_tables:
            if table.name not in ("leases", "facts") and await session.scalar(
                select(func.count()).select_from(table)
            ):
                return False
    return await services.blobs.keys() == []


def parse_sse(lines: list[str]) -> list[dict[str, Any]]:
    """Events of a text/event-stream body: ``{"id", "event", "data"}``."""
    events: list[dict[str, Any]] = []
    current: dict[str, Any] = {}
    for line in lines:
        name, _, value = line.partition(": ")
        if not line:
            if current:
                events.append(current)
            current = {}
        elif name in ("id", "event", "data"):
            current[name] = json.loads(value) if name == "data" else value
    return events


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield  # signals belong to pytest


@asynccontextmanager
async def serve(app: FastAPI, *, descriptors: int = 1024) -> AsyncIterator[str]:
    """Run the application behind a real HTTP server on a free port, as ``app.cli.http`` does; its URL."""
    config = uvicorn.Config(
        app,
        port=0,
        log_config=None,
        lifespan="on",
        timeout_graceful_shutdown=2,
        http=bounded(Settings(), descriptors=descriptors),
        timeout_keep_alive=KEPT_SECONDS,
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve())
    try:

        def started() -> bool:
            assert not task.done(), "the server did not start"
            return server.started

        await eventually(started)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await task
