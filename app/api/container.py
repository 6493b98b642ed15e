"""Everything that a request needs, made once per process."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncEngine

from app.api.checkpoint import Checkpoint
from app.images.intake import ImageIntake
from app.imaging.decoder import Decoder
from app.infra.blobs import Blobs
from app.infra.broker import Broker, find_broker
from app.infra.db import Sessions, create_engine, create_sessions, migrate
from app.infra.tasks import end
from app.jobs.ledger import Ledger
from app.jobs.reconciler import Reconciler
from app.jobs.service import JobService
from app.settings import Settings


@dataclass(frozen=True)
class Container:
    """The services of one API process."""

    settings: Settings
    engine: AsyncEngine
    sessions: Sessions
    blobs: Blobs
    broker: Broker
    ledger: Ledger
    jobs: JobService
    intake: ImageIntake
    checkpoint: Checkpoint
    reconciler: Reconciler


@asynccontextmanager
async def open_container(settings: Settings) -> AsyncIterator[Container]:
    """Connect to database, blobs and broker, migrate, run the reconciler; undo it all at the end.

    Raises BrokerUnavailableError and what the drivers raise: a process that cannot work does not start.
    """
    async with AsyncExitStack() as stack:
        engine = create_engine(settings.database)
        stack.push_async_callback(engine.dispose)
        await migrate(engine)
        sessions = create_sessions(engine)
        blobs = Blobs.open(settings)
        token = settings.nats_token.get_secret_value() if settings.nats_token else None
        address = find_broker(settings.data_dir, url=settings.nats_url, token=token)
        broker = await Broker.connect(address.url, token=address.token, name="fewstroke-api")
        stack.push_async_callback(broker.close)
        decoder = Decoder(processes=settings.decoder_processes, seconds=settings.decode_seconds)
        stack.push_async_callback(decoder.close)
        ledger = Ledger(sessions, max_attempts=settings.max_attempts)
        jobs = JobService(ledger, broker, max_active=settings.max_queued_jobs)
        reconciler = Reconciler(
            jobs, broker, every=settings.reconcile_every, expires_after=settings.job_expires_after
        )
        reconciling = asyncio.create_task(reconciler.run(), name="reconciler")
        stack.push_async_callback(end, reconciling)
        yield Container(
            settings=settings,
            engine=engine,
            sessions=sessions,
            blobs=blobs,
            broker=broker,
            ledger=ledger,
            jobs=jobs,
            intake=ImageIntake(decoder, blobs, settings),
            checkpoint=Checkpoint(settings.checkpoint),
            reconciler=reconciler,
        )
