"""The one engine without a model: real style files, known timing, failures on demand; no torch.

Tests and the benchmarks of faults and load use it as it is, the studio's tests with pictures that one can
tell apart (``tests.studio.engine``). The script of a run is its ``seed`` (see ``Script``); the number of
inner steps is the job's.
"""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from safetensors.numpy import load, save

from model.errors import AdaptationCanceled, DeviceUnavailableError, StyleBaseMismatchError
from model.formats import METADATA_KEY, StyleHeader, checkpoint_hash, read_style_header
from model.image.dials import Dials
from model.image.engine_types import Rendering
from model.image.rendering.size_batches import batches
from model.modality import Learning, Progress

BASE_HASH = checkpoint_hash()
"""What the API runs: a worker of another base gets no jobs."""
DEVICE_LOST = "FEWSTROKE_SCRIPTED_LOST" in os.environ
"""Whether the engine's device no longer computes: every call raises."""
TOO_LARGE = (33, 33)
"""Size of a photo that does not fit into memory."""
DEADLY = (66, 33)
"""Size of a photo that ends the process which draws it."""
BLACK_AND_WHITE = np.array([[0, 0, 0], [255, 255, 255]], np.float32)


class Script(IntEnum):
    """Seeds with a meaning; every other seed adapts and succeeds."""

    KILLS_ITS_WORKER = 666  # in the second inner step, every time
    OUT_OF_MEMORY = 667
    MODEL_ERROR = 668
    BUG = 669
    DEAF = 670  # ignores ``should_stop``
    NEEDS_ROOM = 671  # more than two of them at once do not fit into memory
    HANGS_ITS_WORKER = 672  # in the second inner step, every time
    HANGS_ONCE = 1_000_000  # and every seed above it: its worker hangs once for each


@dataclass(frozen=True)
class FakeStyle:
    """A header, and the colours of the shadows and of the lights: ``(2, 3)`` in 0..255."""

    header: StyleHeader
    colours: np.ndarray

    def to_bytes(self) -> bytes:
        """A style file."""
        metadata = {METADATA_KEY: json.dumps(asdict(self.header))}
        return save({"colours": self.colours.astype(np.float16)}, metadata=metadata)

    @classmethod
    def from_bytes(cls, data: bytes) -> FakeStyle:
        """Inverse of ``to_bytes``."""
        return cls(read_style_header(data), load(data)["colours"].astype(np.float32))


class FakeEngine:
    """What worker and command line need of ``model.image.engine.Engine``."""

    default_steps = 10
    step_seconds = float(os.environ.get("FEWSTROKE_SCRIPTED_STEP", "0.05"))

    def __init__(self, base_hash: str = BASE_HASH, folder: Path | None = None) -> None:
        """``folder`` remembers which seeds have made a worker hang."""
        self.base_hash = base_hash
        self._folder = folder

    def check_device(self) -> None:
        """A processor goes on after any error; a lost device after none."""
        if DEVICE_LOST:
            raise RuntimeError("CUDA error: an illegal memory access was encountered")

    def read_style(self, data: bytes) -> FakeStyle:
        """A style file of this engine's base."""
        style = FakeStyle.from_bytes(data)
        if style.header.base_hash != self.base_hash:
            raise StyleBaseMismatchError("the style was adapted from another base: adapt it again")
        return style

    def adapt(
        self, examples: Sequence[Any], *, steps: int | None = None, preview_every: int = 5, **more: Any
    ) -> FakeStyle:
        """One style. Raises AdaptationCanceled."""
        (outcome,) = self.adapt_many([Learning(examples, **more)], steps=steps, preview_every=preview_every)
        if isinstance(outcome, AdaptationCanceled):
            raise outcome
        return outcome

    def adapt_many(
        self, requests: Sequence[Learning], *, steps: int | None = None, preview_every: int = 5
    ) -> list[FakeStyle | AdaptationCanceled]:
        """All of them step by step; what one of them raises, all of them raise."""
        self.check_device()
        scripts = [request.seed for request in requests]
        _raise_as_asked(scripts)
        total = self.default_steps if steps is None else steps
        outcomes: dict[int, FakeStyle | AdaptationCanceled] = {}
        colours = [self.learn(request.examples) for request in requests]
        for i, request in enumerate(requests):
            if request.preview is not None and request.on_progress is not None:
                for side in (64, 128, 256):
                    early = self.preview(request.preview, colours[i], side, 0.1)
                    request.on_progress(Progress(0, total, {}, early))
        for step in range(total + 1):
            if step == 2:
                self._end_as_asked(scripts)
            for i, request in enumerate(requests):
                if i in outcomes:
                    continue
                if step and _stopped(request):
                    outcomes[i] = AdaptationCanceled()
                elif request.on_progress is not None:
                    due = request.preview is not None and step > 0 and step % preview_every == 0
                    share = (step + 2) / (total + 2)
                    shown = self.preview(request.preview, colours[i], 256, share) if due else None
                    request.on_progress(Progress(step, total, {"total": _loss(step, total)}, shown))
            if len(outcomes) == len(requests):
                break
            if step < total:
                self.pause([request for i, request in enumerate(requests) if i not in outcomes])
        losses = {"start": {"total": 1.0}, "end": {"total": _loss(total, total)}}
        for i, request in enumerate(requests):
            header = StyleHeader(self.base_hash, len(request.examples), total, request.seed, losses, "none")
            outcomes.setdefault(i, FakeStyle(header, colours[i]))
        return [outcomes[i] for i in range(len(requests))]

    def learn(self, examples: Sequence[Any]) -> np.ndarray:
        """The colours of a style of these examples; always the same here."""
        return BLACK_AND_WHITE

    def preview(self, photo: Image.Image, colours: np.ndarray, side: int, share: float) -> Image.Image:
        """The photo with ``side`` pixels, ``share`` of the way to the style; always itself here."""
        small = photo.copy()
        small.thumbnail((side, side))
        return small

    def pause(self, running: Sequence[Learning]) -> None:
        """Let a step, or a picture, take its time."""
        time.sleep(self.step_seconds)

    def blend(self, parts: Sequence[tuple[Any, float]]) -> Any:
        """The heaviest part."""
        return max(parts, key=lambda part: part[1])[0]

    def stylize(
        self,
        photo: Image.Image,
        style: Any,
        *,
        strength: float = Dials.strength,
        abstraction: float = Dials.abstraction,
        stroke_size: float = Dials.stroke_size,
        **more: Any,
    ) -> Image.Image:
        """One picture."""
        return self.draw(Rendering(photo, style, Dials(strength, abstraction, stroke_size), **more))

    def stylize_many(self, renderings: Sequence[Rendering]) -> list[Image.Image]:
        """A picture for each, one after the other."""
        return [self.draw(rendering) for rendering in renderings]

    def batches(self, renderings: Sequence[Rendering], most: int) -> list[list[int]]:
        """Pictures of one size."""
        sizes = [rendering.photo.size for rendering in renderings]
        return batches(sizes, [width * height for width, height in sizes], most, 10**9)

    def stylize_frames(
        self,
        frames: Iterable[Image.Image],
        style: Any,
        *,
        dials: Dials | None = None,
        smoothing: Any = None,
        **options: Any,
    ) -> Iterator[Image.Image]:
        """Every frame alone."""
        for frame in frames:
            yield self.draw(Rendering(frame, style, dials or Dials(), **options))

    def _end_as_asked(self, seeds: Sequence[int]) -> None:
        if Script.KILLS_ITS_WORKER in seeds:
            os.kill(os.getpid(), signal.SIGKILL)
        if Script.HANGS_ITS_WORKER in seeds:
            threading.Event().wait()
        for seed in seeds:
            if seed >= Script.HANGS_ONCE and self._folder is not None:
                mark = self._folder / f"hung-{seed}"
                if not mark.exists():
                    mark.touch()
                    threading.Event().wait()

    def draw(self, rendering: Rendering) -> Image.Image:
        """The photo inverted, in squares of the strokes' size; black where the mask is black and there is a
        style for it."""
        self.check_device()
        self.pause([])
        photo = rendering.photo
        if photo.size == TOO_LARGE:
            raise MemoryError
        if photo.size == DEADLY:
            os.kill(os.getpid(), signal.SIGKILL)
        result = in_squares(photo.point([255 - level for level in range(256)] * 3), rendering)
        if rendering.mask is not None:
            ground = Image.new("RGB", photo.size) if rendering.outside is not None else photo
            result = Image.composite(result, ground, rendering.mask.convert("L").resize(photo.size))
        if rendering.size is not None:
            result.thumbnail((rendering.size, rendering.size))
        return result


def in_squares(picture: Image.Image, rendering: Rendering) -> Image.Image:
    """The picture in squares of the strokes' size, if they are larger than usual."""
    if rendering.dials.stroke_size <= 1:
        return picture
    squares = [max(1, round(side / rendering.dials.stroke_size)) for side in picture.size]
    return picture.resize(squares).resize(picture.size, Image.Resampling.NEAREST)


def _raise_as_asked(seeds: Sequence[int]) -> None:
    if Script.OUT_OF_MEMORY in seeds or list(seeds).count(Script.NEEDS_ROOM) > 2:
        raise MemoryError
    if Script.MODEL_ERROR in seeds:
        raise DeviceUnavailableError("the device went away: choose another one")
    if Script.BUG in seeds:
        raise ZeroDivisionError("division by zero")


def _stopped(request: Learning) -> bool:
    return request.seed != Script.DEAF and request.should_stop is not None and request.should_stop()


def _loss(step: int, steps: int) -> float:
    """It falls from 1 to 0.6."""
    return 1.0 - 0.4 * step / max(1, steps)
