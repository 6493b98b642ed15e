"""An engine for the studio's tests: real style files, pictures one can tell apart, a pace that a test holds.

A style is two colours, taken from the examples; a photo in it is a duotone. No torch.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageFilter, ImageOps
from safetensors.numpy import load, save

from app.worker.interfaces import OneByOne
from model.errors import AdaptationCanceled
from model.formats import METADATA_KEY, StyleHeader, checkpoint_hash, read_style_header
from model.image.dials import DEFAULT_ABSTRACTION
from tests.app.worker.fake_engine import Progress

STEP_SECONDS = float(os.environ.get("FEWSTROKE_SCRIPTED_STEP", "0.02"))
HOLD = "hold"  # while a file of this name is in the data folder, steps and renderings wait
FAIL = "fail"  # while a file of this name is there, they fail


@dataclass(frozen=True)
class Duotone:
    """A style: the colours of the shadows and of the lights, ``(2, 3)`` in 0..255."""

    colours: np.ndarray
    header: StyleHeader

    def to_bytes(self) -> bytes:
        metadata = {METADATA_KEY: json.dumps(asdict(self.header))}
        return save({"colours": self.colours.astype(np.float16)}, metadata=metadata)

    @classmethod
    def from_bytes(cls, data: bytes) -> Duotone:
        return cls(load(data)["colours"].astype(np.float32), read_style_header(data))


class DuotoneEngine(OneByOne):
    """What the worker needs of ``model.image.engine.Engine``."""

    default_steps = 20

    def __init__(self, data_dir: Path, checkpoint: Path | None) -> None:
        self._checkpoint = checkpoint
        self._hold = data_dir / HOLD
        self._fail = data_dir / FAIL
        (data_dir / "worker.pid").write_text(str(os.getpid()))

    @property
    def base_hash(self) -> str:
        """Of the file as it is now: a test may replace it."""
        return checkpoint_hash(self._checkpoint)

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
    ) -> Duotone:
        total = self.default_steps if steps is None else steps
        colours = _colours(examples)
        losses: dict[str, float] = {}
        if preview is not None and on_progress is not None:
            for side in (64, 128, 256):
                on_progress(Progress(0, total, {}, _duotone(_small(preview, side), colours, 0.1)))
        for step in range(total + 1):
            if should_stop is not None and should_stop():
                raise AdaptationCanceled
            share = (step + 2) / (total + 2)
            losses = {"total": 1.0 - 0.4 * step / max(1, total)}
            shown = None
            if preview is not None and step and step % preview_every == 0:
                shown = _duotone(_small(preview, 256), colours, share)
            if on_progress is not None:
                on_progress(Progress(step, total, losses, shown))
            if step < total:
                self._wait(should_stop)
        start = {"total": 1.0}
        header = StyleHeader(
            self.base_hash, len(examples), total, seed, {"start": start, "end": losses}, "none"
        )
        return Duotone(colours, header)

    def blend(self, parts: Sequence[tuple[Duotone, float]]) -> Duotone:
        whole = sum(weight for _, weight in parts)
        mean = sum(style.colours * (weight / whole) for style, weight in parts)
        return Duotone(np.asarray(mean), parts[0][0].header)

    def stylize(
        self,
        photo: Image.Image,
        style: Duotone,
        *,
        strength: float = 1.0,
        abstraction: float = DEFAULT_ABSTRACTION,
        stroke_size: float = 1.0,
        size: int | None = None,
        preserve_color: bool = False,
        mask: Image.Image | None = None,
        outside: Duotone | None = None,
        feather: float = 0.0,
    ) -> Image.Image:
        self._wait(None)
        photo = photo.convert("RGB")
        if size is not None:
            photo = photo.copy()
            photo.thumbnail((size, size))
        flat = photo.filter(ImageFilter.BoxBlur(8 * abstraction))
        result = _duotone(flat, style.colours, min(1.0, strength))
        if stroke_size > 1:
            squares = [max(1, round(side / stroke_size)) for side in photo.size]
            result = result.resize(squares).resize(photo.size, Image.Resampling.NEAREST)
        if preserve_color:
            light = result.convert("YCbCr").getchannel("Y")
            _, cb, cr = photo.convert("YCbCr").split()
            result = Image.merge("YCbCr", (light, cb, cr)).convert("RGB")
        if mask is not None:
            ground = photo if outside is None else _duotone(photo, outside.colours, min(1.0, strength))
            soft = mask.convert("L").resize(photo.size).filter(ImageFilter.GaussianBlur(feather))
            result = Image.composite(result, ground, soft)
        return result

    def _wait(self, should_stop: Callable[[], bool] | None) -> None:
        time.sleep(STEP_SECONDS)
        while self._hold.exists() and not (should_stop is not None and should_stop()):
            time.sleep(STEP_SECONDS)
        if self._fail.exists():
            raise MemoryError("told to")


def _small(photo: Image.Image, side: int) -> Image.Image:
    small = photo.copy()
    small.thumbnail((side, side))
    return small


def _colours(examples: Sequence[Image.Image]) -> np.ndarray:
    """Mean colours of the darker and of the lighter half of all pixels."""
    pixels = np.concatenate([np.asarray(image.convert("RGB").resize((32, 32))) for image in examples])
    flat = pixels.reshape(-1, 3).astype(np.float32)
    light = flat.mean(axis=1)
    dark = light <= np.median(light)
    return np.stack([flat[dark].mean(axis=0) * 0.6, np.minimum(255, flat[~dark].mean(axis=0) * 1.2)])


def _duotone(photo: Image.Image, colours: np.ndarray, share: float) -> Image.Image:
    """The photo in two colours, ``share`` of it."""
    black, white = (tuple(int(value) for value in colour) for colour in colours)
    toned = ImageOps.colorize(ImageOps.posterize(photo.convert("L"), 3), black=black, white=white)
    return Image.blend(photo.convert("RGB"), toned, share)
