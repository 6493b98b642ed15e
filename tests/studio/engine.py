"""The fake engine for the studio's tests: pictures that one can tell apart, a pace that a test holds.

A style is two colours, taken from the examples; a photo in it is a duotone.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
from PIL import Image, ImageFilter, ImageOps

from model.formats import checkpoint_hash
from model.image.engine_types import Rendering
from model.modality import Learning
from tests.support.fake_engine import FakeEngine, FakeStyle, in_squares

HOLD = "hold"  # while a file of this name is in the data folder, steps and renderings wait
FAIL = "fail"  # while a file of this name is there, they fail


class DuotoneEngine(FakeEngine):
    """Draws in the two colours of a style."""

    default_steps = 20
    step_seconds = float(os.environ.get("FEWSTROKE_SCRIPTED_STEP", "0.02"))

    def __init__(self, data_dir: Path, checkpoint: Path | None) -> None:
        self._checkpoint = checkpoint
        self._folder = data_dir
        self._hold = data_dir / HOLD
        self._fail = data_dir / FAIL
        (data_dir / "worker.pid").write_text(str(os.getpid()))

    @property
    def base_hash(self) -> str:  # type: ignore[override]
        """Of the file as it is now: a test may replace it."""
        return checkpoint_hash(self._checkpoint)

    def learn(self, examples: Sequence[Image.Image]) -> np.ndarray:
        """Mean colours of the darker and of the lighter half of all pixels."""
        pixels = np.concatenate([np.asarray(image.convert("RGB").resize((32, 32))) for image in examples])
        flat = pixels.reshape(-1, 3).astype(np.float32)
        light = flat.mean(axis=1)
        dark = light <= np.median(light)
        return np.stack([flat[dark].mean(axis=0) * 0.6, np.minimum(255, flat[~dark].mean(axis=0) * 1.2)])

    def preview(self, photo: Image.Image, colours: np.ndarray, side: int, share: float) -> Image.Image:
        """The photo in two colours, ``share`` of it."""
        return _duotone(super().preview(photo, colours, side, share), colours, share)

    def pause(self, running: Sequence[Learning]) -> None:
        """As long as a test holds it; running jobs that are to stop end it."""
        super().pause(running)
        while self._hold.exists() and not any(r.should_stop is not None and r.should_stop() for r in running):
            super().pause(running)
        if self._fail.exists():
            raise MemoryError("told to")

    def blend(self, parts: Sequence[tuple[FakeStyle, float]]) -> FakeStyle:
        """The mean of the colours, by weight."""
        whole = sum(weight for _, weight in parts)
        mean = sum(style.colours * (weight / whole) for style, weight in parts)
        return FakeStyle(parts[0][0].header, np.asarray(mean))

    def draw(self, rendering: Rendering) -> Image.Image:
        """The photo as a duotone, with every option of a rendering."""
        self.pause([])
        photo, style = rendering.photo.convert("RGB"), cast(FakeStyle, rendering.style)
        strength = min(1.0, rendering.dials.strength)
        if rendering.size is not None:
            photo = photo.copy()
            photo.thumbnail((rendering.size, rendering.size))
        flat = photo.filter(ImageFilter.BoxBlur(8 * rendering.dials.abstraction))
        result = in_squares(_duotone(flat, style.colours, strength), rendering)
        if rendering.preserve_color:
            light = result.convert("YCbCr").getchannel("Y")
            _, cb, cr = photo.convert("YCbCr").split()
            result = Image.merge("YCbCr", (light, cb, cr)).convert("RGB")
        if rendering.mask is not None:
            other: Any = rendering.outside
            ground = photo if other is None else _duotone(photo, other.colours, strength)
            soft = rendering.mask.convert("L").resize(photo.size)
            soft = soft.filter(ImageFilter.GaussianBlur(rendering.feather))
            result = Image.composite(result, ground, soft)
        return result


def _duotone(photo: Image.Image, colours: np.ndarray, share: float) -> Image.Image:
    black, white = (tuple(int(value) for value in colour) for colour in colours)
    toned = ImageOps.colorize(ImageOps.posterize(photo.convert("L"), 3), black=black, white=white)
    return Image.blend(photo.convert("RGB"), toned, share)
