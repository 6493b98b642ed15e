"""What a worker does when computing fails: try with less, explain it to the owner, or end with a lost device.

After an illegal access or an uncorrectable memory error every later CUDA call of the process raises. That is
not the fault of the jobs that meet it; another process, or another machine, may well run them.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from PIL.Image import Image

from app.errors import AppError, ErrorCode
from app.worker.interfaces import EngineLike
from app.worker.work_item import Done, JobStopped
from model.errors import AdaptationCanceled, ModelError, StyleBaseMismatchError, StyleFormatError
from model.image.engine_types import Rendering
from model.modality import Learning

logger = logging.getLogger(__name__)

# Exit status, EX_IOERR of sysexits.h: starting again helps unless the device itself is broken.
DEVICE_LOST = 74

_HARMLESS = (JobStopped, AdaptationCanceled)

T = TypeVar("T")
R = TypeVar("R")


def split_on_failure(items: Sequence[T], run: Callable[[Sequence[T]], Sequence[R]]) -> list[R | Exception]:
    """``run(items)``, and when it raises, its parts: each item's result, or why it has none.

    Halves when an allocation failed, so that the batch finds its size; one by one after any other error, so
    that it strikes the item it belongs to and no other.
    """
    try:
        return list(run(items))
    except Exception as error:
        if len(items) == 1:
            return [error]
        out_of_memory = is_out_of_memory(error)
        logger.warning(
            "%d together failed; now %s",
            len(items),
            "in halves" if out_of_memory else "one by one",
            exc_info=error,
        )
    # Not before the error and its traceback are gone: they hold the tensors of the pass that failed.
    if out_of_memory:
        free_memory()
    size = (len(items) + 1) // 2 if out_of_memory else 1
    return [
        result for at in range(0, len(items), size) for result in split_on_failure(items[at : at + size], run)
    ]


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an allocation failed: Python's, torch's on the GPU, or torch's on the CPU."""
    torch = sys.modules.get("torch")  # only a process that has torch can see its errors
    if torch is not None and isinstance(error, torch.OutOfMemoryError):
        return True
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and "can't allocate memory" in str(error)
    )


def free_memory() -> None:
    """Hand cached GPU memory back after an allocation failed, so that the next job finds it."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()


def explain(error: Exception) -> tuple[ErrorCode, str]:
    """The code and the sentence for a failed job."""
    if is_out_of_memory(error):
        return (
            ErrorCode.OUT_OF_MEMORY,
            "The worker ran out of memory on this job: submit it with a smaller size or fewer pictures.",
        )
    if isinstance(error, StyleBaseMismatchError):
        return ErrorCode.STYLE_BASE_MISMATCH, str(error)
    if isinstance(error, StyleFormatError):
        return ErrorCode.STYLE_FILE_INVALID, str(error)
    if isinstance(error, ModelError):
        return ErrorCode.JOB_FAILED, str(error)
    if isinstance(error, AppError):
        return error.code, error.detail
    return (
        ErrorCode.INTERNAL_ERROR,
        f"The worker hit an unexpected {type(error).__name__}; its log holds the details. "
        "Submit the job again, and report it when that fails too.",
    )


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
