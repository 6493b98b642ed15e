"""Stylization: seconds a picture by size and batch, each subject in turn within every row."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Any

import numpy as np
import torch
from PIL import Image

from benchmarks.bench.johnson import Johnson
from benchmarks.bench.pictures import photo
from benchmarks.bench.roofline import Rates, count_work
from benchmarks.errors import MissingPackageError
from benchmarks.magenta import CANVAS, Magenta
from benchmarks.timing import EXAMPLE_SIZES, Times, synthetic_picture, timed
from model.device import prefers_bf16
from model.errors import ExportUnavailableError
from model.image.engine import Engine
from model.image.engine_types import Rendering
from model.image.export import export_style
from model.image.export.style import INPUT
from model.image.media.folders import to_image, to_tensor
from model.image.network.style_params import at_level
from model.image.pyramid import SIDES, plan
from model.image.style import Style

_SECONDS = 1.5  # a subject is repeated about so long in a row
FINEST = len(SIDES) - 1
_SMALL = 1024  # px; peers are not asked for more than this a side: they keep every map in memory

Render = Callable[[Sequence[Image.Image]], object]


@dataclass(frozen=True)
class Subject:
    """Something that renders photos of one size."""

    name: str
    render: Render
    largest: int = _SMALL  # px
    smallest: int = 0  # px
    batches: bool = False  # one pass for many


def subjects(device: str, *, peers: bool) -> tuple[list[Subject], Engine, Style, list[str]]:
    """Those that this machine has; what is missing is told."""
    engine = Engine.load(device=device)
    examples = [synthetic_picture(*size, seed=i) for i, size in enumerate(EXAMPLE_SIZES)]
    style = engine.adapt(examples, steps=0)
    found = [_ours(f"engine ({engine.renders_with})", engine, style, largest=8192)]
    missing = []
    if engine.renderer.native is not None:
        for name in ("openvino-int8", "openvino", "torch"):
            other = Engine.load(device=device, renderer=name)
            if other.renders_with != engine.renders_with:
                found.append(_ours(f"engine ({other.renders_with})", other, style))
    if peers:
        found.append(_eager(engine, style))
        found.append(_johnson(bf16=engine.objective.amp, device=engine.device))
        try:
            found.append(_exported(style))
        except (ExportUnavailableError, ImportError) as error:
            missing.append(f"exported style in ONNX Runtime: {error}")
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
    """What a service does: level by level, and enlarged where the photo is larger than the finest level."""

    def render(photos: Sequence[Image.Image]) -> object:
        return engine.stylize_many([Rendering(photo, style) for photo in photos])

    return Subject(name, render, largest, batches=engine.renderer.native is None)


def drawn_pixels(side: int) -> int:
    """Pixels that the network draws for a square photo, at all levels together."""
    return sum(step.size[0] * step.size[1] for step in plan((side, side)))


def _eager(engine: Engine, style: Style) -> Subject:
    """The network once, at the photo's size."""
    phi = {name: value.to(engine.device) for name, value in at_level(style.phi, FINEST).items()}

    def render(photos: Sequence[Image.Image]) -> object:
        many = {name: value.expand(len(photos), *value.shape[1:]) for name, value in phi.items()}
        with torch.no_grad():
            return [to_image(x) for x in engine.base.networks(to_tensor(photos).to(engine.device), many)]

    return Subject("torch eager, one pass (float32)", render, batches=True)


def _johnson(*, bf16: bool, device: torch.device) -> Subject:
    network = Johnson().eval().to(device).to(memory_format=torch.channels_last)

    def render(photos: Sequence[Image.Image]) -> object:
        x = to_tensor(photos).to(device).contiguous(memory_format=torch.channels_last)
        with torch.no_grad(), torch.autocast(device.type, torch.bfloat16, enabled=bf16):
            return [to_image(y) for y in network(x)]

    return Subject(f"Johnson et al. ({'bf16' if bf16 else 'float32'})", render, batches=True)


def _exported(style: Style) -> Subject:
    """The file of ``fewstroke export`` in ONNX Runtime, on the CPU: float32, the style folded in.

    Raises ``ExportUnavailableError``, ``ImportError``.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(
        export_style(style.to_bytes()), options, providers=["CPUExecutionProvider"]
    )

    def render(photos: Sequence[Image.Image]) -> object:
        return [
            to_image(torch.from_numpy(session.run(None, {INPUT: to_tensor([each]).numpy()})[0])[0])
            for each in photos
        ]

    return Subject("exported style in ONNX Runtime (float32)", render)


def measure(
    found: Sequence[Subject],
    *,
    sizes: Sequence[int],
    batches: Sequence[int],
    least_rounds: int,
    tell: Callable[[str], None],
) -> list[dict[str, Any]]:
    """A row for every size, batch and subject: seconds a picture, and the ratio to Magenta's.

    Subjects alternate round by round, so that what others do to the machine meets all of them; beside Magenta
    stands the median over the rounds of the ratio within a round. ``least_rounds``: of every row
    but the large ones, also where they take longer than planned.
    """
    rows = []
    for side, batch in [(side, 1) for side in sizes] + [(256, batch) for batch in batches if batch > 1]:
        photos = [photo(side, i) for i in range(batch)]
        tell(f"stylize {side} px, batch {batch}")
        fits = [s for s in found if s.smallest <= side <= s.largest]
        present = [s for s in fits if batch == 1 or s.batches or s is found[0]]
        rounds = _rounds(present, photos, large=side > _SMALL, least=least_rounds, tell=tell)
        magenta = next((rounds[s.name] for s in present if s.name.startswith("Magenta")), None)
        for subject in present:
            times = rounds[subject.name]
            theirs = subject.name.startswith("Magenta")
            ours = subject.name.startswith("engine (")
            pixels = min(side, CANVAS) ** 2 if theirs else drawn_pixels(side) if ours else side**2
            row: dict[str, Any] = {
                "subject": subject.name,
                "side": side,
                "batch": batch,
                "rounds": len(times),
                "seconds": median(t.median for t in times) / batch,
                "cpu_seconds": median(t.cpu_median for t in times) / batch,
                "rendered_pixels": pixels,
            }
            if magenta is not None and side >= CANVAS:  # at its own size or a larger one
                pairs = zip(magenta, times, strict=True)
                ratios = [m.median / CANVAS**2 / (t.median / pixels) for m, t in pairs]
                row["faster_than_magenta_a_pixel"] = median(ratios)
                row["faster_than_magenta_quartiles"] = np.quantile(ratios, (0.25, 0.75)).tolist()
            rows.append(row)
    return rows


def _rounds(
    present: Sequence[Subject],
    photos: Sequence[Image.Image],
    *,
    large: bool,
    least: int,
    tell: Callable[[str], None],
) -> dict[str, list[Times]]:
    """Single calls of every subject in turn, after one that is not counted."""
    calls = {subject.name: partial(subject.render, photos) for subject in present}
    once = sum(timed(call, 1, warm_ups=0 if large else 1).median for call in calls.values())
    count = int(np.clip(_SECONDS * len(calls) / once, 1 if large else least, 30))
    tell(f"  {count} rounds of {len(calls)} subjects, about {count * once:.0f} s")
    found: dict[str, list[Times]] = {name: [] for name in calls}
    for number in range(count):
        # In another order each time: threads of one library wait actively when the next one begins.
        for name in random.Random(number).sample(list(calls), len(calls)):
            found[name].append(timed(calls[name], 1, warm_ups=0))
    return found


def add_shares(rows: list[dict[str, Any]], engine: Engine, style: Style, rates: Rates) -> None:
    """Beside each row: how much of the roofline is reached."""
    bf16 = prefers_bf16(engine.device)
    picture = to_tensor([photo(256, 0)])
    phi = {name: value.float().cpu() for name, value in at_level(style.phi, FINEST).items()}
    works = {
        "Johnson": count_work(Johnson().eval(), picture, bytes_per_value=2 if bf16 else 4),
        "": count_work(engine.base.networks.cpu(), picture, phi, bytes_per_value=2 if bf16 else 4),
    }
    engine.base.networks.to(engine.device)
    for row in rows:
        if row["subject"].startswith(("Magenta", "exported")) or engine.device.type != "cpu":
            continue
        work = works["Johnson" if row["subject"].startswith("Johnson") else ""]
        half = bf16 and "float32)" not in row["subject"]
        least = work.least_seconds(rates.peak(bf16=half), rates.copy) * row["rendered_pixels"] / 256**2
        row["roofline_share"] = least / row["seconds"]
