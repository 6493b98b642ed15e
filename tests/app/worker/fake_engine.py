"""An engine that does what a test wants: no torch, known timing, failures on demand.

The script of a run is its ``seed`` (see ``Script``); the number of inner steps is the job's.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from PIL import Image

from app.worker.interfaces import OneByOne
from model.errors import AdaptationCanceled, DeviceUnavailableError, StyleBaseMismatchError
from model.formats import StyleHeader, checkpoint_hash
from model.image.dials import DEFAULT_ABSTRACTION
from model.image.engine_types import Rendering
from model.image.rendering.size_batches import batches
from model.modality import Learning

BASE_HASH = checkpoint_hash()
"""What the API runs: a worker of another base gets no jobs."""
DEVICE_LOST = "FEWSTROKE_SCRIPTED_LOST" in os.environ
"""Whether the engine's device no longer computes: every call raises."""
STEP_SECONDS = float(os.environ.get("FEWSTROKE_SCRIPTED_STEP", "0.05"))
TOO_LARGE = (33, 33)
"""Size of a photo that does not fit into memory."""


class Script(IntEnum):
    """Seeds with a meaning; every other seed adapts and succeeds."""

    KILLS_ITS_WORKER = 666
    OUT_OF_MEMORY = 667
    MODEL_ERROR = 668
    BUG = 669
    DEAF = 670  # ignores ``should_stop``
    NEEDS_ROOM = 671  # more than two of them at once do not fit into memory


@dataclass(frozen=True)
class Progress:
    step: int
    steps: int
    losses: dict[str, float]
    preview: Image.Image | None


@dataclass(frozen=True)
class FakeStyle:
    header: StyleHeader

    def to_bytes(self) -> bytes:
        return self.header.to_json().encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> FakeStyle:
        header = StyleHeader(**json.loads(data))
        if header.base_hash != BASE_HASH:
            raise StyleBaseMismatchError("the style was adapted from another base: adapt it again")
        return cls(header)


class FakeEngine(OneByOne):
    base_hash = BASE_HASH
    default_steps = 10

    def check_device(self) -> None:
        if DEVICE_LOST:
            raise RuntimeError("CUDA error: an illegal memory access was encountered")

    def adapt(
        self,
        examples: Sequence[Image.Image],
        *,
        contents: Sequence[Image.Image] = (),
        steps: int | None = None,
        seed: int = 0,
        preview: Image.Image | None = None,
        preview_every: int = 5,
        on_progress: Callable[[Any], None] | None = None,
        should_stop: Callable[[], bool] | None = None,
    ) -> FakeStyle:
        total = self.default_steps if steps is None else steps
        self.check_device()
        if seed == Script.OUT_OF_MEMORY:
            raise MemoryError
        if seed == Script.MODEL_ERROR:
            raise DeviceUnavailableError("the device went away: choose another one")
        if seed == Script.BUG:
            raise ZeroDivisionError("division by zero")
        losses: dict[str, float] = {}
        if preview is not None and on_progress is not None:
            for side in (64, 128, 256):
                small = preview.copy()
                small.thumbnail((side, side))
                on_progress(Progress(0, total, {}, small))
        for step in range(total + 1):
            if step and should_stop is not None and should_stop() and seed != Script.DEAF:
                raise AdaptationCanceled
            if seed == Script.KILLS_ITS_WORKER and step == 2:
                os.kill(os.getpid(), signal.SIGKILL)
            losses = {"total": 0.5 + 0.5 / (step + 1)}
            shown = preview if step and step % preview_every == 0 else None
            if on_progress is not None:
                on_progress(Progress(step, total, losses, shown))
            time.sleep(STEP_SECONDS if step else 0)
        start = {"total": 1.0}
        return FakeStyle(
            StyleHeader(BASE_HASH, len(examples), total, seed, {"start": start, "end": losses}, "none")
        )

    def adapt_many(
        self: Any, requests: Sequence[Learning], *, steps: int | None = None, preview_every: int = 5
    ) -> list[Any]:
        """All of them step by step; what one of them raises, all of them raise."""
        self.check_device()
        if len(requests) == 1:
            return OneByOne.adapt_many(self, requests, steps=steps, preview_every=preview_every)
        scripts = [request.seed for request in requests]
        if scripts.count(Script.NEEDS_ROOM) > 2 or Script.OUT_OF_MEMORY in scripts:
            raise MemoryError
        if Script.BUG in scripts:
            raise ZeroDivisionError("division by zero")
        total = self.default_steps if steps is None else steps
        outcomes: dict[int, Any] = {}
        for step in range(total + 1):
            if Script.KILLS_ITS_WORKER in scripts and step == 2:
                os.kill(os.getpid(), signal.SIGKILL)
            for i, request in enumerate(requests):
                if i in outcomes:
                    continue
                if step and request.should_stop is not None and request.should_stop():
                    outcomes[i] = AdaptationCanceled()
                elif request.on_progress is not None:
                    losses = {"total": 1.0}
                    request.on_progress(Progress(step, total, losses, None))  # type: ignore[arg-type]
            if len(outcomes) == len(requests):
                break
            time.sleep(STEP_SECONDS if step else 0)
        for i, request in enumerate(requests):
            header = StyleHeader(BASE_HASH, len(request.examples), total, request.seed, {}, "none")
            outcomes.setdefault(i, FakeStyle(header))
        return [outcomes[i] for i in range(len(requests))]

    def stylize_frames(
        self: Any, frames: Iterable[Image.Image], style: Any, **options: Any
    ) -> Iterator[Image.Image]:
        """Every frame as ``stylize`` has it."""
        options.pop("smoothing", None)
        return OneByOne.stylize_frames(self, frames, style, **options)

    def batches(self, renderings: Sequence[Rendering], most: int) -> list[list[int]]:
        """Pictures of one size."""
        sizes = [rendering.photo.size for rendering in renderings]
        return batches(sizes, [width * height for width, height in sizes], most, 10**9)

    def blend(self, parts: Sequence[tuple[Any, float]]) -> Any:
        return max(parts, key=lambda part: part[1])[0]

    def stylize(
        self,
        photo: Image.Image,
        style: Any,
        *,
        strength: float = 1.0,
        abstraction: float = DEFAULT_ABSTRACTION,
        stroke_size: float = 1.0,
        size: int | None = None,
        preserve_color: bool = False,
        mask: Image.Image | None = None,
        outside: Any | None = None,
        feather: float = 0.0,
    ) -> Image.Image:
        """The photo inverted, in squares of the strokes' size; black where the mask is black and there is a
        style for it."""
        self.check_device()
        time.sleep(STEP_SECONDS)
        if photo.size == TOO_LARGE:
            raise MemoryError
        result = photo.point([255 - level for level in range(256)] * 3)
        if stroke_size > 1:
            squares = [max(1, round(side / stroke_size)) for side in photo.size]
            result = result.resize(squares).resize(photo.size, Image.Resampling.NEAREST)
        if mask is not None:
            ground = Image.new("RGB", photo.size) if outside is not None else photo
            result = Image.composite(result, ground, mask.convert("L").resize(photo.size))
        if size is not None:
            result.thumbnail((size, size))
        return result
