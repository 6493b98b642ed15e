"""End the worker when its GPU no longer computes, instead of failing one job after the other.

After an illegal access or an uncorrectable memory error every later CUDA call of the process raises. That is
not the fault of the jobs that meet it; another process, or another machine, may well run them.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from PIL.Image import Image

from app.worker.failures import is_out_of_memory
from app.worker.interfaces import EngineLike
from app.worker.learning import Done
from app.worker.work_item import JobStopped
from model.errors import AdaptationCanceled
from model.image.engine_types import Rendering
from model.modality import Learning

logger = logging.getLogger(__name__)

# Exit status, EX_IOERR of sysexits.h: starting again helps unless the device itself is broken.
DEVICE_LOST = 74

_HARMLESS = (JobStopped, AdaptationCanceled)


class GuardedEngine:
    """The engine; after an error of it that the device may be the reason of, the device is tried, and when
    that raises too, the process ends at once with status ``DEVICE_LOST``.

    That error has become no job's outcome by then: the jobs in hand are delivered again, as those of any
    worker that died.
    """

    def __init__(self, engine: EngineLike, *, leave: Callable[[int], Any] = os._exit) -> None:
        self._engine = engine
        self._leave = leave

    @property
    def base_hash(self) -> str:
        return self._engine.base_hash

    @property
    def default_steps(self) -> int:
        return self._engine.default_steps

    def check_device(self) -> None:
        self._engine.check_device()

    def adapt_many(
        self, requests: Sequence[Learning], *, steps: int | None = None, preview_every: int = 5
    ) -> Sequence[Any]:
        with self._examined():
            return self._engine.adapt_many(requests, steps=steps, preview_every=preview_every)

    def blend(self, parts: Sequence[tuple[Any, float]]) -> Any:
        with self._examined():
            return self._engine.blend(parts)

    def stylize_many(self, renderings: Sequence[Rendering]) -> Sequence[Image]:
        with self._examined():
            return self._engine.stylize_many(renderings)

    def batches(self, renderings: Sequence[Rendering], most: int) -> Sequence[Sequence[int]]:
        with self._examined():
            return self._engine.batches(renderings, most)

    def stylize_frames(self, frames: Iterable[Image], style: Any, **options: Any) -> Iterator[Image]:
        with self._examined():
            yield from self._engine.stylize_frames(frames, style, **options)

    def telling(self, done: Done) -> Done:
        """``done``, for what went wrong beside the engine's calls: a style that is read from the device."""

        def tell(position: int, result: Any) -> None:
            if isinstance(result, Exception):
                self.examine(result)
            done(position, result)

        return tell

    def examine(self, error: Exception) -> None:
        """Return when the device still computes after ``error``. To be called in the compute thread."""
        if isinstance(error, _HARMLESS) or is_out_of_memory(error):
            return
        try:
            self._engine.check_device()
        except Exception as lost:
            logger.error("an error came before: %s", error, exc_info=error)
            logger.critical(
                "the device no longer computes (%s): this worker ends, its jobs go to others", lost
            )
            logging.shutdown()
            self._leave(DEVICE_LOST)

    @contextmanager
    def _examined(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            self.examine(error)
            raise
