"""Make the services of one API process when it starts, and end them when it stops."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncEngine

from app.api.readiness import Readiness
from app.api.seal_secrets import seal_secrets
from app.audit.log import forget_entries
from app.auth.authenticator import Authenticator
from app.auth.concurrency_limit import ConcurrencyLimit
from app.auth.rate_limit import forget_rates
from app.auth.signed_urls import Links
from app.errors import ServiceUnavailableError
from app.files.tables import FileRow
from app.http.shutdown import ShutdownFlag
from app.idempotency.keys import IdempotencyKeys, forget_keys
from app.images.tables import ImageRow
from app.images.upload import ImageIntake
from app.imaging.decoder_pool import Decoder
from app.infra.asyncio_utils import end
from app.infra.blobs import Blobs
from app.infra.broker import Broker, find_broker
from app.infra.db import Sessions, create_engine, create_sessions
from app.infra.facts import BASE, set_fact
from app.infra.fair_semaphore import FairSemaphore
from app.infra.integrity import Integrity
from app.infra.secrets_at_rest import Seal
from app.job_hooks import JOB_HOOKS
from app.jobs.fair_queue import forget_turns
from app.jobs.ledger import Ledger
from app.jobs.reconciler import Reconciler
from app.jobs.service import JobService
from app.medium import Media, Medium
from app.migrations.migrate import migrate
from app.retention.expiry_dates import Retention, stamp_new_rows
from app.retention.sweeper import Sweeper
from app.settings import Settings
from app.styles.checkpoint import Checkpoint, medium_base
from app.styles.dependencies import StyleServices
from app.styles.install_presets import install_presets
from app.styles.tables import StyleRow
from app.submission.fetch import Fetcher
from app.submission.storage import Storage
from app.webhooks.delivery_loop import Deliverer, forget_deliveries
from app.webhooks.http_post import Sender
from app.webhooks.ssrf import AddressPolicy
from model.modality import IMAGE

logger = logging.getLogger(__name__)

_UPLOADS = 64  # requests whose forms are read, decoded and stored at a time: each may fill 128 MiB of /tmp
_UPLOADS_EACH = 16  # of one owner
_ARCHIVES = 2  # requests with a ZIP of photos, each of which fills a GiB of /tmp twice


@dataclass(frozen=True, kw_only=True)
class Container(StyleServices):
    """All services of one API process: those that routes depend on, and those that run in the background."""

    engine: AsyncEngine
    reconciler: Reconciler
    sweeper: Sweeper
    deliverer: Deliverer
    readiness: Readiness
    integrity: Integrity


@asynccontextmanager
async def open_container(settings: Settings, closing: ShutdownFlag, media: Media) -> AsyncIterator[Container]:
    """Connect to database, blobs and broker, migrate, run the reconciler; undo it all at the end.

    Raises BrokerUnavailableError and what the drivers raise: a process that cannot work does not start.
    """
    async with AsyncExitStack() as stack:
        engine = create_engine(settings.database)
        stack.push_async_callback(engine.dispose)
        await migrate(engine)
        sessions = create_sessions(engine)
        stamp_new_rows(sessions, Retention.of(settings))
        seal = Seal.of(settings)
        await seal_secrets(sessions, seal)
        blobs = Blobs.open(settings)
        token = settings.nats_token.get_secret_value() if settings.nats_token else None
        address = find_broker(settings.data_dir, url=settings.nats_url, token=token)
        broker = await Broker.connect(
            address.url, token=address.token, name="fewstroke-api", replicas=settings.nats_replicas
        )
        stack.push_async_callback(broker.close)
        checkpoint = Checkpoint(settings.checkpoint)
        base = await _tell_base(sessions, checkpoint)
        for medium in media.values():
            if medium.name != IMAGE:
                await _tell_base_of(medium, sessions, settings)
        if base is not None:
            await install_presets(sessions, blobs, base, settings.presets_dir)
        decoder = Decoder(processes=settings.decoder_processes, seconds=settings.decode_seconds)
        stack.push_async_callback(decoder.close)
        ledger = Ledger(sessions, JOB_HOOKS, max_attempts=settings.max_attempts)
        jobs = JobService(
            ledger,
            broker,
            max_active=settings.max_queued_jobs,
            max_per_owner=settings.max_queued_jobs_per_owner,
        )
        reconciler = Reconciler(
            jobs, broker, every=settings.reconcile_every, expires_after=settings.job_expires_after
        )
        authenticator = Authenticator(sessions, settings)
        stack.push_async_callback(authenticator.close)
        chores = {
            "webhook messages": forget_deliveries(settings),
            "idempotency keys": forget_keys,
            "rates": forget_rates,
            "turns": forget_turns,
            "audit entries": forget_entries,
        }
        sweeper = Sweeper(sessions, blobs, settings, chores=chores)
        sender = Sender(AddressPolicy(settings.webhook_allowed_networks), seconds=settings.webhook_timeout)
        deliverer = Deliverer(sessions, sender, settings, seal)
        fetcher = Fetcher(settings)
        stack.push_async_callback(fetcher.close)
        integrity = Integrity(settings.database)
        for chore in (reconciler, sweeper, deliverer, integrity):
            running = asyncio.create_task(chore.run(), name=type(chore).__name__.lower())
            stack.push_async_callback(end, running)
        yield Container(
            settings=settings,
            closing=closing,
            engine=engine,
            sessions=sessions,
            blobs=blobs,
            broker=broker,
            ledger=ledger,
            jobs=jobs,
            intake=ImageIntake(decoder, blobs, settings),
            idempotency=IdempotencyKeys(sessions),
            checkpoint=checkpoint,
            media=media,
            reconciler=reconciler,
            authenticator=authenticator,
            links=Links(sessions, lifetime=settings.link_seconds, seal=seal),
            sweeper=sweeper,
            deliverer=deliverer,
            readiness=Readiness(),
            storage=Storage(sessions, settings, kept=(ImageRow, FileRow, StyleRow)),
            integrity=integrity,
            seal=seal,
            fetcher=fetcher,
            uploads=FairSemaphore(_UPLOADS, each=_UPLOADS_EACH),
            archives=FairSemaphore(_ARCHIVES, each=1),
            concurrency=ConcurrencyLimit(settings.max_streams),
        )


async def _tell_base_of(medium: Medium, sessions: Sessions, settings: Settings) -> None:
    """Styles of another checkpoint of this modality are outdated from now on."""
    try:
        await set_fact(sessions, f"{BASE}_{medium.name}", await medium_base(medium, settings))
    except ServiceUnavailableError as error:
        logger.log(logging.DEBUG if medium.made_on_use else logging.WARNING, "%s", error)


async def _tell_base(sessions: Sessions, checkpoint: Checkpoint) -> str | None:
    """Workers of another base take no jobs from now on. The base; None when there is no checkpoint."""
    try:
        base = await checkpoint.base_hash()
    except ServiceUnavailableError:
        return None  # not ready, and says so
    before = await set_fact(sessions, BASE, base)
    if before not in (None, base):
        logger.warning("the base checkpoint was %s and is %s from now on", str(before)[:12], base[:12])
    return base
