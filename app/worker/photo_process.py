"""Draw photos of a batch in a process of its own, which computes only while nobody wants anything else.

It is as nice as a process can be, and is stopped (SIGSTOP) as long as the worker has other work in hand:
whatever it computes at that moment, the others have all processors at once. It holds no lock that anybody
waits for. A photo that ends it costs only itself.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image

from app.errors import ErrorCode
from app.images.tables import ImageRow
from app.imaging.transparency import opaque, with_alpha_of
from app.infra.db import table_of
from app.infra.logs import configure_logging
from app.infra.parent_death import die_with_parent
from app.infra.thread_priority import give_way
from app.jobs.dials import dials_of
from app.jobs.job import Job
from app.provenance.label import Label
from app.provenance.signer import Signer
from app.settings import Settings
from app.worker.failures import explain, free_memory, is_out_of_memory
from app.worker.inputs import JobInputs, StyleInput
from app.worker.interfaces import EngineLike, ReadStyle
from app.worker.provenance import describe
from app.worker.results import ImageOutcome, encode_result
from model.image.engine_types import Rendering

NICEST = 19
LoadEngine = Callable[[], tuple[EngineLike, ReadStyle]]


@dataclass(frozen=True)
class Photo:
    """A photo to be drawn: a file that the decoder has written. ``job`` has the dials that this photo is to
    have; ``position`` is its place in the batch."""

    job: Job
    position: int
    path: Path
    styles: Sequence[StyleInput]
    manifest: bytes | None = None  # that it came with, archived


@dataclass(frozen=True)
class Drawn:
    """A picture: the columns of its row, and its file."""

    row: dict[str, Any]
    data: bytes


@dataclass(frozen=True)
class NotDrawn:
    """Why there is none."""

    code: str
    detail: str


class PhotoProcess:
    """Starts when the first photo comes. ``load`` is called there, and has to be picklable."""

    def __init__(self, load: LoadEngine, settings: Settings, watermark: int | None) -> None:
        self._start = (load, settings, watermark)
        self._pool: ProcessPoolExecutor | None = None
        self._pid: int | None = None
        self._began = False
        self._goes_on = True

    @property
    def began(self) -> bool:
        """Whether it runs, or ran until it was looked at."""
        return self._began

    async def draw(self, photo: Photo) -> Drawn | NotDrawn:
        """Raises concurrent.futures.BrokenExecutor when the process ended over it, or could not start."""
        loop = asyncio.get_running_loop()
        if self._pool is None:
            self._pool = ProcessPoolExecutor(
                1,
                mp_context=multiprocessing.get_context("spawn"),
                initializer=_begin,
                initargs=(os.getpid(), *self._start),
            )
            others = {child.pid for child in multiprocessing.active_children()}
            ready = loop.run_in_executor(self._pool, os.getpid)  # which starts it
            started = {child.pid for child in multiprocessing.active_children()} - others
            self._pid = next(iter(started), None)
            self.go_on(self._goes_on)
            await ready
            self._began = True
        return await loop.run_in_executor(self._pool, _draw, photo)

    def go_on(self, may: bool) -> None:
        """Whether it may compute from now on."""
        self._goes_on = may
        if self._pid is not None and sys.platform != "win32":
            with suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGCONT if may else signal.SIGSTOP)

    def end(self) -> None:
        """End the process; the next photo starts another one."""
        pool, self._pool, pid, self._pid = self._pool, None, self._pid, None
        self._began = False
        if pid is not None:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL if sys.platform != "win32" else signal.SIGTERM)
        if pool is not None:
            pool.shutdown(wait=False, cancel_futures=True)


class _Painter:
    """In the process: the engine, and the style of the batch in hand."""

    def __init__(self, load: LoadEngine, settings: Settings, watermark: int | None) -> None:
        self._engine, self._read_style = load()
        self._signer, self._label = Signer.of(settings), Label.of(settings)
        self._watermark = watermark
        self._style: tuple[str, Any] = ("", None)

    def draw(self, photo: Photo) -> Drawn:
        """Raises what the engine does."""
        job, inputs = photo.job, JobInputs(styles=list(photo.styles))
        if self._style[0] != job.id:
            parts = [(self._read_style(part.data), part.weight) for part in photo.styles]
            self._style = (job.id, self._engine.blend(parts))
        with Image.open(BytesIO(photo.path.read_bytes())) as picture:
            content = picture.copy()
        rendering = Rendering(
            opaque(content),
            self._style[1],
            dials_of(job.params),
            size=job.params.get("size"),
            preserve_color=bool(job.params.get("preserve_color")),
        )
        (result,) = self._engine.stylize_many([rendering])
        outcome = ImageOutcome(
            with_alpha_of(result, content, None),
            content_id=None,
            manifest=photo.manifest,
            label=self._label.at(job.params.get("label", "none")),
        )
        provenance = describe(job, inputs, self._engine.base_hash)
        row, data = encode_result(
            self._signer, job, photo.position, outcome, provenance, self._watermark, inputs.fingerprints()
        )
        columns = [column.key for column in table_of(ImageRow).columns if column.key in vars(row)]
        return Drawn({name: getattr(row, name) for name in columns}, data)


_painter: _Painter | None = None


def _begin(parent: int, load: LoadEngine, settings: Settings, watermark: int | None) -> None:
    global _painter
    die_with_parent(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal: the worker ends this process
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    give_way(NICEST)  # before libraries start threads, which inherit it
    configure_logging(settings.log_level, settings.log_format)
    _painter = _Painter(load, settings, watermark)


def _draw(photo: Photo) -> Drawn | NotDrawn:
    assert _painter is not None
    try:
        return _painter.draw(photo)
    except Exception as error:
        if is_out_of_memory(error):
            free_memory()
        code, detail = explain(error)
        return NotDrawn(code, detail)


def died(name: str) -> NotDrawn:
    """Of a photo that ended the process, twice."""
    return NotDrawn(
        ErrorCode.POISON_JOB,
        f"{name} ended the process that drew it, twice: send it again with another or a smaller file.",
    )


def with_dials(job: Job, dials: dict[str, Any]) -> Job:
    """The job, for one photo that has dials of its own."""
    return replace(job, params={**job.params, **dials})
