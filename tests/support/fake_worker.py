"""A worker that a test leads step by step, and the style files that it makes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx
from PIL import Image

from app.api.openapi_example_data import PIECE, TALE, VERSES
from app.api.services import Container
from app.infra.asyncio_utils import end
from app.infra.broker import LANES, Delivery
from app.jobs.job import Job, JobKind
from app.provenance.signer import Signer
from app.styles.checkpoint import medium_base
from app.worker.inputs import load_inputs
from app.worker.provenance import describe
from app.worker.results import ImageOutcome, Outcome, StyleOutcome, succeed_with
from model.formats import StyleHeader
from model.modality import IMAGE, Piece, ResultFile
from tests.support.fake_engine import BLACK_AND_WHITE, FakeStyle
from tests.support.pictures import files, png

MIDI = ResultFile("mid", "audio/midi", b"MThd")
_ABOUT = {"poems": VERSES["about"], "stories": TALE["about"]}
DEADLINE = 20.0  # s; far beyond what anything here takes


def style_bytes(
    base_hash: str,
    *,
    k: int = 1,
    steps: int = 3,
    losses: Mapping[str, Any] | None = None,
    modality: str = IMAGE,
) -> bytes:
    """A style file of the fake engine."""
    header = StyleHeader(
        base_hash=base_hash,
        k=k,
        steps=steps,
        seed=0,
        losses=dict(losses or {"start": {"total": 1.0}}),
        modality=modality,
    )
    return FakeStyle(header, BLACK_AND_WHITE).to_bytes()


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
        if job.kind not in (JobKind.STYLIZE, JobKind.BATCH):
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
            fingerprints=inputs.fingerprints,
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
