"""A whole back end for tests: real broker, ledger and blobs in a folder, and real worker processes."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image
from sqlalchemy import select

from app.ids import new_id
from app.images.tables import ImageRole, ImageRow
from app.infra.blobs import Blobs
from app.infra.broker import Broker, EmbeddedServer, Event
from app.infra.db import Base, Sessions, create_engine, create_sessions, utcnow
from app.job_hooks import JOB_HOOKS
from app.jobs.job import Job, JobKind, JobState
from app.jobs.ledger import Ledger, NewJob
from app.migrations.migrate import migrate
from app.settings import Settings, load_settings
from app.styles.tables import StyleRow
from tests.support.waiting import eventually

READY_WITHIN = 60.0  # s; an interpreter with torch starts slowly on a busy machine
PICTURE = (64, 48)  # px


@dataclass
class WorkerProcess:
    """A worker that a test may signal."""

    process: asyncio.subprocess.Process
    log: Path

    @property
    def pid(self) -> int:
        return self.process.pid

    def kill(self) -> None:
        self.process.kill()

    def terminate(self) -> None:
        self.process.terminate()

    async def wait(self) -> int:
        return await self.process.wait()


@dataclass
class Backend:
    """Handles on everything; ``submit`` does what the API does."""

    settings: Settings
    server: EmbeddedServer
    broker: Broker
    ledger: Ledger
    sessions: Sessions
    blobs: Blobs
    workers: list[WorkerProcess] = field(default_factory=list)

    async def launch_worker(self, *command: str, **environment: str) -> WorkerProcess:
        """Start a worker process (default: with the fake engine), which may end before anybody sees it."""
        log = self.settings.data_dir / f"worker-{len(self.workers)}.log"
        with log.open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *(command or ("-m", "tests.support.run_fake_worker")),
                env={**os.environ, "FEWSTROKE_DATA_DIR": str(self.settings.data_dir), **environment},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        worker = WorkerProcess(process, log)
        self.workers.append(worker)
        return worker

    async def start_worker(self, *command: str, **environment: str) -> WorkerProcess:
        """Start a worker process and wait for its first heartbeat."""
        worker = await self.launch_worker(*command, **environment)

        async def beats() -> bool:
            assert worker.process.returncode is None, worker.log.read_text()
            return worker.pid in {info["pid"] for info in await self.broker.workers()}

        await eventually(beats, within=READY_WITHIN)
        return worker

    async def create(
        self,
        kind: JobKind = JobKind.ADAPT,
        *,
        style: bytes | None = None,
        contents: Sequence[Image.Image] = (),
        mask: Image.Image | None = None,
        owner: str = "local",
        **params: Any,
    ) -> Job:
        """A queued job with stored inputs, not yet published."""
        job_id, style_id = new_id("job"), new_id("sty")
        rows: list[Base] = []
        key: str | None = None
        if style is not None:
            key = f"styles/{style_id}"
            await self.blobs.put(key, style)
        if kind is JobKind.STYLIZE:
            rows.append(StyleRow(id=style_id, job_id=None, blob_key=key, created_at=utcnow()))
        else:
            rows.append(StyleRow(id=style_id, job_id=job_id, created_at=utcnow()))
        images: dict[str, list[str]] = {"examples": [], "contents": []}
        given = {
            "examples": [Image.new("RGB", PICTURE, "navy")] * (2 if kind is not JobKind.STYLIZE else 0),
            "contents": list(contents),
        }
        roles = {"examples": ImageRole.EXAMPLE, "contents": ImageRole.CONTENT}
        for name, pictures in given.items():
            for position, picture in enumerate(pictures):
                row = await self._store(job_id, roles[name], position, picture)
                rows.append(row)
                images[name].append(row.id)
        if mask is not None:
            rows.append(row := await self._store(job_id, ImageRole.MASK, 0, mask))
            params["mask"] = row.id
        return await self.ledger.create(
            NewJob(
                id=job_id,
                kind=kind,
                owner=owner,
                params={**images, "style_id": style_id, "seed": 0, "format": "png", **params},
                style_id=style_id,
                rows=rows,
            )
        )

    async def submit(self, kind: JobKind = JobKind.ADAPT, **how: Any) -> Job:
        """``create``, then into the queue."""
        job = await self.create(kind, **how)
        await self.broker.publish_job(job.lane, job.ticket)
        await self.ledger.mark_published(job.ticket)
        return job

    async def cancel(self, job_id: str) -> None:
        await self.ledger.request_cancel(job_id)
        await self.broker.request_cancel(job_id)

    async def until(self, job_id: str, state: JobState, *, within: float = 30.0) -> Job:
        """The job once it is in ``state``; another terminal state is a failure."""

        async def reached() -> bool:
            job = await self.ledger.get(job_id)
            assert job.state is state or not job.state.terminal, f"{job.state}: {job.error}"
            return job.state is state

        await eventually(reached, within=within)
        return await self.ledger.get(job_id)

    async def until_step(self, job_id: str, step: int, *, after: int = 0, within: float = 30.0) -> Event:
        """The progress event of ``step`` or a later one."""
        async with asyncio.timeout(within):
            async for event in self.broker.events(job_id, after=after):
                if event.event == "progress" and event.data["step"] >= step:
                    return event
        raise AssertionError(f"{job_id} ended before step {step}")

    async def worker_of(self, job_id: str) -> dict[str, Any]:
        """The heartbeat of the worker that has the job in hand."""
        found: list[dict[str, Any]] = []

        async def told() -> bool:
            found[:] = [worker for worker in await self.broker.workers() if job_id in worker["jobs"]]
            return bool(found)

        await eventually(told)
        return found[0]

    async def events(self, job_id: str, *, within: float = 10.0) -> list[Event]:
        """All events up to the terminal one."""
        async with asyncio.timeout(within):
            return [event async for event in self.broker.events(job_id)]

    async def results(self, job_id: str) -> list[ImageRow]:
        """Rows of the job's result images, in order."""
        async with self.sessions() as session:
            query = select(ImageRow).where(ImageRow.job_id == job_id, ImageRow.role == ImageRole.RESULT)
            return list(await session.scalars(query.order_by(ImageRow.position)))

    async def style(self, style_id: str | None) -> StyleRow:
        async with self.sessions() as session:
            row = await session.get(StyleRow, style_id)
        assert row is not None
        return row

    async def picture(self, row: ImageRow) -> Image.Image:
        with Image.open(BytesIO(await self.blobs.get(row.blob_key))) as image:
            image.load()
            return image.copy()

    async def _store(self, job_id: str, role: ImageRole, position: int, picture: Image.Image) -> ImageRow:
        buffer = BytesIO()
        picture.save(buffer, format="PNG")
        image_id = new_id("img")
        key = f"uploads/{image_id}.png"
        await self.blobs.put(key, buffer.getvalue())
        return ImageRow(
            id=image_id,
            job_id=job_id,
            role=role,
            position=position,
            blob_key=key,
            media_type="image/png",
            width=picture.width,
            height=picture.height,
            size_bytes=buffer.tell(),
            sha256=sha256(buffer.getvalue()).hexdigest(),
            created_at=utcnow(),
        )


@asynccontextmanager
async def running_backend(data_dir: Path) -> AsyncIterator[Backend]:
    """Everything but workers; kills the workers that the test started."""
    settings = load_settings(data_dir=data_dir)
    database = create_engine(settings.database)
    await migrate(database)
    sessions = create_sessions(database)
    async with EmbeddedServer(data_dir) as server:
        broker = await Broker.connect(server.url, token=server.token)
        backend = Backend(
            settings, server, broker, Ledger(sessions, JOB_HOOKS), sessions, Blobs.open(settings)
        )
        try:
            yield backend
        finally:
            for worker in backend.workers:
                if worker.process.returncode is None:
                    worker.process.send_signal(signal.SIGKILL)
                await worker.wait()
            await broker.close()
            await database.dispose()
