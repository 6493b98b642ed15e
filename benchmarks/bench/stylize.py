"""Stylization: seconds a picture by size and batch, each subject in turn within every row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from PIL import Image

from benchmarks.bench.johnson import Johnson
from benchmarks.bench.pictures import photo
from benchmarks.bench.roofline import Rates, count_work
from benchmarks.errors import MissingPackageError
from benchmarks.magenta import CANVAS, Magenta
from benchmarks.speed_probe import EXAMPLE_SIZES, synthetic_picture, timed
from model.data.folders import to_image, to_tensor
from model.engine import Engine
from model.requests import Rendering
from model.runtime import prefers_bf16
from model.style import Style

_SECONDS = 1.5  # a subject is repeated about so long in a row, at least three times
_SMALL = 1024  # px; peers are not asked for more than this a side: they keep every map in memory

Render = Callable[[Sequence[Image.Image]], object]


@dataclass(frozen=True)
class Subject:
    """Something that renders photos of one size."""

    name: str
    render: Render
    largest: int = _SMALL  # px
    batches: bool = False  # one pass for many


def subjects(device: str, *, peers: bool) -> tuple[list[Subject], Engine, Style, list[str]]:
    """Those that this machine has; what is missing is told."""
    engine = Engine.load(device=device)
    examples = [synthetic_picture(*size, seed=i) for i, size in enumerate(EXAMPLE_SIZES)]
    style = engine.adapt(examples, steps=0)
    found = [_ours(f"engine ({engine.renders_with})", engine, style, largest=8192)]
    missing = []
    if engine.renderer.native is not None:
        for name in ("openvino", "torch"):
            other = Engine.load(device=device, renderer=name)
            found.append(_ours(f"engine ({other.renders_with})", other, style))
    if peers:
        found.append(_eager(engine, style))
        found.append(_johnson(bf16=engine.objective.amp, device=engine.device))
        try:
            magenta = Magenta(threads=torch.get_num_threads())
            vector = magenta.style_vector(examples)
            found.append(
                Subject(f"Magenta (float32, {CANVAS} px)", lambda p: [magenta.stylize(x, vector) for x in p])
            )
        except MissingPackageError as error:
            missing.append(str(error))
    return found, engine, style, missing


def _ours(name: str, engine: Engine, style: Style, largest: int = _SMALL) -> Subject:
    def render(photos: Sequence[Image.Image]) -> object:
        return engine.stylize_many([Rendering(photo, style) for photo in photos])

    return Subject(name, render, largest, engine.renderer.native is None)


def _eager(engine: Engine, style: Style) -> Subject:
    phi = {name: value.to(engine.device) for name, value in style.phi.items()}

    def render(photos: Sequence[Image.Image]) -> object:
        many = {name: value.expand(len(photos), *value.shape[1:]) for name, value in phi.items()}
        with torch.no_grad():
            return [to_image(x) for x in engine.base.networks(to_tensor(photos).to(engine.device), many)]

    return Subject("torch eager (float32)", render, batches=True)


def _johnson(*, bf16: bool, device: torch.device) -> Subject:
    network = Johnson().eval().to(device).to(memory_format=torch.channels_last)

    def render(photos: Sequence[Image.Image]) -> object:
        x = to_tensor(photos).to(device).contiguous(memory_format=torch.channels_last)
        with torch.no_grad(), torch.autocast(device.type, torch.bfloat16, enabled=bf16):
            return [to_image(y) for y in network(x)]

    return Subject(f"Johnson et al. ({'bf16' if bf16 else 'float32'})", render, batches=True)


def measure(
    found: Sequence[Subject],
    engine: Engine,
    style: Style,
    rates: Rates,
    *,
    sizes: Sequence[int],
    batches: Sequence[int],
    tell: Callable[[str], None],
) -> list[dict[str, Any]]:
    """A row for every size, batch and subject: seconds a picture, and the ratios."""
    rows = []
    magenta_pixel: float | None = None
    for side, batch in [(side, 1) for side in sizes] + [(256, batch) for batch in batches if batch > 1]:
        photos = [photo(side, i) for i in range(batch)]
        tell(f"stylize {side} px, batch {batch}")
        for subject in found:
            if side > subject.largest or (batch > 1 and not subject.batches and subject is not found[0]):
                continue
            large = side > _SMALL
            once = timed(partial(subject.render, photos), 1, warm_ups=0 if large else 1)
            count = int(np.clip(_SECONDS / once.median, 1 if large else 3, 30))
            times = timed(partial(subject.render, photos), count, warm_ups=0)
            seconds = times.median / batch
            pixels = min(side, CANVAS) ** 2 if subject.name.startswith("Magenta") else side**2
            if subject.name.startswith("Magenta") and batch == 1 and side >= CANVAS:
                magenta_pixel = min(seconds / pixels, magenta_pixel or 1.0)
            rows.append(
                {
                    "subject": subject.name,
                    "side": side,
                    "batch": batch,
                    "seconds": seconds,
                    "cpu_seconds": times.cpu_median / batch,
                    "rendered_pixels": pixels,
                }
            )
    _ratios(rows, engine, style, rates, magenta_pixel)
    return rows


def _ratios(
    rows: list[dict[str, Any]], engine: Engine, style: Style, rates: Rates, magenta_pixel: float | None
) -> None:
    """Beside each row: how much faster a pixel is than Magenta's, and how much of the roofline is reached."""
    bf16 = prefers_bf16(engine.device)
    picture = to_tensor([photo(256, 0)])
    phi = {name: value.float().cpu() for name, value in style.phi.items()}
    works = {
        "Johnson": count_work(Johnson().eval(), picture, bytes_per_value=2 if bf16 else 4),
        "": count_work(engine.base.networks.cpu(), picture, phi, bytes_per_value=2 if bf16 else 4),
    }
    engine.base.networks.to(engine.device)
    for row in rows:
        if magenta_pixel is not None:
            row["faster_than_magenta_a_pixel"] = magenta_pixel / (row["seconds"] / row["rendered_pixels"])
        if row["subject"].startswith("Magenta") or engine.device.type != "cpu":
            continue
        work = works["Johnson" if row["subject"].startswith("Johnson") else ""]
        half = bf16 and "float32)" not in row["subject"]
        least = work.least_seconds(rates.peak(bf16=half), rates.copy) * row["side"] ** 2 / 256**2
        row["roofline_share"] = least / row["seconds"]
