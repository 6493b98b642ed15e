"""Run the worker process: assemble it, run its loop, end it in good order."""

from __future__ import annotations

import asyncio
import faulthandler
import gc
import logging
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from pathlib import Path

from PIL.Image import Image

from app.http.hrefs import prefix
from app.imaging.temp_dirs import delete_left_behind
from app.infra.blobs import Blobs
from app.infra.broker import Broker, find_broker
from app.infra.db import create_engine, create_sessions, utcnow
from app.infra.thread_priority import give_way
from app.infra.tracing import start_tracing
from app.job_hooks import JOB_HOOKS
from app.jobs.ledger import Ledger
from app.migrations.migrate import migrate
from app.provenance.label import Label
from app.provenance.signer import Signer
from app.provenance.watermark.service import marking_number
from app.retention.expiry_dates import Retention, stamp_new_rows
from app.settings import Settings
from app.worker.batching import BatchPolicy
from app.worker.hang_watchdog import HangWatchdog
from app.worker.interfaces import EngineLike, ReadStyle
from app.worker.photo_process import LoadEngine, PhotoProcess
from app.worker.run_generation import LoadModality
from app.worker.worker import Worker
from model.modalities import load_modality
from model.modality import Generator

logger = logging.getLogger(__name__)

HURRIED_EXIT = 130  # after a second signal: the job in hand is delivered to another worker in seconds

_STOP = 40.0  # s from the signal to the end of the last job, which has its grace and then the step it is in
_LEAVE = 15.0  # s from the last job to the end of the process


def _leave_within(seconds: float) -> None:
    """End the process even if something in it does not: the computing thread, one of a library, a task that
    lost its cancellation. A job that is neither finished nor given back by then is delivered again. Where it
    hung is written to standard error, by a watchdog that needs neither the event loop nor the interpreter.
    """
    faulthandler.dump_traceback_later(seconds, exit=True)


@dataclass(frozen=True)
class Loaded:
    """The model in memory, and what goes with it."""

    engine: EngineLike
    read_style: ReadStyle
    preview: Image | None
    device: str
    modalities: LoadModality = load_modality
    again: LoadEngine | None = None  # loads the engine once more, in the process that draws photos of batches


def load_model(checkpoint: Path | None, device: str, renderer: str = "auto", *, niceness: int = 0) -> Loaded:
    """Load the engine. Imports torch. Raises model.errors.ModelError.

    To be called in the thread that is to compute: on a CPU it gives way to others (``niceness``) before the
    libraries below start threads of their own, which inherit that.
    """
    from model.device import resolve_device
    from model.image.engine import Engine

    if resolve_device(device).type == "cpu":
        give_way(niceness)
    engine = Engine.load(checkpoint, device=device, renderer=renderer)
    logger.info("renders with %s", engine.renders_with)
    return Loaded(
        engine=engine,
        read_style=engine.read_style,
        preview=engine.bank[0],
        device=str(engine.device),
        again=partial(load_engine, checkpoint, device, renderer),
    )


def load_engine(checkpoint: Path | None, device: str, renderer: str) -> tuple[EngineLike, ReadStyle]:
    """The engine alone. Imports torch. Raises model.errors.ModelError."""
    from model.image.engine import Engine

    engine = Engine.load(checkpoint, device=device, renderer=renderer)
    return engine, engine.read_style


def run_worker(settings: Settings, *, device: str = "auto") -> None:
    """Load the model and work until SIGINT or SIGTERM. Raises ModelError, BrokerUnavailableError."""
    computing = ThreadPoolExecutor(max_workers=1, thread_name_prefix="compute")
    try:
        loading = computing.submit(
            load_model, settings.checkpoint, device, settings.renderer, niceness=settings.worker_nice
        )
        model = replace(loading.result(), modalities=partial(load_other, settings, device))
        logger.info("model %s on %s", model.engine.base_hash[:12], model.device)
        gc.freeze()  # what was imported stays: a look for garbage among it would stop everything for 0.1 s
        asyncio.run(serve(settings, model, computing))
    finally:
        computing.shutdown(wait=False, cancel_futures=True)


def load_other(settings: Settings, device: str, name: str) -> Generator:
    """Another modality than pictures, with the checkpoint that is configured. Raises ModelError."""
    modality = load_modality(name, settings.checkpoint_of(name), device)
    logger.info("%s: checkpoint %s", name, modality.base_hash[:12])
    return modality


async def serve(settings: Settings, model: Loaded, computing: ThreadPoolExecutor | None = None) -> None:
    """Connect to everything, run a worker with ``model``, and close everything. Raises ConfigError.

    ``computing`` has the one thread that the model runs in; default: the worker makes one.
    """
    start_tracing(settings, "worker")
    prefix.set(settings.root_path)
    signer, label = Signer.of(settings), Label.of(settings)
    # Of clips whose worker was killed: no API process may run on this machine, whose sweeper tidies up too.
    left_before = (utcnow() - timedelta(seconds=settings.orphan_grace)).timestamp()
    await asyncio.to_thread(delete_left_behind, left_before)
    address = find_broker(
        settings.data_dir,
        url=settings.nats_url,
        token=settings.nats_token.get_secret_value() if settings.nats_token else None,
    )
    database = create_engine(settings.database)
    try:
        await migrate(database)
        sessions = create_sessions(database)
        stamp_new_rows(sessions, Retention.of(settings))
        broker = await Broker.connect(
            address.url, token=address.token, name="fewstroke-worker", replicas=settings.nats_replicas
        )
        try:
            number = await marking_number(sessions, settings)
            photos = PhotoProcess(model.again, settings, number) if model.again is not None else None
            worker = Worker(
                broker=broker,
                ledger=Ledger(sessions, JOB_HOOKS, max_attempts=settings.max_attempts),
                sessions=sessions,
                blobs=Blobs.open(settings),
                signer=signer,
                watermark=number,
                label=label,
                engine=model.engine,
                read_style=model.read_style,
                preview=model.preview,
                device=model.device,
                computing=computing,
                max_attempts=settings.max_attempts,
                hang_watchdog=HangWatchdog(settings.worker_hang_seconds),
                modalities=model.modalities,
                photos=photos,
                settings=settings,
                batches=BatchPolicy.of(
                    settings.max_batch, settings.batch_wait_ms / 1000, device=model.device
                ),
            )
            stop_on_signals(worker)
            await worker.run()
            _leave_within(_LEAVE)
        finally:
            await broker.close()
    finally:
        await database.dispose()


def stop_on_signals(worker: Worker) -> None:
    """First SIGINT or SIGTERM: finish or give back. Second: leave at once."""
    received: list[int] = []

    def on_signal(number: int) -> None:
        received.append(number)
        if len(received) > 1:
            logger.warning("second signal: leaving at once")
            logging.shutdown()
            os._exit(HURRIED_EXIT)  # nothing else ends the thread that torch runs in
        logger.info("%s: no more jobs; a second signal ends the worker at once", signal.Signals(number).name)
        worker.stop()
        _leave_within(_STOP)

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, on_signal, number)
